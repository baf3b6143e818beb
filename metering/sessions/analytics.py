"""What a session's readings say: charging curve, peak and mean power, charging against plugged in, efficiency. Pure.

One pass over the readings in the order of their time, in bounded memory: a week at one reading per second is fine.

Power is taken as measured; where none is sent, it is the rise of the register over time. A stretch between two
measurements counts as charging where its mean power is over 100 W; one that is too long to be bridged by two
measurements, and the ends of the session, go by the register.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from metering.readings import ENERGY, POWER, total_of_phases

SOC, TEMPERATURE = "SoC", "Temperature"
INLET, OUTLET = "Inlet", "Outlet"
CHARGING_ABOVE_W = Decimal(100)
# Two measurements further apart say little of what was between them.
LONGEST_BRIDGE = timedelta(minutes=15)
MOST_POINTS = 500
HOUR = timedelta(hours=1)
# (measurand, location) -> phase -> value, in Wh, W, percent or degrees Celsius.
Values = Mapping[tuple[str, str], Mapping[str, Decimal]]
Moment = tuple[datetime, Values]


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the curve. `energy_wh`: since the start; None: not known yet."""

    at: datetime
    power_w: Decimal
    energy_wh: Decimal | None
    soc: Decimal | None


@dataclass(frozen=True, slots=True)
class Analytics:
    """`power_source` measured, register or empty; `efficiency` outlet by inlet; times in seconds.

    `charging_seconds` and `idle_seconds` are None while nothing at all is known of the power.
    """

    energy_wh: Decimal | None
    plugged_seconds: int
    charging_seconds: int | None
    idle_seconds: int | None
    mean_power_w: Decimal | None
    peak_power_w: Decimal | None
    peak_at: datetime | None
    power_source: str
    soc_start: Decimal | None
    soc_end: Decimal | None
    efficiency: Decimal | None
    max_temperature: Decimal | None
    curve: list[Point]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The session. `meter_stop_wh` None: it runs, and `end` is now."""

    start: datetime
    end: datetime
    meter_start_wh: Decimal
    meter_stop_wh: Decimal | None


def analyse(bounds: Bounds, moments: Iterable[Moment]) -> Analytics:
    """Readings outside the session are passed over; of one time, the last counts."""
    tally = _Tally(bounds)
    for at, values in moments:
        if bounds.start <= at <= bounds.end:
            tally.take(at, values)
    return tally.finish()


class Curve:
    """At most MOST_POINTS points: of each slice of time the lowest and the highest, so that peaks stay."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self._start = start
        self._width = max((end - start) / ((MOST_POINTS - 2) // 2), timedelta(microseconds=1))
        self._slices: dict[int, tuple[Point, Point]] = {}
        self._first: Point | None = None
        self._last: Point | None = None

    def add(self, point: Point) -> None:
        self._first, self._last = self._first or point, point
        number = min((point.at - self._start) // self._width, (MOST_POINTS - 2) // 2 - 1)
        low, high = self._slices.get(number, (point, point))
        self._slices[number] = (
            point if point.power_w < low.power_w else low,
            point if point.power_w > high.power_w else high,
        )

    def points(self) -> list[Point]:
        """In the order of time, the first and the last among them."""
        kept = {point.at: point for pair in self._slices.values() for point in pair}
        for point in (self._first, self._last):
            if point is not None:
                kept[point.at] = point
        return [kept[at] for at in sorted(kept)]


class Power:
    """One way of knowing the power: time charging, peak and curve."""

    def __init__(self, bounds: Bounds) -> None:
        self.count = 0
        self.charging = timedelta()
        self.work = Decimal(0)
        self.peak: tuple[Decimal, datetime] | None = None
        self.curve = Curve(bounds.start, bounds.end)

    def stretch(self, span: timedelta, watts: Decimal) -> None:
        """A stretch of time with this mean power."""
        if watts > CHARGING_ABOVE_W:
            self.charging += span
            self.work += watts * _hours(span)

    def point(self, point: Point) -> None:
        self.count += 1
        self.curve.add(point)
        if self.peak is None or point.power_w > self.peak[0]:
            self.peak = (point.power_w, point.at)


@dataclass(slots=True)
class _Mark:
    """Up to where the power has been accounted for: when, the power there if measured, the register by then."""

    at: datetime
    watts: Decimal | None
    register_wh: Decimal


@dataclass(slots=True)
class _Efficiency:
    """Outlet against inlet, over the times that both are told of."""

    first: tuple[Decimal, Decimal] | None = None
    last: tuple[Decimal, Decimal] | None = None
    # By power, where the registers say nothing: the last pair, and the work so far.
    pair: tuple[datetime, Decimal, Decimal] | None = None
    work: list[Decimal] = field(default_factory=lambda: [Decimal(0), Decimal(0)])

    def take(self, at: datetime, values: Values) -> None:
        inlet, outlet = _total(values, ENERGY, INLET), _total(values, ENERGY, OUTLET)
        if inlet is not None and outlet is not None:
            self.first = self.first or (inlet, outlet)
            self.last = (inlet, outlet)
        drawn, given = _total(values, POWER, INLET), _total(values, POWER, OUTLET)
        if drawn is None or given is None:
            return
        if self.pair is not None and at - self.pair[0] <= LONGEST_BRIDGE:
            hours = _hours(at - self.pair[0]) / 2
            self.work[0] += (self.pair[1] + drawn) * hours
            self.work[1] += (self.pair[2] + given) * hours
        self.pair = (at, drawn, given)

    def value(self) -> Decimal | None:
        """Outlet by inlet to four digits; None where one of them, or any energy, is missing."""
        if self.first is not None and self.last is not None and self.last[0] > self.first[0]:
            inlet, outlet = self.last[0] - self.first[0], self.last[1] - self.first[1]
        else:
            inlet, outlet = self.work
        return (outlet / inlet).quantize(Decimal("0.0001")) if inlet > 0 and outlet >= 0 else None


class _Tally:
    """The pass over the readings."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._measured, self._derived = Power(bounds), Power(bounds)
        self._efficiency = _Efficiency()
        self._register: tuple[datetime, Decimal] = (bounds.start, bounds.meter_start_wh)
        self._registers = 0
        self._risen = Decimal(0)
        self._mark = _Mark(bounds.start, None, Decimal(0))
        self._soc: tuple[Decimal, Decimal] | None = None
        self._hottest: Decimal | None = None

    def take(self, at: datetime, values: Values) -> None:
        """The readings of one time, later than all before."""
        self._take_state(values)
        register = _total(values, ENERGY, OUTLET)
        if register is not None:
            self._take_register(at, register)
        watts = _total(values, POWER, OUTLET)
        if watts is not None:
            self._account(at, watts)
            self._measured.point(self._point(at, watts))
        self._efficiency.take(at, values)

    def finish(self) -> Analytics:
        bounds = self._bounds
        if bounds.meter_stop_wh is not None:
            self._take_register(bounds.end, bounds.meter_stop_wh)
        if self._measured.count:
            self._account(bounds.end, None)
        power, source = (self._measured, "measured") if self._measured.count else (self._derived, "register")
        energy = self._energy()
        plugged = bounds.end - bounds.start
        charging = min(power.charging, plugged)
        return Analytics(
            energy_wh=energy,
            plugged_seconds=_seconds(plugged),
            charging_seconds=_seconds(charging) if power.count else None,
            idle_seconds=_seconds(plugged) - _seconds(charging) if power.count else None,
            mean_power_w=_mean(power.work if energy is None else energy, charging),
            peak_power_w=power.peak[0] if power.peak else None,
            peak_at=power.peak[1] if power.peak else None,
            power_source=source if power.count else "",
            soc_start=self._soc[0] if self._soc else None,
            soc_end=self._soc[1] if self._soc else None,
            efficiency=self._efficiency.value(),
            max_temperature=self._hottest,
            curve=power.curve.points(),
        )

    def _energy(self) -> Decimal | None:
        """The register's difference; where the register fell, what it rose."""
        bounds = self._bounds
        if bounds.meter_stop_wh is not None and bounds.meter_stop_wh >= bounds.meter_start_wh:
            return bounds.meter_stop_wh - bounds.meter_start_wh
        if self._registers:
            return self._risen
        return None if bounds.meter_stop_wh is None else Decimal(0)

    def _take_state(self, values: Values) -> None:
        for (measurand, _location), phases in values.items():
            if measurand == SOC:
                soc = next(iter(phases.values()))
                self._soc = (self._soc[0] if self._soc else soc, soc)
            elif measurand == TEMPERATURE:
                hottest = max(phases.values())
                self._hottest = hottest if self._hottest is None else max(self._hottest, hottest)

    def _take_register(self, at: datetime, value: Decimal) -> None:
        since, before = self._register
        # A register that fell was reset or swapped: what it shows now is where it goes on from.
        rise = max(value - before, Decimal(0))
        self._risen += rise
        self._registers += 1
        self._register = (at, value)
        span = at - since
        if span > timedelta():
            watts = rise / _hours(span)
            self._derived.stretch(span, watts)
            self._derived.point(self._point(at, watts.quantize(Decimal("0.001"))))

    def _account(self, at: datetime, watts: Decimal | None) -> None:
        """Account for the time since the last measurement; `watts` None: the session's end."""
        mark, span = self._mark, at - self._mark.at
        told = [one for one in (mark.watts, watts) if one is not None]
        if span > timedelta():
            rise = self._risen - mark.register_wh
            by_register = self._register[0] > mark.at
            if by_register and (len(told) < 2 or span > LONGEST_BRIDGE):
                self._measured.stretch(span, rise / _hours(span))
            else:
                self._measured.stretch(min(span, LONGEST_BRIDGE), sum(told, Decimal(0)) / len(told))
        self._mark = _Mark(at, watts, self._risen)

    def _point(self, at: datetime, watts: Decimal) -> Point:
        return Point(at, watts, self._risen if self._registers else None, self._soc[1] if self._soc else None)


def _total(values: Values, measurand: str, location: str) -> Decimal | None:
    phases = values.get((measurand, location))
    return None if phases is None else total_of_phases(dict(phases))


def _mean(work_wh: Decimal, charging: timedelta) -> Decimal | None:
    return (work_wh / _hours(charging)).quantize(Decimal("0.001")) if charging else None


def _hours(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(microseconds=1)) / (HOUR // timedelta(microseconds=1))


def _seconds(span: timedelta) -> int:
    return max(0, round(span.total_seconds()))
