"""The table of periods: clock times as people type them against seconds as the standard counts them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smartcharging.admin.period_table import PeriodRow, PeriodTable, length_text, local_moment, read_length
from smartcharging.profiles.shapes import Period, Schedule

BERLIN = ZoneInfo("Europe/Berlin")
# A Saturday; clocks show 13:00.
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def table(*rows: dict[str, Any]) -> PeriodTable:
    return PeriodTable([PeriodRow(**row) for row in rows])


def test_daily_times_count_from_the_first_row_and_wrap_at_midnight() -> None:
    start, periods = table({"at": "22:00", "limit": "16"}, {"at": "6:00", "limit": "8,5"}).read("daily", BERLIN, NOW)
    # The last 22:00 that has been: so the profile holds at once.
    assert start == datetime(2026, 11, 20, 21, tzinfo=UTC)
    assert periods == (Period(0, Decimal(16)), Period(8 * 3600, Decimal("8.5")))


def test_weekly_times_name_their_day() -> None:
    rows = [{"day": "0", "at": "07:00", "limit": "8"}, {"day": "5", "at": "00:00", "limit": "32", "phases": "1"}]
    start, periods = table(*rows).read("weekly", BERLIN, NOW)
    assert start == datetime(2026, 11, 16, 6, tzinfo=UTC)
    assert periods[1] == Period((5 * 24 - 7) * 3600, Decimal(32), 1)


def test_dates_count_elapsed_seconds_over_a_change_of_clocks() -> None:
    rows = [{"when": "2026-10-25T00:00", "limit": "16"}, {"when": "2026-10-25T06:00", "limit": "8"}]
    start, periods = table(*rows).read("absolute", BERLIN, NOW)
    assert start == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert periods[1].start_s == 7 * 3600


def test_a_session_counts_from_its_start() -> None:
    start, periods = table({"at": "0:00", "limit": "16"}, {"at": "1:30", "limit": "8"}).read("relative", BERLIN, NOW)
    assert start is None
    assert [period.start_s for period in periods] == [0, 5400]


@pytest.mark.parametrize(
    ("kind", "row", "name"),
    [
        ("daily", {"at": "24:00", "limit": "8"}, "at"),
        ("daily", {"at": "noon", "limit": "8"}, "at"),
        ("daily", {"at": "08:00", "limit": "much"}, "limit"),
        ("daily", {"at": "08:00", "limit": "-1"}, "limit"),
        ("daily", {"at": "08:00", "limit": "NaN"}, "limit"),
        ("daily", {"at": "08:00", "limit": "8.55"}, "limit"),
        ("daily", {"at": "08:00", "limit": "8", "phases": "4"}, "phases"),
        ("weekly", {"at": "08:00", "limit": "8", "day": "7"}, "day"),
        ("relative", {"at": "", "limit": "8"}, "at"),
        ("absolute", {"when": "", "limit": "8"}, "when"),
        # Clocks go forward over it.
        ("absolute", {"when": "2026-03-29T02:30", "limit": "8"}, "when"),
        ("absolute", {"when": "0001-01-01T00:00", "limit": "8"}, "when"),
    ],
)
def test_a_fault_stands_at_its_field(kind: str, row: dict[str, str], name: str) -> None:
    made = table(row)
    made.read(kind, BERLIN, NOW)  # type: ignore[arg-type]
    assert not made.is_valid
    assert list(made.rows[0].faults) == [name]


def test_rows_must_follow_one_another() -> None:
    made = table({"at": "08:00", "limit": "8"}, {"at": "08:00", "limit": "9"})
    made.read("daily", BERLIN, NOW)
    assert list(made.rows[1].faults) == ["at"]


def test_no_row_at_all_is_a_fault() -> None:
    made = table()
    made.read("daily", BERLIN, NOW)
    assert made.faults


@pytest.mark.parametrize("kind", ["daily", "weekly", "absolute", "relative"])
def test_a_stored_schedule_comes_back_as_it_was_typed(kind: str) -> None:
    start = None if kind == "relative" else datetime(2026, 11, 18, 21, 15, tzinfo=UTC)
    stored = Schedule("A", (Period(0, Decimal("16.0"), 3), Period(3600, Decimal("8.5"))), start_at=start)
    made = PeriodTable.of(stored, kind, BERLIN)  # type: ignore[arg-type]
    assert [row.limit for row in made.rows] == ["16", "8.5"]
    again, periods = made.read(kind, BERLIN, NOW)  # type: ignore[arg-type]
    assert made.is_valid
    assert periods == stored.periods
    if kind == "absolute":
        assert again == start


def test_lengths_and_moments() -> None:
    assert read_length("36:00:10") == 129_610
    assert read_length("7.5") is None
    assert length_text(27_000) == "7:30"
    assert local_moment("2026-11-21T13:00", BERLIN) == NOW
    assert local_moment("2026-11-21T13:00+01:00", BERLIN) is None
