"""How much a load can use: a car that takes less than it may lends the rest, and gets it back as soon as it comes near.

Judged from the limit that it has and from what it takes, with no memory, so that every round says the same:

    taken within half of the margin of the limit     it may want more        all it can take
    taken so far below that the cut is worth it      it lends the rest out   what it takes and the margin
    between                                          left as it is           its limit

A cut limit lies a whole margin over what is taken, which is "between": so a car that takes the same is cut once.
"""

from smartcharging.allocation.shapes import Load, Rules
from smartcharging.allocation.tree import SLACK, ceil_tenth, floor_tenth


def least(load: Load) -> float:
    """The smallest limit that is not a pause, on the grid of 0.1 A."""
    return ceil_tenth(load.min_a)


def can_use(load: Load, rules: Rules) -> float:
    """The most that is of use to it, from its least to its maximum."""
    top = floor_tenth(load.max_a)
    if not rules.lend or load.measured_a is None or load.current_a is None or load.current_a + SLACK < least(load):
        return top
    if load.current_a <= SLACK or load.measured_a > load.current_a - rules.lend_margin_a / 2:
        return top
    cut = load.measured_a + rules.lend_margin_a
    if load.steady and cut + rules.hysteresis_a <= load.current_a + SLACK:
        return min(top, max(least(load), floor_tenth(cut)))
    return min(top, max(least(load), load.current_a))


def takes_nothing(load: Load) -> bool:
    """It may charge and doesn't: its battery is full, or it waits for a time of its own."""
    may = load.current_a is not None and load.current_a + SLACK >= least(load)
    return may and load.steady and load.measured_a is not None and load.measured_a < 0.5
