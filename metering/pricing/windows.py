"""Which prices hold at a moment of a session, and until when. Pure; the engine asks.

OCPI 2.2.1: for each dimension the first element of the list that prices it and whose restrictions all hold.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from metering.pricing.tariff import Dimension, PriceComponent, Restrictions, Terms

US = timedelta(microseconds=1)
MIDNIGHT = time(0)
# Element and component: what a line is about.
Priced = tuple[int, PriceComponent]


@dataclass(frozen=True, slots=True)
class Moment:
    """`us`: microseconds since the session began; `wh`: its energy so far; `kw`: None where power is not asked for."""

    us: Fraction
    wh: Fraction
    kw: Fraction | None


@dataclass(frozen=True, slots=True)
class Window:
    """What holds from a moment until time (`until_us`) or energy (`until_wh`) has come that far; None: for good."""

    prices: dict[Dimension, Priced]
    until_us: int | None
    until_wh: Fraction | None


class Calendar:
    """The instants at which local time may change what holds: exact across summer time."""

    def __init__(self, terms: Terms, zone: ZoneInfo) -> None:
        self._zone = zone
        rules = [element.restrictions for element in terms.elements]
        self._times = {at for rule in rules for at in (rule.start_time, rule.end_time) if at is not None}
        if self._times or any(rule.start_date or rule.end_date or rule.day_of_week for rule in rules):
            self._times.add(MIDNIGHT)
        self._day: datetime | None = None
        self._instants: list[datetime] = []

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self._zone)

    def next_after(self, at: datetime) -> datetime | None:
        """The next such instant; None where no restriction looks at the clock."""
        if not self._times:
            return None
        day = datetime.combine(self.local(at).date(), MIDNIGHT)
        if day != self._day:
            self._day = day
            self._instants = sorted(one for shift in (-1, 0, 1) for one in self._of(day + timedelta(days=shift)))
        return next((instant for instant in self._instants if instant > at), None) or self._midnight(day, 2)

    def _of(self, day: datetime) -> set[datetime]:
        """An hour that comes twice counts twice; one that is skipped ends where the clock jumps."""
        folded = [datetime.combine(day, at, self._zone).replace(fold=fold) for at in self._times for fold in (0, 1)]
        found = {one.astimezone(UTC) for one in folded}
        first, last = self._midnight(day, 0), self._midnight(day, 1)
        if self.local(first).utcoffset() != self.local(last).utcoffset():
            found.add(self._jump(first, last))
        return found

    def _midnight(self, day: datetime, days: int) -> datetime:
        return (day + timedelta(days=days)).replace(tzinfo=self._zone).astimezone(UTC)

    def _jump(self, low: datetime, high: datetime) -> datetime:
        """When the offset from UTC changes, to the second."""
        before = self.local(low).utcoffset()
        while high - low > timedelta(seconds=1):
            middle = low + timedelta(seconds=(high - low) // timedelta(seconds=1) // 2)
            low, high = (middle, high) if self.local(middle).utcoffset() == before else (low, middle)
        return high


class Windows:
    """The windows of one session that began at `start`."""

    def __init__(self, terms: Terms, zone: ZoneInfo, start: datetime) -> None:
        self._elements, self._start = terms.elements, start
        self._calendar = Calendar(terms, zone)
        rules = [element.restrictions for element in terms.elements]
        self._wh = sorted({Fraction(kwh) * 1000 for rule in rules for kwh in (rule.min_kwh, rule.max_kwh) if kwh})
        durations = {seconds for rule in rules for seconds in (rule.min_duration, rule.max_duration) if seconds}
        self._durations = sorted(seconds * 10**6 for seconds in durations)
        self._kw = sorted({Fraction(kw) for rule in rules for kw in (rule.min_power, rule.max_power) if kw is not None})
        self.watches_power = bool(self._kw)

    def us(self, at: datetime) -> int:
        """Microseconds from the beginning of the session."""
        return (at - self._start) // US

    def band(self, kw: Fraction | None) -> int:
        """Powers of one band are the same to every restriction."""
        return 0 if kw is None else bisect_right(self._kw, kw)

    def at(self, moment: Moment) -> Window:
        whole = moment.us.numerator // moment.us.denominator
        now = self._start + whole * US
        local = self._calendar.local(now)
        prices: dict[Dimension, Priced] = {}
        for index, element in enumerate(self._elements):
            if _holds(element.restrictions, moment, local):
                for component in element.components:
                    prices.setdefault(component.type, (index, component))
        ends = [us for us in self._durations if us > moment.us][:1]
        clock = self._calendar.next_after(now)
        if clock is not None:
            ends.append(self.us(clock))
        return Window(prices, min(ends, default=None), next((wh for wh in self._wh if wh > moment.wh), None))


def _holds(rule: Restrictions, moment: Moment, local: datetime) -> bool:
    return (
        _in_day(rule, local)
        and _between(rule.start_date, local.date(), rule.end_date)
        and (rule.day_of_week is None or local.weekday() in rule.day_of_week)
        and _between(rule.min_kwh, moment.wh / 1000, rule.max_kwh)
        and _between(rule.min_duration, moment.us / 10**6, rule.max_duration)
        and (moment.kw is None or _between(rule.min_power, moment.kw, rule.max_power))
    )


def _in_day(rule: Restrictions, local: datetime) -> bool:
    """Through midnight where the end is not after the start; 00:00 as the end is the end of the day."""
    now, start, end = local.time(), rule.start_time or MIDNIGHT, rule.end_time or MIDNIGHT
    if end in (start, MIDNIGHT):
        return end == start or now >= start
    return start <= now < end if start < end else now >= start or now < end


def _between(low: object, value: object, high: object) -> bool:
    return (low is None or value >= low) and (high is None or value < high)  # type: ignore[operator]
