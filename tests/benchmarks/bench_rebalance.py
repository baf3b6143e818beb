"""Milliseconds of computing for one rebalancing of a circuit, by strategy, next to a bare water-filling of one wire.

`scripts/bench rebalance --active 500`: a connection with feeders of fifty connectors, six in ten of them three-phase,
all with a car, half the capacity that they would want; a round is allocate() and then plan() with its targets. The bare
baseline is the least that anything could do: sort 500 maxima and share one number among them, in numpy.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from smartcharging.allocation.allocate import allocate
from smartcharging.allocation.plan import plan
from smartcharging.allocation.shapes import Load, Node, Price, Rules

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
STRATEGIES = ("equal", "first_come", "priority", "solar", "deadline", "price")


def circuit(active: int, feeders: int, seed: int) -> tuple[list[Node], list[Load]]:
    chance = random.Random(seed)
    loads, sums = [], [[0.0, 0.0, 0.0] for _ in range(feeders)]
    for number in range(active):
        phases = (0, 1, 2) if chance.random() < 0.6 else (number % 3,)
        max_a, feeder, current = chance.choice([16.0, 32.0]), number % feeders, chance.choice([0.0, 6.0, 10.0])
        for phase in phases:
            sums[feeder][phase] += max_a
        arrived = NOW - timedelta(minutes=chance.uniform(1, 240))
        loads.append(
            Load(
                id=number,
                node_id=2 + feeder,
                phases=phases,
                min_a=6.0,
                max_a=max_a,
                counted_a=current,
                current_a=current,
                active=True,
                priority=chance.randrange(3),
                arrived_at=arrived,
                departure_at=NOW + timedelta(minutes=chance.uniform(20, 600)),
                energy_left_wh=chance.lognormvariate(2.9, 0.5) * 1000,
                served_since=arrived if current else None,
                waiting_since=None if current else arrived,
            )
        )
    total = [sum(phase) * 0.5 for phase in zip(*sums, strict=True)]
    nodes = [Node(1, None, (total[0], total[1], total[2]))]
    nodes += [Node(2 + k, 1, (l1 * 0.75, l2 * 0.75, l3 * 0.75)) for k, (l1, l2, l3) in enumerate(sums)]
    return nodes, loads


def water_filling(maxima: list[float], capacity: float) -> float:
    """The level to which everyone is filled."""
    lowest = np.sort(np.array(maxima))
    filled = np.cumsum(lowest) + lowest * np.arange(len(lowest) - 1, -1, -1)
    full = int(np.searchsorted(filled, capacity))
    return float((capacity - lowest[:full].sum()) / max(len(lowest) - full, 1))


def measured(act: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """(median, longest, median of the processor's time) in ms."""
    act()
    took, used = [], []
    for _ in range(rounds):
        started, cpu = time.perf_counter(), time.process_time()
        act()
        took.append((time.perf_counter() - started) * 1000)
        used.append((time.process_time() - cpu) * 1000)
    return statistics.median(took), max(took), statistics.median(used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--active", type=int, default=500)
    parser.add_argument("--feeders", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    nodes, loads = circuit(options.active, options.feeders, options.seed)
    prices = tuple(
        Price(NOW + timedelta(hours=hour), NOW + timedelta(hours=hour + 1), 0.2 + 0.1 * (hour * 7 % 5))
        for hour in range(24)
    )
    maxima, capacity = [load.max_a for load in loads], nodes[0].capacity_a[0]
    base, _, _ = measured(lambda: water_filling(maxima, capacity), options.rounds)
    print(f"{options.active} active connectors under {options.feeders} feeders, {options.rounds} rounds; ms")
    print(f"{'strategy':14} {'median':>8} {'longest':>8} {'CPU':>8} {'of the bare one':>16}  answered by")
    print(f"{'water-filling':14} {base:8.3f} {'':8} {'':8} {1:15,.0f}x")
    for strategy in STRATEGIES:
        rules = Rules(
            strategy=strategy, prices=prices, surplus_a=(200.0, 200.0, 200.0) if strategy == "solar" else None
        )

        def act(rules: Rules = rules) -> str:
            answer = allocate(nodes, loads, rules, NOW)
            plan(nodes, loads, answer.targets, rules, NOW)
            return answer.strategy

        median, longest, cpu = measured(act, options.rounds)
        print(f"{strategy:14} {median:8.1f} {longest:8.1f} {cpu:8.1f} {median / base:15,.0f}x  {act()}", flush=True)


if __name__ == "__main__":
    main()
