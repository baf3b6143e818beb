"""Stored answers stay within their bounds, and actions have a direction in every version."""

import pytest
from structlog.testing import capture_logs

from chargepoints.protocol.actions import FOLDERS, actions_from_station, actions_to_station, all_actions
from chargepoints.protocol.answers import OVERHEAD_BYTES, RecentAnswers
from chargepoints.protocol.framing import Call


def call(message_id: str) -> Call:
    return Call(message_id, "DataTransfer", {})


def test_big_answers_push_out_the_oldest() -> None:
    answers = RecentAnswers(limit_bytes=3 * (OVERHEAD_BYTES + 1000))
    for number in range(10):
        answers.keep(7, call(str(number)), "d", "x" * 990, now=0)
    assert len(answers) == 3
    assert answers.find(7, call("9"), "d", now=0) is not None
    assert answers.find(7, call("0"), "d", now=0) is None


def test_an_answer_kept_again_is_counted_once() -> None:
    answers = RecentAnswers(limit_bytes=3 * (OVERHEAD_BYTES + 1000))
    answers.keep(7, call("other"), "d", "x", now=0)
    for _ in range(100):
        answers.keep(7, call("1"), "d", "x" * 990, now=0)
    assert len(answers) == 2


def test_an_answer_too_big_to_keep_leaves_nothing_behind() -> None:
    answers = RecentAnswers(limit_bytes=1000)
    answers.keep(7, call("1"), "d", "x" * 5000, now=0)
    assert len(answers) == 0
    answers.keep(7, call("2"), "d", "x", now=0)
    assert answers.find(7, call("2"), "d", now=0) == "x"


def test_an_id_used_again_for_another_call_is_a_new_call_and_logged() -> None:
    answers = RecentAnswers()
    answers.keep(7, call("1"), "one", "x", now=0)
    with capture_logs() as logs:
        assert answers.find(7, call("1"), "two", now=1) is None
    assert "used again" in logs[0]["event"]


@pytest.mark.parametrize("version", sorted(FOLDERS))
def test_every_action_has_a_direction_and_none_is_invented(version: str) -> None:
    assert actions_from_station(version) <= all_actions(version)
    assert actions_from_station(version) | actions_to_station(version) == all_actions(version)
    assert actions_from_station(version) & actions_to_station(version) == {"DataTransfer"}
