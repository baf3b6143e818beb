"""The price engine: tariff and usage in, lines and totals out. Pure; exact (fractions inside, decimals outside).

Rules, in the order in which they are applied:
1. A session is cut where a restriction begins or ends to hold: at local times (also across summer time), at energies
   (the energy of a segment flows evenly), at durations. Per dimension the first element that holds sets the price.
   FLAT is charged once, by the first FLAT price that holds at any time.
2. `step_size` (OCPI 2.2.1 mod_cdrs "step_size"): once per session for energy, and once for charging and parking time
   together. The billed total is rounded up to a whole step of the last price used; that price pays for the rest.
3. Lines are rounded half-up to four decimals, their tax too.
4. `min_price`, `max_price`: before tax. The difference is a line of its own for each tax rate, in proportion.
5. Totals are rounded half-up to the currency's minor unit at the end: before tax, and tax; their sum is what is due.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from metering.pricing.lines import QUANTITY_PLACES, Line, Price, adjustments, priced_line, totals
from metering.pricing.money import half_up
from metering.pricing.tariff import Dimension, PriceComponent, Terms
from metering.pricing.windows import US, Moment, Window, Windows

HOUR_US = 3_600_000_000
# Wh, or microseconds, of one unit of price and of one step.
UNIT = {Dimension.ENERGY: 1000, Dimension.TIME: HOUR_US, Dimension.PARKING_TIME: HOUR_US, Dimension.FLAT: 1}
STEP = {Dimension.ENERGY: 1, Dimension.TIME: 10**6, Dimension.PARKING_TIME: 10**6}
UNIT_NAME = {Dimension.ENERGY: "kWh", Dimension.TIME: "h", Dimension.PARKING_TIME: "h", Dimension.FLAT: ""}
TIMES = (Dimension.TIME, Dimension.PARKING_TIME)
Key = tuple[int, Dimension]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a session with an even flow of energy. Segments follow each other without a gap."""

    start: datetime
    end: datetime
    energy_wh: Decimal
    charging: bool


def price(terms: Terms, usage: Iterable[Segment], zone: ZoneInfo) -> Price:
    """What `usage` costs. Takes segments one by one: memory doesn't grow with their number."""
    tally = Tally(terms, zone)
    for segment in usage:
        tally.take(segment)
    return tally.price()


