"""Edges of the composite schedule that chance seldom finds, and how long it takes."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from smartcharging.profiles.composite import composite_schedule, limit_at
from smartcharging.profiles.shapes import CompositePeriod, Installed, Period, Profile, Recurrency, Schedule
from tests.benchmarks.bench_composite import cases, composite

BERLIN, APIA = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Apia")
START = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY_S = 86_400


def recurring(start: datetime, lasts: int | None, recurrency: Recurrency = "daily", *limits: int) -> Installed:
    periods = tuple(Period(place, Decimal(limit)) for place, limit in enumerate(limits or (10,)))
    return Installed(1, Profile(1, 0, "tx_default", "recurring", Schedule("A", periods, lasts, start), recurrency))


def always(limit: str, level: int = 0, profile_id: int = 1) -> Profile:
    return Profile(
        profile_id, level, "tx_default", "absolute", Schedule("A", (Period(0, Decimal(limit)),), None, START)
    )


def limits(*installed: Installed, start: datetime, length: int, zone: ZoneInfo = BERLIN) -> list[tuple[int, object]]:
    found = composite_schedule(installed, evse_number=1, start=start, duration_s=length, unit="A", zone=zone)
    return [(period.start_s, period.limit) for period in found]


def seconds(number: int) -> timedelta:
    return timedelta(seconds=number)


def test_schedule_that_starts_in_the_windows_last_second_is_seen() -> None:
    assert limits(recurring(START + seconds(9), None), start=START, length=10) == [(0, None), (9, 10)]


def test_schedule_that_starts_as_the_window_ends_is_not() -> None:
    assert limits(recurring(START + seconds(10), None), start=START, length=10) == [(0, None)]


def test_schedule_whose_last_second_is_the_windows_first_is_seen() -> None:
    yesterday = recurring(START + seconds(1 - DAY_S), 100, "daily")
    assert limits(yesterday, start=START, length=5) == [(0, None), (1, 10)]
    lasting = recurring(START + seconds(1 - 100), 100, "daily")
    assert limits(lasting, start=START, length=5) == [(0, 10), (1, None)]


def test_schedule_of_the_day_before_ends_where_it_starts_again() -> None:
    two_limits = recurring(START - seconds(3 * DAY_S - 1), None, "daily", 10, 20)
    assert limits(two_limits, start=START, length=4) == [(0, 20), (1, 10), (2, 20)]


def test_weekly_schedule_that_began_years_ago() -> None:
    saturday = datetime(2015, 11, 21, 12, tzinfo=UTC)
    assert limits(recurring(saturday, 60, "weekly"), start=START - seconds(1), length=70) == [
        (0, None), (1, 10), (61, None),
    ]  # fmt: skip


def test_day_that_a_zone_left_out() -> None:
    """Samoa had no 30 December 2011: daily at 10:00, that day's and the next day's start are the same instant."""
    ten = datetime(2011, 12, 28, 20, tzinfo=UTC)
    assert limits(recurring(ten, 3600), start=ten, length=3 * DAY_S, zone=APIA) == [
        (0, 10), (3600, None),
        (DAY_S, 10), (DAY_S + 3600, None),
        (2 * DAY_S, 10), (2 * DAY_S + 3600, None),
    ]  # fmt: skip


def test_times_in_the_sites_own_zone_are_instants_too() -> None:
    """Python subtracts two times of one zone by their wall clocks, which would lose the hour."""
    before = datetime(2026, 10, 25, 1, tzinfo=BERLIN)
    after = datetime(2026, 10, 25, 4, tzinfo=BERLIN)
    profile = Profile(
        1, 0, "tx_default", "absolute", Schedule("A", (Period(0, Decimal(6)),), None, after), valid_from=before
    )
    assert limits(Installed(1, profile), start=before, length=5 * 3600) == [(0, None), (4 * 3600, 6)]


def test_schedule_without_periods_says_nothing() -> None:
    empty = Profile(1, 0, "tx_default", "absolute", Schedule("A", (), None, START))
    assert limits(Installed(1, empty), start=START, length=5) == [(0, None)]


def test_before_its_first_period_a_schedule_lets_the_lower_one_through() -> None:
    late = Profile(2, 1, "tx_default", "absolute", Schedule("A", (Period(3, Decimal(6)),), None, START))
    assert limits(Installed(1, late), Installed(1, always("16")), start=START, length=5) == [(0, 16), (3, 6)]


def test_of_two_at_the_same_place_the_one_with_the_higher_id_counts() -> None:
    two = [Installed(1, always("16", 0, 1)), Installed(1, always("10", 0, 2))]
    assert limits(*two, start=START, length=5) == limits(*reversed(two), start=START, length=5) == [(0, 10)]


def test_what_is_out_of_place_counts_for_nothing() -> None:
    """A TxProfile of the whole station, a station's maximum on a connector: no charge point takes them."""
    schedule = Schedule("A", (Period(0, Decimal(6)),), None, START)
    out_of_place = [
        Installed(0, Profile(1, 0, "tx", "absolute", schedule)),
        Installed(1, Profile(2, 0, "station_max", "absolute", schedule)),
    ]
    found = limit_at(out_of_place, evse_number=1, at=START, unit="A", zone=BERLIN, session_start=START)
    assert found == CompositePeriod(0, None, None)


@pytest.mark.parametrize("length", [0, -5])
def test_window_of_no_length_has_no_periods(length: int) -> None:
    assert limits(Installed(1, always("16")), start=START, length=length) == []


def test_thousand_profiles_over_a_week_are_laid_over_each_other_in_a_moment() -> None:
    """50 ms on a quiet machine (`scripts/bench composite`); here only that it can't have become another order."""
    slowest = 0.0
    for _, start, installed in cases(1000):
        began = time.process_time()
        composite(installed, start)
        slowest = max(slowest, time.process_time() - began)
    assert slowest < 0.5
