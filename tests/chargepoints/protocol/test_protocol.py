"""OCPP-J itself: frames, repairs, codes, directions, pending calls, limits."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargepoints.protocol.actions import actions_from_station, actions_to_station, all_actions
from chargepoints.protocol.answers import RecentAnswers
from chargepoints.protocol.errors import Code, OcppError, spell
from chargepoints.protocol.framing import BadFrame, Call, decode, encode_error
from chargepoints.protocol.limits import FrameRate
from chargepoints.protocol.pending import OutgoingCall, PendingCalls
from chargepoints.protocol.registry import Registry, registry
from chargepoints.protocol.timestamps import format_timestamp, parse_timestamp, read_timestamp
from chargepoints.protocol.validation import schema, validate_call, validate_reply
from chargepoints.services.passwords import hash_password, password_matches
from tests.examples import examples

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)


@examples(100)
@given(st.one_of(st.text(), json_values.map(json.dumps), st.binary().map(lambda b: b.decode("latin-1"))))
def test_no_text_makes_decoding_fail_but_as_a_bad_frame(text: str) -> None:
    try:
        decode(text)
    except BadFrame:
        pass


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '[2,"1","A",' + '{"a":' * 900 + "1" + "}" * 900 + "]", "[2," + "9" * 5000 + ',"A",{}]', "x" * 10_000_000,
     '[2,"\\ud800","A",{}]', "[2,1e400,{}]", '[2,"' + "i" * 600 + '","A",{}]'],
)  # fmt: skip
def test_hostile_frames_are_bad_frames_or_calls(text: str) -> None:
    try:
        frame = decode(text)
    except BadFrame:
        return
    assert isinstance(frame, Call)
    with pytest.raises(OcppError):
        validate_call("1.6", "StatusNotification", frame.payload, lenient=True)


@examples(100)
@given(st.sampled_from(sorted(actions_from_station("1.6"))), st.data())
def test_no_payload_makes_validation_fail_but_as_an_ocpp_error(action: str, data: st.DataObject) -> None:
    known = list(schema("1.6", action)["properties"]) or ["x"]
    payload = data.draw(st.dictionaries(st.sampled_from(known) | st.text(max_size=8), json_values, max_size=6))
    before = json.dumps(payload)
    try:
        validate_call("1.6", action, payload, lenient=True)
    except OcppError:
        pass
    assert json.dumps(payload) == before


def test_a_null_payload_is_an_empty_one() -> None:
    assert decode('[2,"1","Heartbeat",null]') == Call("1", "Heartbeat", {})


def test_a_nul_character_is_dropped() -> None:
    frame = decode('[2,"1","A",{"x":"a\\u0000b"}]')
    assert frame.payload == {"x": "ab"}  # type: ignore[union-attr]


def test_broken_answers_are_not_answered() -> None:
    with pytest.raises(BadFrame) as caught:
        decode('[3,"1",[]]')
    assert caught.value.answerable is False


def test_descriptions_are_cut_to_what_ocpp_allows() -> None:
    assert len(json.loads(encode_error("1", "InternalError", "x" * 1000, {}))[3]) == 255


def test_there_are_39_actions_each_with_a_direction() -> None:
    actions = all_actions("1.6")
    assert len(actions) == 39
    assert actions_from_station("1.6") | actions_to_station("1.6") == actions
    assert actions_from_station("1.6") & actions_to_station("1.6") == {"DataTransfer"}


def test_every_core_action_of_a_station_has_an_answerer() -> None:
    core = {"Authorize", "BootNotification", "DataTransfer", "Heartbeat", "MeterValues", "StartTransaction",
            "StatusNotification", "StopTransaction"}  # fmt: skip
    assert core <= {action for version, action in registry.answerers if version == "1.6"}


def test_codes_are_spelled_as_their_version_does() -> None:
    assert spell(Code.OCCURRENCE, "1.6") == "OccurenceConstraintViolation"
    assert spell(Code.OCCURRENCE, "2.0.1") == "OccurrenceConstraintViolation"
    assert spell(Code.FORMAT, "1.6") == "FormationViolation"


def test_a_second_answerer_for_one_action_fails_with_both_named() -> None:
    fresh = Registry()
    fresh.on_call("1.6", "Heartbeat")(lambda context, payload: {})

    def another(context: Any, payload: Any) -> dict[str, Any]:
        return {}

    with pytest.raises(ValueError, match="another"):
        fresh.on_call("1.6", "Heartbeat")(another)
    with pytest.raises(ValueError, match="no action"):
        fresh.on_call("1.6", "Reset")


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        ({"connectorId": "1"}, {"connectorId": 1}),
        ({"connectorId": 1, "info": ""}, {"connectorId": 1, "info": ""}),
        ({"connectorId": 1, "info": None}, {"connectorId": 1}),
        ({"connectorId": 1, "info": "x" * 60}, {"connectorId": 1, "info": "x" * 50}),
        ({"connectorId": 1, "extra": 5}, {"connectorId": 1}),
        ({"connectorId": 1, "vendorId": 77}, {"connectorId": 1, "vendorId": "77"}),
        ({"connectorId": 1, "timestamp": ""}, {"connectorId": 1}),
        (
            {"connectorId": 1, "timestamp": "2026-11-20 10:00"},
            {"connectorId": 1, "timestamp": "2026-11-20T10:00:00.000Z"},
        ),
    ],
)
def test_lenient_mends_what_is_unambiguous(broken: dict[str, Any], mended: dict[str, Any]) -> None:
    rest = {"errorCode": "NoError", "status": "Available"}
    done = validate_call("1.6", "StatusNotification", {**broken, **rest}, lenient=True)
    assert done.payload == {**mended, **rest}
    assert bool(done.violations) == (broken != mended)


@pytest.mark.parametrize("value", [True, "one", {}, 1.5, "1.5"])
def test_lenient_does_not_guess(value: Any) -> None:
    payload = {"connectorId": value, "errorCode": "NoError", "status": "Available"}
    with pytest.raises(OcppError):
        validate_call("1.6", "StatusNotification", payload, lenient=True)


def test_unknown_measurands_are_kept_as_given() -> None:
    sample = {"value": "1", "measurand": "Coffee.Temperature", "unit": "Celcius"}
    payload = {"connectorId": 1, "meterValue": [{"timestamp": "2026-11-20T10:00:00Z", "sampledValue": [sample]}]}
    done = validate_call("1.6", "MeterValues", payload, lenient=True)
    assert done.payload["meterValue"][0]["sampledValue"] == [sample]


def test_a_stations_reply_is_checked_too() -> None:
    assert validate_reply("1.6", "Reset", {"status": "Accepted"}, lenient=False).violations == []
    with pytest.raises(OcppError):
        validate_reply("1.6", "Reset", {"status": "Perhaps"}, lenient=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-20T10:00:00Z", 0), ("2026-11-20T10:00:00", 0), ("2026-11-20t10:00:00z", 0),
        ("2026-11-20T12:00:00+02:00", 0), ("2026-11-20T12:00:00+0200", 0), ("2026-11-20T10:00:00.123456789Z", 0.123456),
        ("2026-11-20 10:00", 0), ("2026-11-20T09:59:60Z", -1),
    ],
)  # fmt: skip
def test_times_are_read_in_all_their_spellings(text: str, seconds: float) -> None:
    expected = datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp() + seconds
    assert read_timestamp(text).timestamp() == pytest.approx(expected)
    assert parse_timestamp(format_timestamp(read_timestamp(text))).tzinfo is not None


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01T00:00:00Z", "99999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]
)
def test_nonsense_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_timestamp(text)


def test_one_call_is_outstanding_and_the_rest_go_by_priority() -> None:
    pending = PendingCalls()
    for name, priority in (("slow", 7), ("normal", 5), ("stop", 1), ("normal2", 5)):
        assert pending.offer(OutgoingCall(name, name, {}, 30, priority))
    assert not pending.offer(OutgoingCall("stop", "stop", {}, 30, 1))
    order = []
    while (call := pending.take_next()) is not None:
        assert pending.take_next() is None
        assert pending.settle("nobody") is None
        order.append(call.message_id)
        assert pending.settle(call.message_id) is call
    assert order == ["stop", "normal", "normal2", "slow"]


def test_answers_are_kept_five_minutes_for_the_very_same_call() -> None:
    answers = RecentAnswers(limit=2)
    call = Call("1", "Authorize", {})
    answers.keep(7, call, "digest", "answer", now=0)
    assert answers.find(7, call, "digest", now=299) == "answer"
    assert answers.find(7, call, "other", now=1) is None
    assert answers.find(8, call, "digest", now=1) is None
    assert answers.find(7, call, "digest", now=301) is None
    for number in range(5):
        answers.keep(7, Call(str(number), "A", {}), "d", "a", now=1)
    assert len(answers) == 2


def test_the_frame_rate_allows_a_burst_and_then_the_rate() -> None:
    rate = FrameRate(10, 3, now=0)
    assert [rate.allow(0) for _ in range(4)] == [True, True, True, False]
    assert rate.allow(0.1)
    assert not rate.allow(0.1)


def test_a_password_is_matched_as_text_hex_and_bytes() -> None:
    password = b"00112233445566778899aabbccddeeff"
    stored = hash_password(password)
    assert password_matches(password, stored)
    assert password_matches(password.hex().encode(), stored)
    assert password_matches(bytes.fromhex(password.decode()), stored)
    assert not password_matches(b"wrong", stored, "")
