"""Composite schedules and other stepped lines as data for the charts (metering's lines.js draws them). Pure.

Shown in the units that people read: A, kW. Times are milliseconds since 1970.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from metering.admin.chart_page import CHART_TEXTS
from smartcharging.profiles.shapes import CompositePeriod, Unit
from smartcharging.services.comparison import LEAST_HARDWARE, limit_at_second, same_limit
from tenants.api.serializers import plain_decimal

# [time, value]; None: a gap.
Point = list[float] | None


class Stretch(NamedTuple):
    """From `start` to `end` two schedules differ: what each says."""

    start: datetime
    end: datetime
    ours: Decimal | None
    theirs: Decimal | None


def texts() -> dict[str, str]:
    """What the charts' scripts say."""
    return {name: str(text) for name, text in CHART_TEXTS.items()} | {"empty": _("Nobody limits in this time.")}


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def shown_unit(unit: Unit) -> tuple[str, int]:
    """(unit for people, divisor)."""
    return ("kW", 1000) if unit == "W" else ("A", 1)


def limit_in_words(limit: Decimal | float | None, unit: Unit) -> str:
    """`16 A`, `7.4 kW`; nobody limits: in words."""
    if limit is None:
        return _("no limit")
    name, divisor = shown_unit(unit)
    return f"{number_format(plain_decimal(round(Decimal(str(limit)) / divisor, 3)))} {name}"


def schedule_points(periods: Sequence[CompositePeriod], *, start: datetime, duration_s: int, unit: Unit) -> list[Point]:
    """Two points for each period, at its begin and its end; a gap where nobody limits."""
    _name, divisor = shown_unit(unit)
    points: list[Point] = []
    ends = [period.start_s for period in periods[1:]] + [duration_s]
    for period, end in zip(periods, ends, strict=False):
        if period.limit is None:
            points.append(None)
            continue
        value = round(float(period.limit) / divisor, 4)
        points += [[milliseconds(start + timedelta(seconds=at)), value] for at in (period.start_s, end)]
    return points


def line(label: str, points: list[Point], unit: str) -> dict[str, Any]:
    """A stepped line of a chart."""
    return {"label": label, "axis": "left", "unit": unit, "step": True, "points": points}


def picture(lines: Iterable[Mapping[str, Any]], *, start: datetime, end: datetime, unit: str) -> dict[str, Any]:
    """What a chart shows; lines without a point are left out."""
    return {
        "start": milliseconds(start),
        "end": milliseconds(end),
        "unit": unit,
        "right": "",
        "lines": [one for one in lines if any(one["points"])],
    }


def compare(
    ours: Sequence[CompositePeriod],
    theirs: Sequence[CompositePeriod],
    *,
    start: datetime,
    duration_s: int,
    unit: Unit,
) -> list[Stretch]:
    """Where they differ by more than stations round, in order; neighbours that say the same are one."""
    ceiling = max((one.limit for one in theirs if one.limit is not None), default=None)
    if ceiling is not None and ceiling < LEAST_HARDWARE[unit]:
        ceiling = None
    marks = sorted({0, duration_s, *(one.start_s for one in (*ours, *theirs) if 0 <= one.start_s < duration_s)})
    found: list[Stretch] = []
    for begin, end in pairwise(marks):
        own, other = limit_at_second(ours, begin), limit_at_second(theirs, begin)
        if same_limit(own, other, unit, ceiling):
            continue
        stretch = Stretch(start + timedelta(seconds=begin), start + timedelta(seconds=end), own, other)
        if found and found[-1].end == stretch.start and found[-1][2:] == stretch[2:]:
            found[-1] = found[-1]._replace(end=stretch.end)
        else:
            found.append(stretch)
    return found


def in_words(stretch: Stretch, *, unit: Unit, zone: ZoneInfo) -> str:
    """`Sat 22:00 to Sun 06:00: we reckon with 16 A, the charge point says 10 A.`"""
    values = {
        "start": clock(stretch.start, zone),
        "end": clock(stretch.end, zone),
        "ours": limit_in_words(stretch.ours, unit),
        "theirs": limit_in_words(stretch.theirs, unit),
    }
    return _("%(start)s to %(end)s: we reckon with %(ours)s, the charge point says %(theirs)s.") % values


def clock(at: datetime, zone: ZoneInfo, style: Literal["day", "date"] = "day") -> str:
    """`Sat 22:00`, or `Sat 2026-11-21 22:00`, on the zone's clock."""
    return date_format(at.astimezone(zone), "D H:i" if style == "day" else "D Y-m-d H:i")
