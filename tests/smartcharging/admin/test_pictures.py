"""Schedules as stepped lines, and where two differ, in words."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from smartcharging.admin.pictures import compare, in_words, milliseconds, schedule_points
from smartcharging.admin.reported import shifted
from smartcharging.profiles.shapes import CompositePeriod

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def period(start_s: int, limit: str | None) -> CompositePeriod:
    return CompositePeriod(start_s, None if limit is None else Decimal(limit), None)


def test_a_line_has_a_corner_at_each_change_and_a_gap_where_nobody_limits() -> None:
    periods = [period(0, "7400"), period(3600, None), period(7200, "3700")]
    points = schedule_points(periods, start=START, duration_s=10_800, unit="W")
    first = milliseconds(START)
    assert points == [[first, 7.4], [first + 3_600_000, 7.4], None, [first + 7_200_000, 3.7], [first + 10_800_000, 3.7]]


def test_what_differs_is_said_once_for_each_stretch() -> None:
    ours = [period(0, "16"), period(3600, "8")]
    theirs = [period(0, "16"), period(1800, "20"), period(7200, "8")]
    found = compare(ours, theirs, start=START, duration_s=10_800, unit="A")
    said = [in_words(stretch, unit="A", zone=BERLIN) for stretch in found]
    assert said == [
        "Sat 13:30 to Sat 14:00: we reckon with 16 A, the charge point says 20 A.",
        "Sat 14:00 to Sat 15:00: we reckon with 8 A, the charge point says 20 A.",
    ]


def test_what_stations_round_is_no_difference() -> None:
    assert compare([period(0, "16")], [period(0, "15.7")], start=START, duration_s=3600, unit="A") == []


def test_a_report_of_before_is_counted_from_now() -> None:
    assert shifted([period(0, "16"), period(3600, "8"), period(7200, "6")], 4000) == [period(0, "8"), period(3200, "6")]
