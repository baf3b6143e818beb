"""The linear program of charging: currents of loads over slots of time, solved by HiGHS. Knows no strategy.

One model for all: what each load gets in each slot (A on each of its phases), at most what the wires carry and what it
wants in all; the gain of a kWh depends on load and slot. Built as arrays, because one call per variable would take
longer than the solution.
"""

import highspy
import numpy as np
from numpy.typing import NDArray

from smartcharging.allocation.wires import Floats, Wires

Ints = NDArray[np.int32]
Places = NDArray[np.intp]
Flags = NDArray[np.bool_]


def solve(
    wires: Wires,
    *,
    slots: Floats,
    there: Floats,
    wants_kwh: Floats,
    gain: Floats,
    parts_kwh: Floats | None = None,
    worth: tuple[float, ...] = (),
    first_gain: Floats | None = None,
    carried: Floats | None = None,
    time_limit_s: float,
) -> Floats | None:
    """A of each load in each slot, (loads, slots), that makes the most of it; None: no answer in time.

    `slots`: hours; `there`: the part of each slot in which a load is connected; `wants_kwh`: at most that in all;
    `gain`: per kWh of a load in a slot, (loads, slots). `parts_kwh`: what each wants in parts, (loads, parts), and
    `worth`: what a kWh of each part is worth in addition; falling numbers share what is missing fairly.
    `carried`: the part of the wires' capacity to be had in each
    slot. `first_gain`: per kWh in the first slot, in addition, up to the minimum of each load.
    """
    if time_limit_s <= 0:
        return None
    can = (there > 1e-9) & (wires.upper > 0)[:, None] & (wants_kwh > 0)[:, None]
    at, slot = np.nonzero(can)
    loads, parts = len(wires.loads), len(worth)
    amps = np.zeros(there.shape)
    if not len(at):
        return amps
    at, slot, highest, first, rests = _pieces(wires, at, slot, there, by_minimum=first_gain is not None)
    gains = gain[at, slot]
    if first_gain is not None:
        gains = gains + np.where(first, first_gain[at], 0.0)
    kwh = wires.watts[at] * slots[slot] / 1000
    starts, rows, values = _matrix(wires, at, slot, rests, kwh, len(slots), parts)
    # The first rows say: energy charged is the sum of the parts filled; without parts: at most what is wanted.
    most = np.outer(wires.free, np.ones(len(slots)) if carried is None else carried).ravel()
    open_ended = np.full(most.size, -highspy.kHighsInf)
    found = _maximise(
        cost=np.concatenate([gains * kwh, np.tile(np.array(worth), loads)]),
        upper=np.concatenate([highest, np.zeros(0) if parts_kwh is None else parts_kwh.ravel()]),
        row_lower=np.concatenate([np.full(loads, 0.0 if parts else -highspy.kHighsInf), open_ended]),
        row_upper=np.concatenate([np.zeros(loads) if parts else wants_kwh, most]),
        starts=starts,
        rows=rows,
        values=values,
        time_limit_s=time_limit_s,
    )
    if found is None:
        return None
    np.add.at(amps, (at, slot), np.clip(found[: len(at)], 0.0, highest))
    return amps


def _pieces(
    wires: Wires, at: Places, slot: Places, there: Floats, *, by_minimum: bool
) -> tuple[Places, Places, Floats, Flags, Flags]:
    """The current of each load in each slot, cut into columns of which the lower one is always the better one.

    (load, slot, the most of it, whether up to the minimum in the first slot, whether up to the fallback). What is up to
    the fallback takes nothing of rows that keep it.
    """
    highest = wires.upper[at] * there[at, slot]
    least = np.minimum(np.where(slot == 0, wires.lower[at], 0.0), highest) if by_minimum else np.zeros(len(at))
    rest = np.minimum(wires.rests[at] * there[at, slot], highest) if wires.kept.any() else np.zeros(len(at))
    low, high = np.minimum(least, rest), np.maximum(least, rest)
    none, all_of_them = np.zeros(len(at), dtype=bool), np.ones(len(at), dtype=bool)
    sizes = np.concatenate([highest - high, high - low, low])
    firsts = np.concatenate([none, least > rest, all_of_them])
    rests = np.concatenate([none, rest > least, all_of_them])
    # The uppermost stays though it be empty, so that each current has a column.
    wanted = np.concatenate([all_of_them, sizes[len(at) :] > 0])
    return np.tile(at, 3)[wanted], np.tile(slot, 3)[wanted], sizes[wanted], firsts[wanted], rests[wanted]


def _matrix(
    wires: Wires, at: Places, slot: Places, rests: Flags, kwh: Floats, slots: int, parts: int
) -> tuple[Ints, Ints, Floats]:
    """Column-wise (starts, rows, values): first the currents, then the parts of what each load wants."""
    loads = len(wires.loads)
    # Each load once with all its wires, and once more with those that keep no fallbacks.
    shapes = np.concatenate([wires.matrix.T, wires.touched(np.zeros(loads, dtype=bool)).T])
    owner, wire = np.nonzero(shapes)
    degree = np.bincount(owner, minlength=2 * loads)
    first = np.cumsum(degree) - degree
    shape = at + loads * rests
    counts = 1 + degree[shape]
    ends = np.cumsum(counts)
    column = np.repeat(np.arange(len(at)), counts)
    # Place within the column: 0 is the row of the load's energy, then the wires that it hangs on.
    place = np.arange(ends[-1]) - (ends - counts)[column]
    entry = np.minimum(first[shape][column] + np.maximum(place - 1, 0), max(len(wire) - 1, 0))
    energy = place == 0
    if len(wire):
        rows = np.where(energy, at[column], loads + wire[entry] * slots + slot[column])
        values = np.where(energy, kwh[column], shapes[shape[column], wire[entry]])
    else:
        rows, values = at[column], kwh[column]
    starts = np.concatenate([[0], ends, ends[-1] + np.arange(1, loads * parts + 1)])
    rows = np.concatenate([rows, np.repeat(np.arange(loads), parts)])
    values = np.concatenate([values, np.full(loads * parts, -1.0)])
    return starts.astype(np.int32), rows.astype(np.int32), values


def _maximise(
    *,
    cost: Floats,
    upper: Floats,
    row_lower: Floats,
    row_upper: Floats,
    starts: Ints,
    rows: Ints,
    values: Floats,
    time_limit_s: float,
) -> Floats | None:
    """The columns' values, all at least 0."""
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.silent()
    # Dual simplex from the slack basis answers these fastest (presolve and the interior point cost more than they
    # save), always in the same way, on the one core that a worker has.
    for name, value in (("solver", "simplex"), ("presolve", "off"), ("parallel", "off"), ("threads", 1)):
        highs.setOptionValue(name, value)
    highs.setOptionValue("time_limit", time_limit_s)
    taken = highs.passModel(
        len(cost),
        len(row_upper),
        len(rows),
        int(highspy.MatrixFormat.kColwise),
        int(highspy.ObjSense.kMaximize),
        0.0,
        cost,
        np.zeros(len(cost)),
        upper,
        row_lower,
        row_upper,
        starts,
        rows,
        values,
        np.zeros(len(cost), dtype=np.int32),
    )
    if taken == highspy.HighsStatus.kError:
        return None
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return np.array(highs.getSolution().col_value)
