"""The table of a schedule's periods as people fill it in: clock times, not seconds. Pure; knows no request.

What a row's time means depends on the kind: a date and time (absolute), a time of day (daily), a day of the week and
a time (weekly), or hours and minutes after the start of the session (relative).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Literal
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _

from smartcharging.profiles.shapes import Kind, Period, Recurrency, Schedule

# The kind and its recurrence in one word.
KindChoice = Literal["absolute", "daily", "weekly", "relative"]
TIME = re.compile(r"(\d{1,4}):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
DAY_S, WEEK_S = 86_400, 7 * 86_400
WEEK = [(str(number), name) for number, name in WEEKDAYS_ABBR.items()]
# More are no schedule; a station takes far fewer.
MOST_ROWS = 500
LENGTH: dict[str, int] = {"daily": DAY_S, "weekly": WEEK_S}


@dataclass(slots=True)
class PeriodRow:
    """One row as it was typed, and what is wrong with it, by field."""

    at: str = ""
    day: str = "0"
    when: str = ""
    limit: str = ""
    phases: str = ""
    faults: dict[str, list[str]] = field(default_factory=dict)

    def fault(self, name: str, text: str) -> None:
        self.faults.setdefault(name, []).append(text)


@dataclass(slots=True)
class PeriodTable:
    """Rows in the order in which they were entered."""

    rows: list[PeriodRow]
    # Faults that no row has.
    faults: list[str] = field(default_factory=list)

    @classmethod
    def posted(cls, data: QueryDict) -> "PeriodTable":
        columns = [data.getlist(name)[:MOST_ROWS] for name in ("at", "day", "when", "limit", "phases")]
        count = max(map(len, columns))
        padded = [[*column, *[""] * (count - len(column))] for column in columns]
        return cls([PeriodRow(*(text.strip()[:40] for text in texts)) for texts in zip(*padded, strict=True)])

    @classmethod
    def of(cls, schedule: Schedule, kind: KindChoice, zone: ZoneInfo) -> "PeriodTable":
        """A stored schedule for editing."""
        return cls([_row(schedule, period, kind, zone) for period in schedule.periods])

    @property
    def is_valid(self) -> bool:
        return not self.faults and not any(row.faults for row in self.rows)

    def read(self, kind: KindChoice, zone: ZoneInfo, now: datetime) -> tuple[datetime | None, tuple[Period, ...]]:
        """(start of the schedule, periods). Faults are put at the rows; then the answer says nothing."""
        if not self.rows:
            self.faults.append(_("At least one period."))
            return None, ()
        limits = [_limit(row) for row in self.rows]
        phases = [_phases(row) for row in self.rows]
        if kind == "absolute":
            start, offsets = _absolute(self.rows, zone)
        elif kind == "relative":
            start, offsets = None, [_after_start(row) for row in self.rows]
        else:
            start, offsets = _recurring(self.rows, kind, zone, now)
        if not self.is_valid:
            return None, ()
        return start, tuple(Period(*values) for values in zip(offsets, limits, phases, strict=True))


def kind_choice(kind: Kind, recurrency: Recurrency) -> KindChoice:
    """As the form names it."""
    if kind == "recurring":
        return "weekly" if recurrency == "weekly" else "daily"
    return kind


def kind_of(choice: KindChoice) -> tuple[Kind, Recurrency]:
    """As a profile names it."""
    return ("recurring", choice) if choice in ("daily", "weekly") else (choice, "")  # type: ignore[return-value]


def read_length(text: str) -> int | None:
    """`7:30`, `36:00:10` -> seconds; None: not a time."""
    found = TIME.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def length_text(seconds: int) -> str:
    """27000 -> `7:30`."""
    text = f"{seconds // 3600}:{seconds % 3600 // 60:02d}"
    return text if seconds % 60 == 0 else f"{text}:{seconds % 60:02d}"


def local_moment(text: str, zone: ZoneInfo) -> datetime | None:
    """`2026-11-21T22:00` on the zone's clock, in UTC; None: no such time."""
    try:
        naive = datetime.fromisoformat(text)
    except ValueError:
        return None
    if naive.tzinfo is not None or not 2000 <= naive.year <= 2100:
        return None
    at = naive.replace(tzinfo=zone).astimezone(UTC)
    # Clocks go forward over it.
    return at if at.astimezone(zone).replace(tzinfo=None) == naive else None


