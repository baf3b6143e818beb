"""The time that a program looks ahead over, cut into slots: fine where it is near, coarse where it is far."""

from collections.abc import Sequence

import numpy as np

from smartcharging.allocation.shapes import Price
from smartcharging.allocation.wires import Floats

# Of the slots that begin now; a plan is made anew each minute, so only this one is ever followed.
FIRST_H = 5 / 60
# What a linear program of a few hundred loads can have and still answer in a tenth of a second.
COLUMNS = 5000
FEWEST, MOST = 6, 36


def slots_for(loads: int, most: int = MOST) -> int:
    """How many slots a program of so many loads can afford."""
    return int(np.clip(COLUMNS // max(loads, 1), FEWEST, most))


def growing_slots(horizon_h: float, count: int) -> Floats:
    """Lengths in hours: the first is `FIRST_H`, each next one longer by the same factor, `horizon_h` in all."""
    if horizon_h <= FIRST_H:
        return np.array([horizon_h])
    if horizon_h <= FIRST_H * count:
        full = int(horizon_h / FIRST_H + 1e-9)
        rest = horizon_h - full * FIRST_H
        return np.array([FIRST_H] * full + ([rest] if rest > 1e-6 else []))
    steps = np.arange(count)
    low, high = 1.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if FIRST_H * (middle**steps).sum() < horizon_h else (low, middle)
    lengths: Floats = np.power(high, steps, dtype=np.float64)
    lengths *= horizon_h / lengths.sum()
    return lengths


def priced_slots(horizon_h: float, changes_h: Sequence[float], prices: Floats, count: int) -> Floats:
    """Lengths in hours that begin and end where the price changes, as far as `count` allows.

    `prices[k]` holds from `changes_h[k - 1]` (from now, for the first) to `changes_h[k]`. Where there are too many,
    neighbours are made one whose prices differ least.
    """
    edges = [0.0, *[hour for hour in changes_h if 0 < hour < horizon_h], horizon_h]
    level = list(prices[: len(edges) - 1])
    while len(edges) - 1 > count:
        apart = [abs(level[k + 1] - level[k]) * min(np.diff(edges[k : k + 3])) for k in range(len(level) - 1)]
        k = int(np.argmin(apart))
        long, short = edges[k + 1] - edges[k], edges[k + 2] - edges[k + 1]
        level[k] = (level[k] * long + level.pop(k + 1) * short) / (long + short)
        edges.pop(k + 1)
    if edges[1] > 2 * FIRST_H:
        edges.insert(1, FIRST_H)
    return np.diff(np.array(edges))


def presence(slots: Floats, until_h: Floats, from_h: Floats | None = None) -> Floats:
    """(loads, slots): the part of each slot during which each load is there."""
    ends = np.cumsum(slots)
    starts = ends - slots
    begin = starts if from_h is None else np.maximum(starts, from_h[:, None])
    there = np.minimum(ends, until_h[:, None]) - begin
    return np.clip(there / slots, 0.0, 1.0)


def mean_prices(slots: Floats, prices: Sequence[Price], now_h: float) -> Floats:
    """The price of a kWh in each slot; hours that have no price cost the mean of those that have.

    `now_h`: hours since the epoch, as are the prices' times when divided by 3600.
    """
    ends = now_h + np.cumsum(slots)
    starts = ends - slots
    paid, known = np.zeros(len(slots)), np.zeros(len(slots))
    for price in prices:
        first, last = price.start_at.timestamp() / 3600, price.end_at.timestamp() / 3600
        overlap = np.clip(np.minimum(ends, last) - np.maximum(starts, first), 0.0, None)
        paid += overlap * price.price
        known += overlap
    mean = paid.sum() / known.sum() if known.sum() > 1e-9 else 0.0
    costs: Floats = (paid + np.maximum(slots - known, 0.0) * mean) / np.maximum(slots, known)
    return costs
