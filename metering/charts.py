"""Lines for charts: the readings of a station over time, thinned out by the database. Callers hold the scope.

Three layers, the finest first: samples, hours and days. Each coarser layer fills the time before the first point of
the finer one: samples are kept for days (for some stations shorter), hours for weeks, days for a year.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from django.db.models import Avg, DateTimeField, DurationField, F, Func, Max, Min, QuerySet, Sum, Value

from metering.models import BucketStatistics, Sample, Series
from metering.models.aggregate import Period

# Points of a line.
POINTS = 600
# Up to this many readings, all lines together, are shown one by one.
RAW_READINGS = 3000
# A station may invent phases and locations without end.
MOST_LINES = 60
SHORTEST, LONGEST = timedelta(seconds=10), timedelta(days=400)
# Wider ranges are drawn from the hours; samples only where no hour has been summed up yet.
RAW_RANGE, NOT_YET_HOURS = timedelta(days=8), timedelta(hours=3)
# Wider ranges are drawn from the days.
HOUR_RANGE = timedelta(days=100)
# No station's samples are dropped, and no tenant's hours, before they are as old as this.
SAMPLES_KEPT, HOURS_KEPT = timedelta(days=1), timedelta(days=8)
STEPS_S = [1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800]
STEPS_S += [3600 * hours for hours in (1, 2, 3, 4, 6, 12, 24)]
ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Readings further apart than this many times the spacing around them have a gap between them.
GAP = 2.5


class Point(NamedTuple):
    """A value with the extremes of the time that it stands for: the mean, or of a register the highest."""

    at: datetime
    value: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """One series over time; None between points is a gap. Values in the series' unit."""

    series: Series
    points: list[Point | None]


@dataclass(frozen=True, slots=True)
class Lines:
    """`step` is the time that a point stands for; None: each point is a reading."""

    lines: list[Line]
    step: timedelta | None


def series_of(charge_point_id: int, *, evse_number: int | None, measurands: Iterable[str] | None) -> list[Series]:
    """What can be drawn, totals before phases. Of all EVSEs together (None) a phase only where there is no total."""
    found = Series.objects.filter(charge_point_id=charge_point_id)
    if evse_number is not None:
        found = found.filter(evse_number=evse_number)
    if measurands is not None:
        found = found.filter(measurand__in=list(measurands))
    series = list(found.order_by("evse_number", "measurand", "location", "phase", "pk")[: MOST_LINES * 4])
    if evse_number is None:
        totals = {_meter(one) for one in series if one.phase == ""}
        series = [one for one in series if one.phase == "" or _meter(one) not in totals]
    return series[:MOST_LINES]


def lines(series: list[Series], *, start: datetime, end: datetime, now: datetime) -> Lines:
    """The series from `start` (inclusive) to `end` (exclusive), gaps marked.

    At most `POINTS` points each, and a few more where two layers meet. Up to four queries.
    """
    step = step_for(end - start)
    samples, taken = _samples(series, start=start, end=end, now=now, step=step)
    drawn = {pk: with_gaps(points, taken) for pk, points in samples.items()}
    if start < now - SAMPLES_KEPT and end - start <= HOUR_RANGE:
        hours = _statistics(series, Period.HOUR, HOUR, start=start, end=end, step=step)
        taken = max(taken, HOUR, step) if _fill(drawn, hours, max(HOUR, step)) else taken
    if start < now - HOURS_KEPT:
        days = _statistics(series, Period.DAY, DAY, start=start, end=end, step=step)
        taken = max(taken, DAY, step) if _fill(drawn, days, max(DAY, step)) else taken
    return Lines([Line(one, drawn.get(one.pk, [])) for one in series], taken or None)


def step_for(length: timedelta) -> timedelta:
    """The smallest handsome step that divides the range into at most `POINTS` parts."""
    wanted = length.total_seconds() / POINTS
    return timedelta(seconds=next((step for step in STEPS_S if step >= wanted), STEPS_S[-1]))


