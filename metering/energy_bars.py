"""Energy per hour, day, week or month of a station, for bars. Callers hold the scope.

The running period is provisional: what was summed up so far, and what the registers have added since.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from zoneinfo import ZoneInfo

from metering.aggregation.energy import step_between
from metering.aggregation.periods import HOUR, floor_hour, hour_shift, period_end, period_start
from metering.models import AggregationState, Bucket, Period, Sample
from metering.readings import ENERGY, PHASES, total_of_phases

WEEKS = 26
# Hours that wait longer than this for their aggregation are left to it.
LONGEST_WAIT = timedelta(hours=3)


@dataclass(slots=True)
class Bar:
    """One period. Energy (Wh) by EVSE; power in W, the maximum being that of one EVSE."""

    start: datetime
    end: datetime
    provisional: bool
    energy_wh: dict[int, Decimal] = field(default_factory=dict)
    max_power_w: Decimal | None = None
    power_sum_w: Decimal = Decimal(0)
    power_count: int = 0
    sample_count: int = 0
    estimated: bool = False
    sources: set[str] = field(default_factory=set)

    @property
    def mean_power_w(self) -> Decimal | None:
        return self.power_sum_w / self.power_count if self.power_count else None

    def add(self, bucket: Bucket) -> None:
        known = self.energy_wh.get(bucket.evse_number, Decimal(0))
        self.energy_wh[bucket.evse_number] = known + bucket.energy_wh
        if bucket.max_power_w is not None:
            self.max_power_w = max(bucket.max_power_w, self.max_power_w or bucket.max_power_w)
        self.power_sum_w += bucket.power_sum_w or 0
        self.power_count += bucket.power_count
        self.sample_count += bucket.sample_count
        self.estimated = self.estimated or bucket.estimated
        self.sources |= {bucket.energy_source} - {""}


def energy_bars(
    charge_point_id: int, *, evse_number: int | None, period: Period, day: date, zone: ZoneInfo, now: datetime
) -> list[Bar]:
    """All periods of the window around `day`, also the empty ones. None for all EVSEs but the main meter (0)."""
    bars = empty_bars(period, day, zone, now)
    found = Bucket.objects.filter(
        charge_point_id=charge_point_id, period=period, start__gte=bars[0].start, start__lt=bars[-1].end
    )
    chosen = found.filter(evse_number__gt=0) if evse_number is None else found.filter(evse_number=evse_number)
    for bucket in chosen:
        bar = _bar_at(bars, bucket.start)
        if bar is not None:
            bar.add(bucket)
    if bars[0].start <= now < bars[-1].end:
        _add_running(bars, charge_point_id, evse_number, hour_shift(zone, now), now)
    return bars


def empty_bars(period: Period, day: date, zone: ZoneInfo, now: datetime) -> list[Bar]:
    """The hours of a day, the days of a month, 26 weeks, the months of a year: in the zone's calendar."""
    start, end = window(period, day, zone)
    bars = []
    while start < end:
        following = period_end(start, period, zone)
        bars.append(Bar(start, following, provisional=start <= now < following))
        start = following
    return bars


def window(period: Period, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """First and last instant (exclusive) of what is shown together."""
    at = datetime.combine(day, time(12), zone)
    if period == Period.HOUR:
        start = period_start(at, Period.DAY, zone)
        return start, period_end(start, Period.DAY, zone)
    if period == Period.DAY:
        start = period_start(at, Period.MONTH, zone)
        return start, period_end(start, Period.MONTH, zone)
    if period == Period.WEEK:
        last = period_start(at, Period.WEEK, zone)
        first = period_start(at - timedelta(weeks=WEEKS - 1), Period.WEEK, zone)
        return first, period_end(last, Period.WEEK, zone)
    first_month, last_month = (datetime(day.year, month, 1, 12, tzinfo=zone) for month in (1, 12))
    return period_start(first_month, Period.MONTH, zone), period_end(
        period_start(last_month, Period.MONTH, zone), Period.MONTH, zone
    )


def neighbour_days(period: Period, day: date) -> tuple[date, date]:
    """A day in the window before, and one in the window after."""
    if period == Period.HOUR:
        return day - timedelta(days=1), day + timedelta(days=1)
    if period == Period.DAY:
        first = day.replace(day=1)
        return first - timedelta(days=1), (first + timedelta(days=32)).replace(day=1)
    if period == Period.WEEK:
        return day - timedelta(weeks=WEEKS), day + timedelta(weeks=WEEKS)
    return date(day.year - 1, 12, 31), date(day.year + 1, 1, 1)


def energy_since(
    charge_point_id: int, evse_number: int | None, since: datetime, now: datetime
) -> list[tuple[int, datetime, Decimal]]:
    """What the registers of the outlets have added: (EVSE, when, Wh) for each step between two readings."""
    found = Sample.objects.filter(
        series__charge_point_id=charge_point_id,
        series__measurand=ENERGY,
        series__location="Outlet",
        series__unit="Wh",
        series__phase__in=["", *PHASES],
        at__gte=since - HOUR,
        at__lte=now,
    )
    chosen = (
        found.filter(series__evse_number__gt=0)
        if evse_number is None
        else found.filter(series__evse_number=evse_number)
    )
    rows = chosen.order_by("series__evse_number", "at").values_list(
        "series__evse_number", "at", "series__phase", "value"
    )
    steps: list[tuple[int, datetime, Decimal]] = []
    before: tuple[int, datetime, Decimal] | None = None
    for (evse, at), group in groupby(rows, key=lambda row: row[:2]):
        value = total_of_phases({phase: value for _evse, _at, phase, value in group})
        if value is None:
            continue
        if before is not None and before[0] == evse and at > since:
            energy = step_between(before[1], before[2], at, value).energy_wh
            # Of a step that began earlier, its share.
            share = Decimal((at - max(before[1], since)) / (at - before[1]))
            steps.append((evse, at, energy * share))
        before = (evse, at, value)
    return steps


def _add_running(
    bars: list[Bar], charge_point_id: int, evse_number: int | None, shift: timedelta, now: datetime
) -> None:
    """The hours that were not summed up yet."""
    summed_up = AggregationState.objects.values_list("complete_until", flat=True).first()
    since = min(floor_hour(now, shift), summed_up or now)
    for evse, at, energy in energy_since(charge_point_id, evse_number, max(since, now - LONGEST_WAIT), now):
        bar = _bar_at(bars, at)
        if bar is not None:
            bar.energy_wh[evse] = bar.energy_wh.get(evse, Decimal(0)) + energy
            bar.sources.add("register")
            bar.provisional = True


def _bar_at(bars: list[Bar], at: datetime) -> Bar | None:
    return next((bar for bar in bars if bar.start <= at < bar.end), None)
