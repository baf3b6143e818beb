"""The next time that clocks show a time of day."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartcharging.departures import next_departure

BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "departure", "expected"),
    [
        ("2026-11-20T17:00", time(7, 30), "2026-11-21T06:30"),
        ("2026-11-20T05:00", time(7, 30), "2026-11-20T06:30"),
        # Exactly then: tomorrow.
        ("2026-11-20T06:30", time(7, 30), "2026-11-21T06:30"),
        # After midnight in Berlin, before it in UTC.
        ("2026-11-20T23:30", time(0, 15), "2026-11-21T23:15"),
        # The night in which clocks go back: 07:30 comes an hour later in UTC than the day before.
        ("2026-10-24T18:00", time(7, 30), "2026-10-25T06:30"),
        # 02:30 comes twice then: first at +2, then at +1.
        ("2026-10-24T18:00", time(2, 30), "2026-10-25T00:30"),
        ("2026-10-25T00:30", time(2, 30), "2026-10-25T01:30"),
        ("2026-10-25T00:45", time(2, 30), "2026-10-25T01:30"),
        # The night in which they go forward: 02:30 is skipped, 03:30 stands for it.
        ("2026-03-28T18:00", time(2, 30), "2026-03-29T01:30"),
        ("2026-03-28T18:00", time(7, 30), "2026-03-29T05:30"),
    ],
)
def test_it_is_the_next_time_that_clocks_show_it(after: str, departure: time, expected: str) -> None:
    assert next_departure(utc(after), departure, BERLIN) == utc(expected)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.times(),
    st.sampled_from(["Europe/Berlin", "UTC", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"]),
)
def test_it_is_later_and_within_two_days(after: datetime, departure: time, zone: str) -> None:
    at = next_departure(after, departure, ZoneInfo(zone))
    # Samoa left out a day, in 2011.
    assert 0 < (at - after).total_seconds() <= 50 * 3600