def _limit(row: PeriodRow) -> Decimal:
    try:
        limit = Decimal(row.limit.replace(",", "."))
    except InvalidOperation:
        limit = Decimal("NaN")
    if not limit.is_finite() or not 0 <= limit <= 10_000_000:
        row.fault("limit", _("A number of 0 or more."))
    elif limit != round(limit, 1):
        row.fault("limit", _("At most one decimal."))
    return limit


def _phases(row: PeriodRow) -> int | None:
    if row.phases not in ("", "1", "2", "3"):
        row.fault("phases", _("1, 2 or 3."))
        return None
    return int(row.phases) if row.phases else None


def _absolute(rows: Sequence[PeriodRow], zone: ZoneInfo) -> tuple[datetime | None, list[int]]:
    moments = [local_moment(row.when, zone) for row in rows]
    for row, at in zip(rows, moments, strict=True):
        if at is None:
            row.fault("when", _("A date and time that there is."))
    start = moments[0]
    if start is None:
        return None, [0 for _row in rows]
    offsets = [0 if at is None else round((at - start).total_seconds()) for at in moments]
    _must_rise(rows, offsets, "when")
    return start, offsets


def _after_start(row: PeriodRow) -> int:
    seconds = read_length(row.at)
    if seconds is None:
        row.fault("at", _("Hours and minutes, such as 1:30."))
    return seconds or 0


def _recurring(
    rows: Sequence[PeriodRow], kind: KindChoice, zone: ZoneInfo, now: datetime
) -> tuple[datetime | None, list[int]]:
    """The first row is where the schedule starts; times before it belong to the next day (week)."""
    length = LENGTH[kind]
    clocks = [_clock(row, kind) for row in rows]
    if any(one is None for one in clocks):
        return None, [0 for _row in rows]
    first = clocks[0] or 0
    offsets = [((one or 0) - first) % length for one in clocks]
    _must_rise(rows, offsets, "at")
    return _last_start(first, kind, zone, now), offsets


def _clock(row: PeriodRow, kind: KindChoice) -> int | None:
    seconds = read_length(row.at)
    if seconds is None or seconds >= DAY_S:
        row.fault("at", _("A time of day, such as 22:00."))
        return None
    if kind == "daily":
        return seconds
    if row.day not in dict(WEEK):
        row.fault("day", _("A day of the week."))
        return None
    return int(row.day) * DAY_S + seconds


def _last_start(first: int, kind: KindChoice, zone: ZoneInfo, now: datetime) -> datetime:
    """The last moment up to now at which clocks showed `first`: so the schedule holds at once."""
    today = now.astimezone(zone).date()
    begin: date = today if kind == "daily" else today - timedelta(days=today.weekday())
    days, seconds = divmod(first, DAY_S)
    clock = time(seconds // 3600, seconds % 3600 // 60, seconds % 60)
    start = datetime.combine(begin + timedelta(days=days), clock, zone).astimezone(UTC)
    if start <= now:
        return start
    back = begin + timedelta(days=days) - timedelta(seconds=LENGTH[kind])
    return datetime.combine(back, clock, zone).astimezone(UTC)


def _must_rise(rows: Sequence[PeriodRow], offsets: Sequence[int], name: str) -> None:
    for row, before, offset in zip(rows[1:], offsets, offsets[1:], strict=False):
        if offset <= before and name not in row.faults:
            row.fault(name, _("After the row above."))


def _row(schedule: Schedule, period: Period, kind: KindChoice, zone: ZoneInfo) -> PeriodRow:
    row = PeriodRow(
        limit=f"{period.limit.normalize():f}", phases=str(period.phases) if period.phases is not None else ""
    )
    start = schedule.start_at
    if kind == "relative" or start is None:
        row.at = length_text(period.start_s)
    elif kind == "absolute":
        at = (start + timedelta(seconds=period.start_s)).astimezone(zone)
        row.when = at.strftime("%Y-%m-%dT%H:%M" if at.second == 0 else "%Y-%m-%dT%H:%M:%S")
    else:
        local = start.astimezone(zone)
        midnight = local.hour * 3600 + local.minute * 60 + local.second
        weekday = local.weekday() if kind == "weekly" else 0
        place = (weekday * DAY_S + midnight + period.start_s) % LENGTH[kind]
        row.day = str(place // DAY_S)
        row.at = length_text(place % DAY_S).rjust(5, "0") if place % 60 == 0 else length_text(place % DAY_S)
    return row
