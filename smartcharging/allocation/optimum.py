"""What could have been charged at best: all visits of a day known beforehand, no minimum current. The ceiling that
strategies are measured against; nothing that runs asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smartcharging.allocation.program import solve
from smartcharging.allocation.shapes import Load, Node
from smartcharging.allocation.wires import Floats, wires_of


@dataclass(frozen=True, slots=True)
class Stay:
    """A car on the wires of `load` from `from_h` until `until_h` (hours from the beginning), wanting `wants_wh`."""

    load: Load
    from_h: float
    until_h: float
    wants_wh: float


@dataclass(frozen=True, slots=True)
class Optimum:
    """Energy by load, and the cost with the prices given."""

    energy_wh: dict[int, float]
    cost: float


def offline_optimum(
    nodes: Sequence[Node],
    stays: Sequence[Stay],
    *,
    slot_h: float = 0.25,
    prices: Floats | None = None,
    time_limit_s: float = 600.0,
) -> Optimum | None:
    """The most energy, and of that the cheapest. No schedule of any strategy charges more.

    `prices`: of a kWh in each slot. Every stay has a load of its own (`load.active`), also on the same connector. Edges
    of stays may lie within slots: then it is a little more than could be had. None: not solved in time.
    """
    stays = sorted(stays, key=lambda stay: stay.load.id)
    wires = wires_of(nodes, [stay.load for stay in stays])
    slots = np.full(int(np.ceil(max(stay.until_h for stay in stays) / slot_h - 1e-9)), slot_h)
    starts = np.arange(len(slots)) * slot_h
    begins, ends = (np.array([getattr(stay, name) for stay in stays]) for name in ("from_h", "until_h"))
    there = np.minimum(starts + slot_h, ends[:, None]) - np.maximum(starts, begins[:, None])
    costs = np.zeros(len(slots)) if prices is None else prices[: len(slots)]
    # Far more than any difference of prices, so that energy is never given up for money.
    worth = 1.0 + 20.0 * float(np.ptp(costs)) + float(np.abs(costs).max(initial=0.0))
    plan = solve(
        wires,
        slots=slots,
        there=np.clip(there / slot_h, 0.0, 1.0),
        wants_kwh=np.array([stay.wants_wh / 1000 for stay in stays]),
        gain=np.broadcast_to(worth - costs, (len(stays), len(slots))),
        time_limit_s=time_limit_s,
    )
    if plan is None:
        return None
    kwh = plan * wires.watts[:, None] * slots / 1000
    energy = {stay.load.id: float(amount) * 1000 for stay, amount in zip(stays, kwh.sum(axis=1), strict=True)}
    return Optimum(energy, float((kwh * costs).sum()))
