"""A value leaves its bounds and comes back: one excursion. Pure; time is that of the readings."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

# Where a threshold names no hysteresis: this part of the bound.
USUAL_HYSTERESIS = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a value must stay within; either bound may be absent. A value on a bound is inside."""

    low: Decimal | None = None
    high: Decimal | None = None
    hysteresis: Decimal | None = None
    minimum_duration: timedelta = timedelta(0)

    def crossed(self, value: Decimal) -> Decimal | None:
        """The bound that the value lies beyond."""
        if self.high is not None and value > self.high:
            return self.high
        return self.low if self.low is not None and value < self.low else None

    def is_back(self, value: Decimal, *, above: bool) -> bool:
        """Whether a value has come back from above (or below) by the hysteresis."""
        bound = self.high if above else self.low
        if bound is None:
            return True
        margin = self._margin(bound)
        return value <= bound - margin if above else value >= bound + margin

    def _margin(self, bound: Decimal) -> Decimal:
        margin = abs(bound) * USUAL_HYSTERESIS if self.hysteresis is None else self.hysteresis
        if self.low is None or self.high is None:
            return margin
        # Past the middle of narrow bounds there would be no way back.
        return min(margin, (self.high - self.low) / 2)


@dataclass(frozen=True, slots=True)
class Excursion:
    """From the first value outside to the first that is back. `raised`: it has lasted long enough to be told."""

    started_at: datetime
    bound: Decimal
    above: bool
    worst: Decimal
    last: Decimal
    last_at: datetime
    count: int = 1
    raised: bool = False
    ended_at: datetime | None = None


class Excursions:
    """The state of one meter, measurand, phase and threshold: `excursion` is the one under way."""

    __slots__ = ("bounds", "excursion", "newest")

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.excursion: Excursion | None = None
        self.newest: datetime | None = None

    def observe(self, value: Decimal, at: datetime) -> list[Excursion]:
        """Take a reading; what is to be told: the excursion that it ended and the one it is part of, if raised.

        A reading that isn't newer than all before it changes nothing.
        """
        if self.newest is not None and at <= self.newest:
            return []
        self.newest = at
        told: list[Excursion] = []
        crossed = self.bounds.crossed(value)
        known = self.excursion
        if known is not None and _is_over(self.bounds, known, value, crossed):
            told += self.end(at, value)
            known = None
        if known is not None:
            worse = max(known.worst, value) if known.above else min(known.worst, value)
            known = replace(known, worst=worse, last=value, last_at=at, count=known.count + 1)
        elif crossed is not None:
            known = Excursion(at, crossed, value > crossed, value, value, at)
        if known is None:
            return told
        if not known.raised and crossed is not None and at - known.started_at >= self.bounds.minimum_duration:
            known = replace(known, raised=True)
        self.excursion = known
        return [*told, known] if known.raised else told

    def end(self, at: datetime, value: Decimal | None = None) -> list[Excursion]:
        """The excursion is over, whatever the values; told if it was raised."""
        known, self.excursion = self.excursion, None
        if known is None or not known.raised:
            return []
        return [replace(known, ended_at=at, last=known.last if value is None else value)]


def _is_over(bounds: Bounds, known: Excursion, value: Decimal, crossed: Decimal | None) -> bool:
    """Back inside by the hysteresis, or out on the other side."""
    if crossed is not None:
        return known.above != (value > crossed)
    return bounds.is_back(value, above=known.above)
