"""From currents that a linear program would like to limits that a car can follow: its minimum or more, or a pause."""

import numpy as np
from numpy.typing import NDArray

from smartcharging.allocation.wires import TINY_A, Floats, Wires

Order = NDArray[np.intp]


def fair_share(wires: Wires, amps: Floats | None = None, upper: Floats | None = None) -> Floats:
    """Raise all by the same until each is at its `upper` or a wire of its is full: max-min fair.

    `amps`: what they have already (0). No minimum is kept.
    """
    amps = np.zeros(len(wires.loads)) if amps is None else amps.copy()
    upper = wires.upper if upper is None else upper
    rising = amps < upper - TINY_A
    while rising.any():
        beyond = amps >= wires.rests - TINY_A
        touched = wires.touched(beyond)
        room, slopes = wires.room(amps), touched @ rising
        steps = np.where(slopes > 0, room / np.where(slopes > 0, slopes, 1.0), np.inf)
        # Up to its fallback a load takes less of the wires than from there on.
        ends = np.where(beyond, upper, np.minimum(upper, wires.rests)) - amps
        step = min(float(ends[rising].min()), float(steps.min()) if len(steps) else np.inf)
        amps[rising] += max(step, 0.0)
        full = wires.room(amps) <= TINY_A
        touched = wires.touched(amps >= wires.rests - TINY_A)
        stuck = (touched[full] > 0).any(axis=0) if full.any() else np.zeros(len(amps), dtype=bool)
        rising &= ~stuck & (amps < upper - TINY_A)
    return amps


def minimum_or_pause(wires: Wires, wished: Floats, order: Order) -> Floats:
    """Those that wish for less than their minimum get it or a pause, in this order; the others keep what they wish."""
    amps = np.where(wished >= wires.lower - TINY_A, np.clip(wished, 0.0, wires.upper), 0.0)
    between = (wished > TINY_A) & (amps == 0.0) & (wires.upper > 0)
    return _start(wires, amps, between, order)


def use_up(wires: Wires, amps: Floats, order: Order, who: NDArray[np.bool_]) -> Floats:
    """Give what is left to `who`: a minimum to those that pause, in this order, then the rest in equal steps."""
    amps = _start(wires, amps, who & (amps == 0.0) & (wires.upper > 0), order)
    return fair_share(wires, amps, np.where(who & (amps > 0), wires.upper, amps))


def tenths(wires: Wires, amps: Floats) -> dict[int, float]:
    """By load, rounded down to what is sent."""
    down = np.floor(amps * 10 + 1e-4) / 10
    down[amps < wires.lower - TINY_A] = 0.0
    return {load.id: float(limit) for load, limit in zip(wires.loads, down, strict=True)}


def _start(wires: Wires, amps: Floats, who: NDArray[np.bool_], order: Order) -> Floats:
    amps, room = amps.copy(), wires.room(amps)
    for index in order[who[order]]:
        needed = wires.needs(index, wires.lower[index])
        if (needed <= room + TINY_A).all():
            amps[index] = wires.lower[index]
            room -= needed
    return amps
