"""Strategy deadline: what each load should take now, so that as much energy as can be is charged by each departure.

A linear program over slots from now to the latest departure. In this order it wants: as much energy by the departures
as the wires allow; where that is less than wanted, the same part of what is missing for everyone; all of it rather
early; and early for those first who have the least time to spare. Only its first slot is used: everything is asked
anew in the next round, with what has happened since.

Who has not said when they leave, or how much they need, counts as if wanting an equal share all the time.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from smartcharging.allocation.horizon import growing_slots, presence, slots_for
from smartcharging.allocation.lending import can_use
from smartcharging.allocation.program import solve
from smartcharging.allocation.rounding import fair_share, minimum_or_pause, tenths, use_up
from smartcharging.allocation.shapes import Load, Node, Rules
from smartcharging.allocation.wires import TINY_A, Floats, OddTree, Wires, wires_of

# Worth of a kWh in the quarters of what was wanted in a session. Nearly the same, so that fairness costs next to no
# energy; but the first quarter is everyone's, also of those whose kWh takes the room of three (one phase beside three).
FAIRNESS = (3.5, 1.02, 1.01, 1.0)
# Now rather than at the end; and in the first slot, up to its minimum, for who charges already and for who doesn't: so
# rather all slowly than one after the other, and rather the same as before.
EARLY = 0.002
STAYS, STARTS = 3.0, 1.0
LONGEST_H = 7 * 24.0


@dataclass(frozen=True, slots=True)
class Demand:
    """What the loads of some wires want, all in their order. `timed`: they said when they leave and how much they need.

    `until_h`: hours from now; the end of all, if not said. `wants_kwh`: as far as it can be had. `parts_kwh`: (loads,
    4), what is missing of each quarter of all that was wanted in the session, the first quarter first.
    """

    timed: NDArray[np.bool_]
    until_h: Floats
    wants_kwh: Floats
    horizon_h: float
    parts_kwh: Floats


def deadline_targets(
    nodes: Sequence[Node], loads: Sequence[Load], rules: Rules, now: datetime
) -> dict[int, float] | None:
    """A per phase by the id of each active load that can be moved: 0, or at least its minimum.

    None: nobody has said when to leave and what is needed, no answer within `rules.time_limit_s`, or a tree that is
    none. Together with what the others count with, the limits never exceed a capacity.
    """
    started = time.perf_counter()
    try:
        wires = wires_of(nodes, [replace(load, max_a=can_use(load, rules)) for load in loads])
    except OddTree:
        return None
    if not wires.loads:
        return {}
    demand = demand_of(wires, now)
    if not demand.timed.any():
        return None
    slots = growing_slots(demand.horizon_h, slots_for(len(wires.loads)))
    there = presence(slots, demand.until_h)
    urgency = 1 / (1 + np.exp(np.clip(spare_hours(wires, demand, demand.wants_kwh, rules, now), -50, 50)))
    plan = solve(
        wires,
        slots=slots,
        there=there,
        wants_kwh=demand.wants_kwh,
        gain=EARLY * (0.5 + urgency)[:, None] * soon(slots),
        parts_kwh=demand.parts_kwh,
        worth=FAIRNESS,
        first_gain=EARLY * np.where([charges(load) for load in wires.loads], STAYS, STARTS),
        time_limit_s=rules.time_limit_s - (time.perf_counter() - started),
    )
    if plan is None:
        return None
    planned_kwh = (plan * wires.watts[:, None] * slots).sum(axis=1) / 1000
    order = np.argsort(spare_hours(wires, demand, planned_kwh, rules, now), kind="stable")
    amps = minimum_or_pause(wires, plan[:, 0], order)
    amps = use_up(wires, amps, order, demand.wants_kwh > 0)
    return tenths(wires, use_up(wires, amps, order, np.ones(len(amps), dtype=bool)))


def demand_of(wires: Wires, now: datetime) -> Demand:
    """Read the loads' wishes. A departure that has passed is none: the car is still there."""
    left_h = np.array([_hours(load.departure_at, now) for load in wires.loads])
    energy = np.array([np.nan if load.energy_left_wh is None else load.energy_left_wh / 1000 for load in wires.loads])
    leaves = left_h > 0
    timed = leaves & (energy > 0)
    horizon_h = min(float(left_h[leaves].max(initial=0.0)), LONGEST_H) or 1.0
    until_h = np.where(leaves, np.minimum(left_h, horizon_h), horizon_h)
    fastest = wires.upper * wires.watts / 1000
    equal_kwh = fair_share(wires) * wires.watts * until_h / 1000
    wants = np.where(np.isnan(energy), equal_kwh, np.clip(np.nan_to_num(energy), 0.0, None))
    wants = np.where(timed, wants, np.minimum(wants, equal_kwh))
    had = np.array([(load.charged_wh or 0.0) / 1000 for load in wires.loads]) * timed
    # No more than could have been charged in the whole stay: a wish that nobody could meet takes no part from others.
    been_h = np.array([max(-_hours(load.arrived_at, now), 0.0) for load in wires.loads]) * timed
    can_have = np.minimum(wants, fastest * until_h)
    total = np.maximum(np.minimum(wants + had, fastest * (been_h + until_h)), had + can_have)
    quarter = (total / len(FAIRNESS))[:, None]
    parts = np.clip(quarter * np.arange(1, len(FAIRNESS) + 1) - had[:, None], 0.0, quarter)
    return Demand(timed, until_h, can_have, horizon_h, parts)


def spare_hours(wires: Wires, demand: Demand, kwh: Floats, rules: Rules, now: datetime) -> Floats:
    """How long each could wait and still get its kWh; who charges keeps an advantage of one turn of the rotation.

    Those that have not said when they leave go by turns: a turn of charging, then behind those that wait, until they
    have waited for a turn themselves.
    """
    fastest = np.maximum(wires.upper * wires.watts / 1000, TINY_A)
    spare = demand.until_h - kwh / fastest
    turn = rules.rotation_s / 3600
    for index, load in enumerate(wires.loads):
        if demand.timed[index]:
            spare[index] -= turn if charges(load) else 0.0
        elif demand.wants_kwh[index] > 0:
            since = load.served_since if charges(load) else load.waiting_since
            turned = max(-_hours(since, now), 0.0) if since else 0.0
            spare[index] = (0.0 if turned < turn else turn) if charges(load) else turn - turned
    return spare


def charges(load: Load) -> bool:
    return load.served_since is not None or (load.current_a or 0.0) >= load.min_a


def soon(slots: Floats) -> Floats:
    """From 1 (now) to 0 (never), steep at first: what can be charged now is better not left for later."""
    middles = np.cumsum(slots) - slots / 2
    weights: Floats = 1 / (1 + 2 * middles)
    return weights


def _hours(at: datetime | None, now: datetime) -> float:
    return (at - now).total_seconds() / 3600 if at else 0.0
