"""Any tree, any loads: what the properties are tested on. Amps on a grid of 0.1, as people and stations give them.

Drawn from a seed, not field by field: that is a hundred times as many examples in the same time. A failing one shrinks
in the number of circuits and loads.
"""

from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from smartcharging.allocation.shapes import Load, Node, PhaseAmps, Rules
from tests.smartcharging.allocation.made import NOW

WIRINGS = [(0,), (1,), (2,), (0, 1), (0, 1, 2), (1, 2, 0), (2, 0, 1)]
STRATEGIES = ["equal", "first_come", "priority", "solar", "deadline", "price"]
Site = tuple[list[Node], list[Load]]

_seeds = st.integers(0, 2**32)


def tenths(chance: Random, low: float, high: float) -> float:
    return chance.randint(round(low * 10), round(high * 10)) / 10


def sites(most: int = 12) -> st.SearchStrategy[Site]:
    """Loads in any state."""
    return st.builds(_site, _seeds, st.integers(1, 6), st.integers(0, most), st.just(_any_load))


def parked(most: int = 8) -> st.SearchStrategy[Site]:
    """Cars that have just come and take all that they may: nothing but the sizes tells them apart."""
    return st.builds(_site, _seeds, st.integers(1, 6), st.integers(1, most), st.just(_parked))


def any_rules() -> st.SearchStrategy[Rules]:
    return st.builds(_rules, st.sampled_from(STRATEGIES), _seeds)


def _site(seed: int, circuits: int, cars: int, make: Any) -> Site:
    chance = Random(seed)
    nodes = [_node(chance, node_id) for node_id in range(1, circuits + 1)]
    chance.shuffle(nodes)
    return nodes, [make(chance, load_id, chance.choice(nodes).id) for load_id in range(1, cars + 1)]


def _node(chance: Random, node_id: int) -> Node:
    parent = None if node_id == 1 else chance.randint(1, node_id - 1)
    watts = float(chance.randint(0, 60_000)) if chance.random() < 0.3 else None
    return Node(node_id, parent, _capacity(chance), watts, chance.choice([230.0, 127.0]))


def _capacity(chance: Random) -> PhaseAmps:
    kind, amps = chance.random(), tenths(chance, 0, 120)
    if kind < 0.5:
        return amps, amps, amps
    if kind < 0.8:
        return tenths(chance, 0, 80), tenths(chance, 0, 80), tenths(chance, 0, 80)
    return amps, 0.0, 0.0


def _parked(chance: Random, load_id: int, node_id: int) -> Load:
    return Load(
        id=load_id,
        node_id=node_id,
        phases=chance.choice(WIRINGS),
        min_a=chance.choice([6.0, 6.0, 8.0, 0.0]),
        max_a=chance.choice([16.0, 32.0, 11.3]),
        counted_a=0.0,
        active=True,
        arrived_at=NOW,
    )


def _any_load(chance: Random, load_id: int, node_id: int) -> Load:
    def perhaps(value: Any, often: float = 0.5) -> Any:
        return value if chance.random() < often else None

    def amps() -> float:
        return chance.choice([0.0, 6.0, 16.0, tenths(chance, 0, 40)])

    def ago(longest: int) -> Any:
        return NOW - timedelta(seconds=chance.randint(0, longest))

    current = perhaps(amps(), 0.7)
    return Load(
        id=load_id,
        node_id=node_id,
        phases=chance.choice(WIRINGS),
        min_a=chance.choice([6.0, 6.0, 6.0, 8.0, 13.5, 0.0]),
        max_a=chance.choice([16.0, 32.0, 10.0, 20.5, 5.0]),
        counted_a=max(current or 0.0, chance.choice([0.0, amps()])),
        rest_a=chance.choice([0.0, 0.0, 4.0, 6.0, 10.0]),
        active=chance.random() < 0.8,
        fixed=chance.random() < 0.1,
        current_a=current,
        measured_a=perhaps(min(current or 40.0, amps())),
        steady=chance.random() < 0.6,
        priority=chance.randint(-1, 2),
        arrived_at=perhaps(ago(9000), 0.9),
        departure_at=perhaps(NOW + timedelta(hours=chance.randint(-1, 9))),
        energy_left_wh=perhaps(float(chance.randint(0, 60_000))),
        raised_at=perhaps(ago(60)),
        served_since=perhaps(ago(3000)),
        waiting_since=perhaps(ago(6000)),
    )


def _rules(strategy: str, seed: int) -> Rules:
    chance = Random(seed)
    return Rules(
        strategy=strategy,
        rotation_s=chance.choice([0.0, 900.0, 900.0]),
        raise_step_a=chance.choice([None, None, 2.0]),
        hysteresis_a=chance.choice([0.0, 1.0, 1.0, 3.0]),
        lend=chance.random() < 0.7,
        surplus_a=None if chance.random() < 0.2 else (tenths(chance, -5, 60), tenths(chance, -5, 60), 20.0),
    )
