"""Strategy price: what each load should take now, so that its energy is the cheapest that is still there by departure.

The same linear program as for deadlines, with the day-ahead prices in it. Energy comes first: nothing is left uncharged
to save money, and where not all can have what they want they share what is missing. Between hours that cost the same
the earlier is taken. Hours without a price cost the mean of the known ones; with no price at all this is strategy
deadline without its generosity. While the price is below zero everyone takes what fits, wanted or not.

A driver must not lose by it: who has not said both when they leave and how much they need is charged at once, with an
equal share and more where there is some.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from smartcharging.allocation.deadline import FAIRNESS, STARTS, STAYS, charges, demand_of, soon, spare_hours
from smartcharging.allocation.horizon import mean_prices, presence, priced_slots, slots_for
from smartcharging.allocation.lending import can_use
from smartcharging.allocation.program import solve
from smartcharging.allocation.rounding import minimum_or_pause, tenths, use_up
from smartcharging.allocation.shapes import Load, Node, Price, Rules
from smartcharging.allocation.wires import TINY_A, Floats, OddTree, wires_of

# In parts of the difference between the dearest and the cheapest hour. Charged at all is worth more than any hour (a
# kWh given up may make room for three elsewhere); sooner at the same price is worth next to nothing.
CHARGED = 20.0
SOONER = 0.005
AT_ONCE = 2.0
MOST_SLOTS = 100
EARLIER_H = 0.25


def price_targets(nodes: Sequence[Node], loads: Sequence[Load], rules: Rules, now: datetime) -> dict[int, float] | None:
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
    # Ready a little early, as far as there is time: what is planned to the last minute fails by the smallest thing.
    needed_h = demand.wants_kwh / np.maximum(wires.upper * wires.watts / 1000, TINY_A)
    ready_h = np.where(
        demand.timed, np.maximum(demand.until_h - EARLIER_H, np.minimum(needed_h, demand.until_h)), demand.until_h
    )
    slots, costs = _priced(rules.prices, demand.horizon_h, now, len(wires.loads))
    spread = float(np.ptp(costs)) or 1.0
    dearness = (costs - costs.min()) / spread
    gain = np.where(
        demand.timed[:, None], CHARGED - dearness + SOONER * soon(slots), CHARGED - 1.0 + AT_ONCE * soon(slots)
    )
    plan = solve(
        wires,
        slots=slots,
        there=presence(slots, ready_h),
        wants_kwh=demand.wants_kwh,
        gain=gain,
        parts_kwh=demand.parts_kwh,
        first_gain=SOONER * np.where([charges(load) for load in wires.loads], STAYS, STARTS),
        carried=np.where(np.arange(len(slots)) == 0, 1.0, _counted_on(loads)),
        worth=tuple(CHARGED * (part - 1.0) for part in FAIRNESS),
        time_limit_s=rules.time_limit_s - (time.perf_counter() - started),
    )
    if plan is None:
        return None
    planned_kwh = (plan * wires.watts[:, None] * slots).sum(axis=1) / 1000
    order = np.argsort(spare_hours(wires, demand, planned_kwh, rules, now), kind="stable")
    amps = minimum_or_pause(wires, plan[:, 0], order)
    amps = use_up(wires, amps, order, ~demand.timed & (demand.wants_kwh > 0))
    if costs[0] < -1e-9:
        amps = use_up(wires, amps, order, np.ones(len(amps), dtype=bool))
    return tenths(wires, amps)


def _priced(prices: Sequence[Price], horizon_h: float, now: datetime, loads: int) -> tuple[Floats, Floats]:
    """(lengths in hours, price of a kWh) of the slots until `horizon_h`, cut where prices change."""
    now_h = now.timestamp() / 3600
    edges = {at.timestamp() / 3600 - now_h for price in prices for at in (price.start_at, price.end_at)}
    changes = sorted(edge for edge in edges if 0 < edge < horizon_h)
    fine = np.diff(np.array([0.0, *changes, horizon_h]))
    slots = priced_slots(horizon_h, changes, mean_prices(fine, prices, now_h), slots_for(loads, MOST_SLOTS))
    return slots, mean_prices(slots, prices, now_h)


def _counted_on(loads: Sequence[Load]) -> float:
    """The part of the capacity that is planned with for later: cars will come to the connectors that are free now."""
    most = dict.fromkeys((True, False), 0.0)
    for load in loads:
        if not load.fixed:
            most[load.active] += load.max_a * len(load.phases)
    return most[True] / max(most[True] + most[False], TINY_A)