class Tally:
    """What has been used so far at which price."""

    def __init__(self, terms: Terms, zone: ZoneInfo) -> None:
        self._terms, self._zone = terms, zone
        self._windows: Windows | None = None
        self._window = Window({}, None, None)
        # Segments that fit in one window are one: counted up cheaply, booked when something changes.
        self._held: Segment | None = None
        self._band = 0
        self._us, self._wh = Fraction(0), Fraction(0)
        self._spent = {True: Fraction(0), False: Fraction(0)}
        self._used: dict[Key, Fraction] = {}
        self._components: dict[Key, PriceComponent] = {}
        self._last: dict[str, Key] = {}

    def take(self, segment: Segment) -> None:
        """Add the next segment."""
        if self._windows is None:
            self._windows = Windows(self._terms, self._zone, segment.start)
        held, power = self._held, self._power(self._windows, segment)
        band = self._windows.band(power)
        if held is not None and held.charging == segment.charging and self._band == band:
            both = Segment(held.start, segment.end, held.energy_wh + segment.energy_wh, held.charging)
            if self._fits(self._windows, both):
                self._held = both
                return
        self._settle()
        self._held, self._band = segment, band
        self._window = self._windows.at(Moment(self._us, self._wh, power))

    def _power(self, windows: Windows, segment: Segment) -> Fraction | None:
        if not windows.watches_power:
            return None
        return _kw(Fraction(segment.energy_wh), (segment.end - segment.start) // US)

    def _fits(self, windows: Windows, segment: Segment) -> bool:
        """Whether the segment, which begins where all is booked, ends within the window."""
        until_us, until_wh = self._window.until_us, self._window.until_wh
        return (until_us is None or windows.us(segment.end) <= until_us) and (
            until_wh is None or self._wh + Fraction(segment.energy_wh) <= until_wh
        )

    def _settle(self) -> None:
        """Book what is held, cut where windows end."""
        held, self._held = self._held, None
        if held is None or self._windows is None:
            return
        end, left = Fraction(self._windows.us(held.end)), Fraction(held.energy_wh)
        power = self._power(self._windows, held)
        while True:
            cut = self._cut(self._window, end, left)
            span, wh = (end - self._us) * cut, left * cut
            self._book(self._window, span, wh, held.charging)
            if cut == 1:
                return
            left -= wh
            self._window = self._windows.at(Moment(self._us, self._wh, power))

    def _cut(self, window: Window, end: Fraction, left: Fraction) -> Fraction:
        """The part of what is left of the segment that lies in the window."""
        parts = [Fraction(1)]
        if window.until_us is not None and window.until_us < end:
            parts.append((window.until_us - self._us) / (end - self._us))
        if window.until_wh is not None and window.until_wh < self._wh + left:
            parts.append((window.until_wh - self._wh) / left)
        return min(parts)

    def _book(self, window: Window, span: Fraction, wh: Fraction, charging: bool) -> None:
        self._us += span
        self._wh += wh
        self._spent[charging] += span
        flat = window.prices.get(Dimension.FLAT)
        if flat is not None and "flat" not in self._last:
            self._add("flat", flat[0], flat[1], Fraction(1))
        energy = window.prices.get(Dimension.ENERGY)
        if energy is not None and wh:
            self._add("energy", energy[0], energy[1], wh)
        time = window.prices.get(Dimension.TIME if charging else Dimension.PARKING_TIME)
        if time is not None and span:
            self._add("time", time[0], time[1], span)

    def _add(self, kind: str, element: int, component: PriceComponent, amount: Fraction) -> None:
        key = (element, component.type)
        self._used[key] = self._used.get(key, Fraction(0)) + amount
        self._components[key] = component
        self._last[kind] = key

    def price(self) -> Price:
        """What all that was taken costs."""
        self._settle()
        added = self._rounded_up()
        order = list(Dimension)
        keys = sorted(self._used, key=lambda key: (order.index(key[1]), key[0]))
        lines = [self._line(key, added.get(key, Fraction(0))) for key in keys]
        terms = self._terms
        total = sum((line.amount for line in lines), Decimal(0))
        if terms.min_price is not None and total < terms.min_price:
            lines += adjustments("MIN_PRICE", terms.min_price - total, lines or [self._nothing()])
        elif terms.max_price is not None and total > terms.max_price:
            lines += adjustments("MAX_PRICE", terms.max_price - total, lines)
        seconds = int(half_up(sum(self._spent.values(), Fraction(0)) / 10**6, 0))
        charging = min(seconds, int(half_up(self._spent[True] / 10**6, 0)))
        return totals(
            terms.currency,
            lines,
            energy_wh=half_up(self._wh, QUANTITY_PLACES),
            charging_seconds=charging,
            parking_seconds=seconds - charging,
        )

    def _rounded_up(self) -> dict[Key, Fraction]:
        """What step_size adds, to the last price of energy and to that of time."""
        added = {}
        for kind, dimensions in (("energy", (Dimension.ENERGY,)), ("time", TIMES)):
            last = self._last.get(kind)
            if last is not None:
                total = sum((used for key, used in self._used.items() if key[1] in dimensions), Fraction(0))
                step = self._components[last].step_size * STEP[last[1]]
                added[last] = -(-total // step) * step - total
        return added

    def _line(self, key: Key, added: Fraction) -> Line:
        component, unit = self._components[key], UNIT[key[1]]
        quantity = (self._used[key] + added) / unit
        return priced_line(
            key[1],
            quantity,
            component.price,
            component.vat,
            element=key[0],
            rounded_up=half_up(added / unit, QUANTITY_PLACES),
            unit=UNIT_NAME[key[1]],
        )

    def _nothing(self) -> Line:
        """A session that cost nothing is taxed, up to its minimum, as the tariff's first price is."""
        first = next((c for element in self._terms.elements for c in element.components), None)
        return priced_line("", Fraction(0), Decimal(0), first.vat if first else None)


def _kw(wh: Fraction, us: int) -> Fraction:
    """Mean power; none where no time passed."""
    return wh * HOUR_US / (us * 1000) if us else Fraction(0)
