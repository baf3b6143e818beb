"""How much energy lies between two readings of a register. Pure; the SQL of `hours_sql` says the same in sets.

A register only rises. Where it doesn't:
- a small fall that keeps at least half (a rounding between messages, a meter that runs back a little) is taken as it
  is, so that sums stay those of the register;
- another fall is a reset: what it shows now came since;
- a rise or a reset beyond what the largest charger could have delivered is another meter: nothing is known.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings

# Clocks of stations tick in whole seconds, and readings of one instant may differ by a message's time.
SHORTEST_S = 60


class Step(NamedTuple):
    """Energy (Wh) between two readings; `estimated` where a reset or a change of meters was bridged."""

    energy_wh: Decimal
    estimated: bool


def largest_wh(seconds: Decimal) -> Decimal:
    """What the largest charger delivers in that time."""
    return settings.METERING_LARGEST_POWER_W * max(seconds, Decimal(SHORTEST_S)) / 3600


def step_between(at0: datetime, value0: Decimal, at1: datetime, value1: Decimal) -> Step:
    """Energy between two readings of one register, at0 <= at1."""
    seconds = Decimal((at1 - at0) // timedelta(microseconds=1)) / 1_000_000
    bound, risen = largest_wh(seconds), value1 - value0
    if risen >= 0:
        return Step(risen, False) if risen <= bound else Step(Decimal(0), True)
    if -risen <= largest_wh(Decimal(SHORTEST_S)) and value1 >= value0 / 2:
        return Step(risen, False)
    return Step(value1 if 0 <= value1 <= bound else Decimal(0), True)