def with_gaps(points: list[Point], step: timedelta, *, regular: bool = False) -> list[Point | None]:
    """None where readings are missing: between two points much further apart than their neighbours are.

    Measured by the neighbours, since a station reports every minute while it charges and every quarter else;
    `regular`: by the step alone.
    """
    spacing = [after.at - before.at for before, after in pairwise(points)]
    shown: list[Point | None] = list(points[:1])
    for index, apart in enumerate(spacing):
        around = [] if regular else [spacing[near] for near in (index - 1, index + 1) if 0 <= near < len(spacing)]
        usual = max([step, *around]) if regular or around else max(step, HOUR)
        if apart > usual * GAP:
            shown.append(None)
        shown.append(points[index + 1])
    return shown


def is_register(series: Series) -> bool:
    """A counter: its mean says nothing."""
    return series.measurand.endswith(".Register")


# By series.
Points = defaultdict[int, list[Point]]
Drawn = dict[int, list[Point | None]]


def _samples(
    series: list[Series], *, start: datetime, end: datetime, now: datetime, step: timedelta
) -> tuple[Points, timedelta]:
    """Points of each series, and the step taken (zero: none)."""
    if end - start > RAW_RANGE:
        start = max(start, now - NOT_YET_HOURS)
    found = Sample.objects.filter(series_id__in=[one.pk for one in series], at__gte=start, at__lt=end)
    points: Points = defaultdict(list)
    few = list(found.order_by().values_list("series_id", "at", "value")[: RAW_READINGS + 1])
    if len(few) <= RAW_READINGS:
        # The same moment may have been reported twice, by the clock and by the period.
        for pk, at, value in sorted(set(few), key=lambda row: row[:2]):
            if not points[pk] or points[pk][-1].at != at:
                points[pk].append(Point(at, value, value, value))
        return points, timedelta(0)
    registers = {one.pk for one in series if is_register(one)}
    binned = _binned(found, "at", step).annotate(
        mean=Avg("value"), low=Min("value"), high=Max("value"), first=Min("at"), last=Max("at")
    )
    for pk, mean, low, high, first, last in binned.order_by("series_id", "first").values_list(
        "series_id", "mean", "low", "high", "first", "last"
    ):
        point = Point(last, high, low, high) if pk in registers else Point(first + (last - first) / 2, mean, low, high)
        points[pk].append(point)
    return points, step


def _statistics(
    series: list[Series], period: Period, length: timedelta, *, start: datetime, end: datetime, step: timedelta
) -> Points:
    """Points from what was summed up. A bucket that has begun before `start` counts."""
    found = BucketStatistics.objects.filter(
        series_id__in=[one.pk for one in series], period=period, start__gt=start - length, start__lt=end
    )
    binned = _binned(found, "start", max(step, length)).annotate(
        mean=Sum("total") / Sum("count"),
        low=Min("minimum"),
        high=Max("maximum"),
        first=Min("start"),
        final=Max("start"),
        last=Max("last_at"),
    )
    registers = {one.pk for one in series if is_register(one)}
    points: Points = defaultdict(list)
    for pk, mean, low, high, first, final, last in binned.order_by("series_id", "first").values_list(
        "series_id", "mean", "low", "high", "first", "final", "last"
    ):
        middle = max(first + (final - first + length) / 2, start)
        points[pk].append(Point(last, high, low, high) if pk in registers else Point(middle, mean, low, high))
    return points


def _fill(drawn: Drawn, coarser: Points, length: timedelta) -> bool:
    """Put in front what lies before the first point of each series; whether anything did."""
    filled = False
    for pk, points in coarser.items():
        finer = drawn.get(pk, [])
        first = finer[0].at if finer and finer[0] else None
        earlier = [point for point in points if first is None or point.at + length / 2 <= first]
        if not earlier:
            continue
        apart = first is not None and first - earlier[-1].at > length * GAP
        drawn[pk] = [*with_gaps(earlier, length, regular=True), *([None] if apart else []), *finer]
        filled = True
    return filled


def _binned(found: QuerySet[Any], time: str, step: timedelta) -> QuerySet[Any]:
    """Grouped by series and step."""
    bin = Func(
        Value(step, output_field=DurationField()),
        F(time),
        Value(ORIGIN, output_field=DateTimeField()),
        function="date_bin",
        output_field=DateTimeField(),
    )
    binned: QuerySet[Any] = found.annotate(bin=bin).values("series_id", "bin")
    return binned


def _meter(series: Series) -> tuple[int, str, str, str]:
    """What phases have in common."""
    return series.evse_number, series.measurand, series.location, series.unit
