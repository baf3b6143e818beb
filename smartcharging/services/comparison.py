"""Our composite schedule of a connector against the one that its station reports. Pure.

Stations round (to amperes, to whole watts, to seconds), add their own hardware limit (OCPP 1.6 §5.7: "local limits might
be taken into account"), end their schedule where they like, and some leave the end open. None of that is a difference.
A limit that is higher than ours always is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from smartcharging.profiles.shapes import CompositePeriod, Unit

# By how much a station may round.
TOLERANCE: dict[Unit, Decimal] = {"A": Decimal("0.5"), "W": Decimal(120)}
# And in proportion, for stations that convert with their own voltage.
TOLERANCE_SHARE = Decimal("0.02")
# Clocks and rounding: what is shorter than this is no difference.
SHORTEST_S = 5
# From here on a ceiling is taken for what the hardware can do, not for a profile that we don't know of.
LEAST_HARDWARE: dict[Unit, Decimal] = {"A": Decimal(10), "W": Decimal(2300)}


@dataclass(frozen=True, slots=True)
class Difference:
    """From `start_s` on. None: no limit."""

    start_s: int
    ours: Decimal | None
    reported: Decimal | None


def first_difference(
    ours: Sequence[CompositePeriod], reported: Sequence[CompositePeriod], *, unit: Unit, until_s: int
) -> Difference | None:
    """The first that lasts, within the seconds that both speak of. Both begin at 0."""
    ceiling = max((period.limit for period in reported if period.limit is not None), default=None)
    if ceiling is not None and ceiling < LEAST_HARDWARE[unit]:
        ceiling = None
    marks = sorted({0, until_s} | {period.start_s for period in (*ours, *reported) if 0 < period.start_s < until_s})
    open_since: Difference | None = None
    for begin, end in pairwise(marks):
        own, theirs = limit_at_second(ours, begin), limit_at_second(reported, begin)
        if same_limit(own, theirs, unit, ceiling):
            open_since = None
            continue
        open_since = open_since or Difference(begin, own, theirs)
        if end - open_since.start_s >= SHORTEST_S:
            return open_since
    return None


def limit_at_second(periods: Sequence[CompositePeriod], second: int) -> Decimal | None:
    """What holds there."""
    limit = None
    for period in periods:
        if period.start_s > second:
            break
        limit = period.limit
    return limit


def same_limit(ours: Decimal | None, reported: Decimal | None, unit: Unit, ceiling: Decimal | None) -> bool:
    """`ceiling`: what the station's hardware is taken to allow."""
    if ours is None:
        # Nobody limits it here; what it reports is its own.
        return True
    if reported is None:
        return False
    room = max(TOLERANCE[unit], ours * TOLERANCE_SHARE)
    if reported > ours + room:
        return False
    expected = ours if ceiling is None else min(ours, ceiling)
    return reported >= expected - room
