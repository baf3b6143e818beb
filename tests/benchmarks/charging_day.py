"""A generated day of a car park that has half the capacity it would want, and what a strategy makes of it.

Minute by minute in a closed loop: a strategy is asked for the limits of the connectors that have a car, the cars charge
with them for a minute, and are gone when they are gone. A car takes what it is let take until it has what it wants.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from smartcharging.allocation.optimum import Stay
from smartcharging.allocation.shapes import Load, Node

DAY = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
VOLTS = 230.0
# Limits by the connectors that have a car; it is told of the free ones too.
Strategy = Callable[[Sequence[Node], Sequence[Load], datetime], dict[int, float]]


@dataclass(frozen=True, slots=True)
class Visit:
    """A car at a connector, from minute to minute of the day."""

    connector: int
    phases: tuple[int, ...]
    max_a: float
    arrives: int
    leaves: int
    wants_wh: float


@dataclass(frozen=True, slots=True)
class CarPark:
    nodes: tuple[Node, ...]
    group_of: dict[int, int]
    visits: tuple[Visit, ...]
    minutes: int


@dataclass(slots=True)
class Outcome:
    """`charged_wh` by visit; `paid` with the prices given; `worst_a`: how far over a capacity; `over`: minutes of that."""

    charged_wh: list[float] = field(default_factory=list)
    paid: float = 0.0
    over: int = 0
    worst_a: float = 0.0
    switched: int = 0
    longest_s: float = 0.0


def car_park(
    stations: int = 50, groups: int = 5, hours: int = 24, seed: int = 2026, part: float = 0.5, feeders: float = 0.75
) -> CarPark:
    """The connection has `part`, each feeder `feeders` of what it would carry at its highest if nothing were limited."""
    chance = random.Random(seed)
    visits = [visit for station in range(stations) for visit in _visits(chance, station, hours * 60)]
    group_of = {station: 2 + station % groups for station in range(stations)}
    tops = {node: [0.0, 0.0, 0.0] for node in range(1, groups + 2)}
    open_nodes = [Node(1, None, (1e6, 1e6, 1e6)), *(Node(2 + g, 1, (1e6, 1e6, 1e6)) for g in range(groups))]
    park = CarPark(tuple(open_nodes), group_of, tuple(visits), hours * 60)

    def note(minute: int, sums: dict[int, list[float]]) -> None:
        for node, amps in sums.items():
            tops[node] = [max(pair) for pair in zip(tops[node], amps, strict=True)]

    play(park, uncontrolled, watch=note)
    nodes = []
    for node in open_nodes:
        l1, l2, l3 = ((part if node.parent_id is None else feeders) * amps for amps in tops[node.id])
        nodes.append(replace(node, capacity_a=(l1, l2, l3)))
    return replace(park, nodes=tuple(nodes))


def _visits(chance: random.Random, station: int, minutes: int) -> list[Visit]:
    """Those of one station: mostly people who come to work, some who stop by, some who stay the night."""
    three = chance.random() < 0.6
    phases, max_a = ((0, 1, 2), chance.choice([16.0, 16.0, 32.0])) if three else ((station % 3,), 32.0)
    visits: list[Visit] = []
    minute = int(min(max(chance.gauss(8.0, 1.0), 5.0), 11.0) * 60)
    stays = chance.random() < 0.6
    while True:
        hours = max(chance.gauss(8.0, 1.0), 3.0) if stays else chance.uniform(0.7, 4.0)
        leaves = min(minute + int(hours * 60), minutes)
        if leaves - minute < 30:
            return visits
        fastest = max_a * len(phases) * VOLTS * (leaves - minute) / 60
        wants = min(chance.lognormvariate(2.9, 0.5) * 1000, fastest * 0.9)
        visits.append(Visit(station, phases, max_a, minute, leaves, round(wants)))
        minute, stays = leaves + 5 + int(chance.expovariate(1 / 60)), False


def uncontrolled(nodes: Sequence[Node], loads: Sequence[Load], now: datetime) -> dict[int, float]:
    return {load.id: load.max_a for load in loads}


def play(
    park: CarPark,
    strategy: Strategy,
    *,
    watch: Callable[[int, dict[int, list[float]]], None] | None = None,
    price: Callable[[datetime], float] = lambda at: 0.0,
    told: bool = True,
    every: timedelta = MINUTE,
) -> Outcome:
    """`every`: how often the strategy is asked; who comes in between gets nothing until then.

    `told`: drivers say when they leave and what they want. A load's id is its visit's place in `park.visits`.
    """
    outcome = Outcome([0.0] * len(park.visits))
    loads: dict[int, Load] = {}
    parents = {node.id: node.parent_id for node in park.nodes}
    limits: dict[int, float] = {}
    free = {
        visit.connector: Load(
            -1 - visit.connector, park.group_of[visit.connector], visit.phases, 6.0, visit.max_a, counted_a=0.0
        )
        for visit in park.visits
    }
    for minute in range(park.minutes):
        now = DAY + minute * MINUTE
        for number, visit in enumerate(park.visits):
            left = visit.wants_wh - outcome.charged_wh[number]
            if not visit.arrives <= minute < visit.leaves or left <= 1e-6:
                loads.pop(number, None)
            elif number not in loads:
                loads[number] = _arrived(park, number, visit, now, told)
            elif told:
                loads[number] = replace(loads[number], energy_left_wh=left, charged_wh=outcome.charged_wh[number])
        if minute % (every // MINUTE) == 0:
            taken = {park.visits[number].connector for number in loads}
            idle = [load for connector, load in free.items() if connector not in taken]
            limits = _timed(strategy, park.nodes, [*loads.values(), *idle], now, outcome)
        sums = {node.id: [0.0, 0.0, 0.0] for node in park.nodes}
        for number, load in loads.items():
            limit = limits.get(number, 0.0)
            assert limit == 0 or load.min_a - 1e-6 <= limit <= load.max_a + 1e-6, (number, limit)
            loads[number] = _limited(load, limit, now, outcome)
            full = limit * len(load.phases) * VOLTS / 60
            took = min(full, park.visits[number].wants_wh - outcome.charged_wh[number])
            outcome.charged_wh[number] += took
            outcome.paid += took / 1000 * price(now)
            node: int | None = load.node_id
            while node is not None:
                for phase in load.phases:
                    sums[node][phase] += limit
                node = parents[node]
        _count_violations(park.nodes, sums, outcome)
        if watch:
            watch(minute, sums)
    return outcome


def _arrived(park: CarPark, number: int, visit: Visit, now: datetime, told: bool) -> Load:
    load = Load(
        id=number,
        node_id=park.group_of[visit.connector],
        phases=visit.phases,
        min_a=6.0,
        max_a=visit.max_a,
        counted_a=0.0,
        active=True,
        current_a=0.0,
        arrived_at=now,
        waiting_since=now,
    )
    return replace(load, departure_at=DAY + visit.leaves * MINUTE, energy_left_wh=visit.wants_wh) if told else load


def _timed(
    strategy: Strategy, nodes: Sequence[Node], loads: list[Load], now: datetime, outcome: Outcome
) -> dict[int, float]:
    started = time.perf_counter()
    limits = strategy(nodes, loads, now) if any(load.active for load in loads) else {}
    outcome.longest_s = max(outcome.longest_s, time.perf_counter() - started)
    return limits


def _limited(load: Load, limit: float, now: datetime, outcome: Outcome) -> Load:
    before = load.current_a or 0.0
    changed = (before > 0) != (limit > 0)
    outcome.switched += changed
    return replace(
        load,
        current_a=limit,
        counted_a=limit,
        measured_a=limit,
        raised_at=now if limit > before else load.raised_at,
        served_since=(now if changed else load.served_since) if limit else None,
        waiting_since=None if limit else (now if changed else load.waiting_since),
    )


def _count_violations(nodes: Sequence[Node], sums: dict[int, list[float]], outcome: Outcome) -> None:
    over = max(amps - most for node in nodes for amps, most in zip(sums[node.id], node.capacity_a, strict=True))
    outcome.over += over > 1e-6
    outcome.worst_a = max(outcome.worst_a, over)


def stays_of(park: CarPark) -> list[Stay]:
    """The same day, as the offline optimum is told of it."""
    return [
        Stay(_arrived(park, number, visit, DAY, True), visit.arrives / 60, visit.leaves / 60, visit.wants_wh)
        for number, visit in enumerate(park.visits)
    ]
