"""A clock that is off is told from messages that come late."""

from datetime import UTC, datetime, timedelta
from typing import Any

from metering.alerts.clocks import Clocks

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def judge(clocks: Clocks, minutes: float, off: timedelta, tolerance: timedelta = MINUTE) -> Any:
    received_at = NOON + timedelta(minutes=minutes)
    return clocks.judge(1, received_at, received_at + off, tolerance)


def test_a_clock_ahead_is_told_at_once() -> None:
    wrong, ahead = judge(Clocks(), 0, timedelta(hours=2))
    assert (ahead, wrong.worst, wrong.bound, wrong.started_at) == (True, 7200, 60, NOON)


def test_a_clock_within_tolerance_is_none() -> None:
    clocks = Clocks()
    assert [judge(clocks, 0, timedelta(seconds=off)) for off in (60, 0, -60)] == [None] * 3


def test_a_clock_that_stays_behind_is_told_after_some_minutes() -> None:
    clocks = Clocks()
    told = [judge(clocks, minute, -timedelta(hours=1, seconds=minute % 3)) for minute in range(6)]
    assert [one is not None for one in told] == [False] * 4 + [True, False]
    wrong, ahead = told[4]
    assert (ahead, wrong.ended_at) == (False, None)


def test_a_queue_that_is_worked_off_is_no_wrong_clock() -> None:
    """Six hours offline, one reading a minute, sent again ten a minute."""
    clocks = Clocks()
    told = [judge(clocks, n / 10, -timedelta(hours=6) + timedelta(minutes=n * 0.9)) for n in range(390)]
    assert not any(told)


def test_a_burst_of_late_messages_is_no_wrong_clock() -> None:
    clocks = Clocks()
    assert not any(judge(clocks, n / 600, -timedelta(hours=6)) for n in range(500))


def test_a_clock_that_is_set_right_ends_it() -> None:
    clocks = Clocks()
    judge(clocks, 0, timedelta(hours=2))
    wrong, _ = judge(clocks, 5, timedelta(seconds=2))
    assert wrong.ended_at == NOON + 5 * MINUTE
    assert judge(clocks, 6, timedelta(seconds=2)) is None


def test_one_at_the_edge_does_not_come_and_go() -> None:
    clocks = Clocks()
    judge(clocks, 0, timedelta(seconds=61))
    assert judge(clocks, 1, timedelta(seconds=59)) is None
    assert judge(clocks, 2, timedelta(seconds=61)) is None
    assert judge(clocks, 3, timedelta(seconds=20))[0].ended_at is not None


def test_what_goes_on_is_told_every_five_minutes() -> None:
    clocks = Clocks()
    told = [judge(clocks, minute, timedelta(hours=2)) is not None for minute in range(11)]
    assert told == [True, False, False, False, False] * 2 + [True]
