"""What a circuit's own meter says about what is not charging. Pure: no clock, no database.

A on L1, L2, L3 throughout; a meter shows negative values while the site feeds in. A circuit of one phase carries the
same value on all three: its members all hang on the one phase that it has, whichever that is.
"""

from collections.abc import Iterable

from smartcharging.allocation.shapes import NONE, PhaseAmps


def base_load(*, reading: PhaseAmps | None, counts_chargers: bool, charging: PhaseAmps, assumed_a: float) -> PhaseAmps:
    """What others than chargers take, never below 0: power that the sun feeds in adds nothing to a fuse.

    `reading` None: the meter is silent, or there is none; then `assumed_a` on each phase. `charging`: what the chargers
    below took when the meter was read; the lower where in doubt, so that the others are not counted too low.
    """
    if reading is None:
        return (assumed_a, assumed_a, assumed_a)
    return _at_least_zero(_others(reading, charging, counts_chargers))


def surplus(
    *, reading: PhaseAmps | None, counts_chargers: bool, charging: PhaseAmps, import_a: float = 0.0
) -> PhaseAmps:
    """What the sun leaves to chargers on each phase, and `import_a` from the grid. Nothing of the sun while silent."""
    spare = NONE if reading is None else _others(reading, charging, counts_chargers)
    first, second, third = (max(0.0, -value) + import_a for value in spare)
    return (first, second, third)


def usable(
    *,
    capacity: float,
    unit: str,
    phases: int,
    voltage: float,
    base: PhaseAmps,
    limits_a: Iterable[float] = (),
    limits_w: Iterable[float] = (),
) -> tuple[PhaseAmps, float | None]:
    """What chargers may take now: (A on each phase, W in all; None: no limit in W), never below 0.

    `capacity` is A on each phase, or W in all where `unit` is "W". Grid signals (`limits_*`) hold beside it, whichever
    unit it has. A phase of a circuit rated in W takes no more than the whole.
    """
    amps, watts = list(limits_a), list(limits_w)
    (amps if unit == "A" else watts).append(capacity)
    base_w = voltage * (base[0] if phases == 1 else sum(base))
    left_w = max(0.0, min(watts) - base_w) if watts else None
    most_a = min(amps) if amps else min(watts) / voltage
    first, second, third = (max(0.0, most_a - value) for value in base)
    if left_w is None:
        return (first, second, third), None
    share = left_w / voltage
    return (min(first, share), min(second, share), min(third, share)), left_w


def moved(before: PhaseAmps | None, after: PhaseAmps, band_a: float) -> bool:
    """Whether a meter has moved beyond the band on any phase since it last set off a round."""
    return before is None or any(abs(new - old) >= band_a for old, new in zip(before, after, strict=True))


def amps_of_power(power_w: list[float], *, voltage: float, phases: int) -> PhaseAmps:
    """One value: of all phases together, evenly; three: of each. On one phase: its own."""
    if len(power_w) == 3:
        first, second, third = (value / voltage for value in power_w)
        return (first, second, third)
    each = power_w[0] / voltage / (1 if phases == 1 else 3)
    return (each, each, each)


def _others(reading: PhaseAmps, charging: PhaseAmps, counts_chargers: bool) -> PhaseAmps:
    if not counts_chargers:
        return reading
    first, second, third = (value - taken for value, taken in zip(reading, charging, strict=True))
    return (first, second, third)


def _at_least_zero(amps: PhaseAmps) -> PhaseAmps:
    first, second, third = (max(0.0, value) for value in amps)
    return (first, second, third)
