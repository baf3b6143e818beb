"""From a session's register readings to segments for the price engine. One by one: a month at 10 s takes no memory.

The ends are `meterStart` and `meterStop`; the readings between them say when the energy flowed. So the segments add up
to exactly meterStop - meterStart, whatever comes between (DESIGN §7, invariant 5): a reading that falls back, or lies
beyond the end, is passed over. Only where the session's own register ran backwards (meterStop below meterStart) is its
energy the sum of what the register rose, reading by reading.

Charging or parked: parked is a stretch of at least METERING_PARKED_AFTER_S at a mean power below METERING_PARKED_BELOW_W.
Only power counts: the status that stations report around SuspendedEV and Finishing comes late, twice or not at all.
Without readings between them, start and stop are one stretch.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from django.conf import settings

from chargepoints.models import Transaction
from metering.models import Sample, Series
from metering.pricing.engine import Segment
from metering.readings import ENERGY, PHASES, total_of_phases

CLOCK_TOLERANCE = timedelta(minutes=5)
# A start that was kept offline for longer than this was not: the station's clock was wrong.
LONGEST_OFFLINE = timedelta(days=31)
MILLI = Decimal("0.001")
Reading = tuple[datetime, Decimal]


@dataclass(frozen=True, slots=True)
class Ends:
    """A session's beginning and (so far) end, and the register there, Wh. `final`: it has stopped."""

    start: datetime
    end: datetime
    start_wh: Decimal
    end_wh: Decimal
    final: bool


def usage_of(session: Transaction, *, now: datetime) -> Iterator[Segment]:
    """The session's segments, in order, at least one; up to `now` while it runs. Callers hold the scope."""
    ends = ends_of(session, now=now)
    return segments(ends, registers(session, ends.start, ends.end))


def ends_of(session: Transaction, *, now: datetime) -> Ends:
    """Where the session begins and ends, as far as the station's clock can be believed.

    Nobody is charged for years because a clock stood in 1970, or for time after its stop was received.
    """
    start = session.started_at
    received = session.start_received_at
    if not received - LONGEST_OFFLINE <= start <= received + CLOCK_TOLERANCE:
        start = received
    if session.stopped_at is not None and session.meter_stop_wh is not None:
        latest = session.stop_received_at or now
        end = session.stopped_at if session.stopped_at <= latest + CLOCK_TOLERANCE else latest
        return Ends(start, max(start, end), session.meter_start_wh, session.meter_stop_wh, final=True)
    last = last_reading(session, start)
    end_wh = session.meter_start_wh if last is None else last[1]
    latest = start if last is None else last[0]
    return Ends(start, max(start, now, latest), session.meter_start_wh, end_wh, final=False)


def registers(session: Transaction, start: datetime, end: datetime) -> Iterator[Reading]:
    """(time, Wh) of the session's import register at the outlet, within `start` and `end`; phases summed."""
    rows = (
        Sample.objects.filter(
            series_id__in=register_series(session), transaction_id=session.pk, at__gt=start, at__lt=end
        )
        .order_by("at", "context")
        .values_list("at", "context", "series__phase", "value")
    )
    return _summed(rows.iterator(chunk_size=2000))


def last_reading(session: Transaction, start: datetime) -> Reading | None:
    """The newest of `registers`."""
    newest = Sample.objects.filter(
        series_id__in=register_series(session), transaction_id=session.pk, at__gt=start
    ).order_by("-at", "-context")
    # The phases of one time: a meter has at most three, and perhaps a total.
    rows = list(newest.values_list("at", "context", "series__phase", "value")[: len(PHASES) + 1])
    return next(_summed(row for row in rows if row[:2] == rows[0][:2]), None)


def segments(ends: Ends, readings: Iterable[Reading]) -> Iterator[Segment]:
    """Pure: the stretches between the ends and readings, told apart by whether the car charged."""
    steps = _rises(ends, readings) if ends.end_wh >= ends.start_wh else _streaks(ends, readings)
    return _told_apart(ends, steps)


def register_series(session: Transaction) -> list[int]:
    """Keys of the series that its energy is read from: the total's, and those of the phases."""
    found = Series.objects.filter(
        charge_point_id=session.charge_point_id,
        evse_number=session.evse.number,
        measurand=ENERGY,
        location="Outlet",
        unit="Wh",
        phase__in=["", *PHASES],
    )
    return list(found.values_list("pk", flat=True))


def _summed(rows: Iterable[tuple[datetime, int, str, Decimal]]) -> Iterator[Reading]:
    for (at, _context), group in groupby(rows, key=lambda row: row[:2]):
        value = total_of_phases({phase: value for _, _, phase, value in group})
        if value is not None:
            yield at, value.quantize(MILLI)


# From, to, Wh.
Step = tuple[datetime, datetime, Decimal]


def _rises(ends: Ends, readings: Iterable[Reading]) -> Iterator[Step]:
    """Steps of a register that never falls and ends at `end_wh`: their sum is what it rose in all."""
    at, wh = ends.start, ends.start_wh
    for time, value in readings:
        if at < time < ends.end and wh <= value <= ends.end_wh:
            yield at, time, value - wh
            at, wh = time, value
    # While it runs: the last reading is the end of what is known.
    yield at, ends.end, ends.end_wh - wh


def _streaks(ends: Ends, readings: Iterable[Reading]) -> Iterator[Step]:
    """Steps of a register that fell: only what it rose counts, and no faster than believable."""
    at, wh = ends.start, ends.start_wh
    for time, value in readings:
        if at < time < ends.end:
            yield at, time, _risen(wh, value, time - at)
            at, wh = time, value
    yield at, ends.end, _risen(wh, ends.end_wh, ends.end - at)


def _risen(before: Decimal, after: Decimal, span: timedelta) -> Decimal:
    rise = after - before
    most = settings.METERING_LARGEST_POWER_W * Decimal(span // timedelta(milliseconds=1)) / 3_600_000
    return rise if 0 < rise <= most else Decimal(0)


def _told_apart(ends: Ends, steps: Iterable[Step]) -> Iterator[Segment]:
    """Weak stretches are held back until they have lasted long enough to be parking."""
    watts = Decimal(settings.METERING_PARKED_BELOW_W)
    least = timedelta(seconds=settings.METERING_PARKED_AFTER_S)
    weak: Segment | None = None
    parked = False
    for start, end, wh in steps:
        # What comes after the last reading of a running session goes on as it was.
        unknown = not ends.final and end == ends.end
        if unknown and weak is None:
            yield Segment(start, end, wh, charging=not parked)
        elif unknown or _mean_below(watts, wh, end - start):
            weak = Segment(weak.start if weak else start, end, wh + (weak.energy_wh if weak else 0), False)
            parked = parked or (not unknown and end - weak.start >= least)
            if parked:
                yield weak
                weak = None
        else:
            if weak is not None:
                yield Segment(weak.start, weak.end, weak.energy_wh, True)
            weak, parked = None, False
            yield Segment(start, end, wh, True)
    if weak is not None:
        yield Segment(weak.start, weak.end, weak.energy_wh, True)


def _mean_below(watts: Decimal, wh: Decimal, span: timedelta) -> bool:
    return wh * 3_600_000 < watts * (span // timedelta(milliseconds=1))
