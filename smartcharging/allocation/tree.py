"""The tree as a list of limits: each circuit's L1, L2, L3 and, where it is rated in W, the sum of them.

A load crosses the limits of its own circuit and of all those above it. On a phase it weighs 1 for each A of its limit,
in W volts times its number of phases. So whatever is shared, `sum(weight * amps) <= capacity` is all there is to keep.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from smartcharging.allocation.shapes import Load, Node, PhaseAmps

# What floats may be off by: far below the 0.1 A that limits are rounded to.
SLACK = 1e-6
PHASES = ("L1", "L2", "L3")
WATT = "W"

# A limit's index, and what an A of the load weighs there.
Crossing = tuple[int, float]


class BrokenTree(ValueError):
    """What was given is no tree of circuits with loads on it. `name` is the word for why."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(f"{name}: {sentence}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Violation:
    """More on a circuit than it carries. `on`: `L1`, `L2`, `L3` in A, or `W`."""

    node_id: int
    on: str
    used: float
    capacity: float


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that must not be exceeded."""

    node_id: int
    on: str
    capacity: float


class Tree:
    """Circuits and the loads on them, checked. Raises BrokenTree for `node_twice`, `unknown_parent`, `cycle`,
    `unknown_node`, `load_twice`, `phases` and `not_a_number`.
    """

    def __init__(self, nodes: Iterable[Node], loads: Iterable[Load]) -> None:
        self.nodes: dict[int, Node] = {}
        self.limits: list[Limit] = []
        self._limits_of: dict[int, dict[str, int]] = {}
        for node in nodes:
            self._add(node)
        self._paths: dict[int, tuple[int, ...]] = {}
        for node_id in self.nodes:
            self._paths[node_id] = self._path(node_id)
        self._crossings: dict[tuple[int, tuple[int, ...]], tuple[Crossing, ...]] = {}
        self.loads: dict[int, Load] = {}
        self.crossed: dict[int, tuple[Crossing, ...]] = {}
        for load in sorted(loads, key=lambda load: load.id):
            if load.id in self.loads:
                raise BrokenTree("load_twice", f"load {load.id} is given twice.")
            for amps in (load.min_a, load.max_a, load.counted_a, load.rest_a):
                if not 0 <= amps < math.inf:
                    raise BrokenTree("not_a_number", f"{amps} A of load {load.id} are no current.")
            self.loads[load.id] = load
            self.crossed[load.id] = self._crossing(load)

    def _add(self, node: Node) -> None:
        if node.id in self.nodes:
            raise BrokenTree("node_twice", f"circuit {node.id} is given twice.")
        self.nodes[node.id] = node
        found: dict[str, int] = {}
        ratings = [*zip(PHASES, node.capacity_a, strict=True)]
        if node.capacity_w is not None:
            ratings.append((WATT, node.capacity_w))
        for on, capacity in ratings:
            if math.isnan(capacity):
                raise BrokenTree("not_a_number", f"the capacity of circuit {node.id} is none.")
            found[on] = len(self.limits)
            self.limits.append(Limit(node.id, on, max(0.0, capacity)))
        self._limits_of[node.id] = found

    def _path(self, node_id: int) -> tuple[int, ...]:
        """The circuit and all above it."""
        path: list[int] = []
        at: int | None = node_id
        while at is not None:
            if at not in self.nodes:
                raise BrokenTree("unknown_parent", f"circuit {path[-1]} hangs on {at}, which is not given.")
            if len(path) > len(self.nodes):
                raise BrokenTree("cycle", f"circuit {node_id} hangs on itself.")
            path.append(at)
            at = self.nodes[at].parent_id
        return tuple(path)

    def _crossing(self, load: Load) -> tuple[Crossing, ...]:
        """Loads of one circuit on the same phases cross the same limits: told once for all of them."""
        key = (load.node_id, load.phases)
        known = self._crossings.get(key)
        if known is not None:
            return known
        if load.node_id not in self.nodes:
            raise BrokenTree("unknown_node", f"load {load.id} is on circuit {load.node_id}, which is not given.")
        if not load.phases or len({*load.phases}) != len(load.phases) or not {*load.phases} <= {0, 1, 2}:
            raise BrokenTree("phases", f"load {load.id} is on phases {load.phases}.")
        found: list[Crossing] = []
        for node_id in self._paths[load.node_id]:
            limits = self._limits_of[node_id]
            found += [(limits[PHASES[phase]], 1.0) for phase in load.phases]
            if WATT in limits:
                found.append((limits[WATT], self.nodes[node_id].voltage * len(load.phases)))
        self._crossings[key] = tuple(found)
        return self._crossings[key]

    def room(self, amps: Mapping[int, float]) -> list[float]:
        """What each limit has left under loads (by id) that take so much; negative where it is exceeded."""
        left = [limit.capacity for limit in self.limits]
        for load_id, taken in amps.items():
            if taken:
                take(left, self.crossed[load_id], taken)
        return left

    def crossing(self, node_id: int, phases: tuple[int, ...]) -> tuple[Crossing, ...]:
        """What a load there on these phases crosses."""
        return self._crossings[node_id, phases]

    def limits_of(self, node_id: int) -> dict[str, int]:
        """Indexes of a circuit's limits by `L1`, `L2`, `L3`, `W`."""
        return self._limits_of[node_id]


def take(room: list[float], crossed: Sequence[Crossing], amps: float) -> None:
    for index, weight in crossed:
        room[index] -= weight * amps


def taken_anyway(load: Load) -> float:
    """What a load counts with that nobody is asked about: the fixed, and those without a session. Else 0."""
    if load.fixed:
        return load.counted_a
    return 0.0 if load.active else max(load.counted_a, load.rest_a)


def floor_tenth(amps: float) -> float:
    """Rounded down to 0.1 A, as limits are sent."""
    return math.floor(amps * 10 + SLACK) / 10 if math.isfinite(amps) else amps


def ceil_tenth(amps: float) -> float:
    return math.ceil(amps * 10 - SLACK) / 10


def used(nodes: Sequence[Node], amps_by_load: Mapping[Load, float]) -> dict[int, PhaseAmps]:
    """What flows through each circuit on L1, L2, L3 when its loads, and those below, take so many A on each phase."""
    tree = Tree(nodes, amps_by_load)
    sums = {node_id: [0.0, 0.0, 0.0] for node_id in tree.nodes}
    for load, amps in amps_by_load.items():
        for node_id in tree._paths[load.node_id]:
            for phase in load.phases:
                sums[node_id][phase] += amps
    return {node_id: (on[0], on[1], on[2]) for node_id, on in sums.items()}


def violations(nodes: Sequence[Node], amps_by_load: Mapping[Load, float]) -> list[Violation]:
    """Where so much is more than a circuit carries, on any phase or in W."""
    tree = Tree(nodes, amps_by_load)
    left = tree.room({load.id: amps for load, amps in amps_by_load.items()})
    return [
        Violation(limit.node_id, limit.on, limit.capacity - rest, limit.capacity)
        for limit, rest in zip(tree.limits, left, strict=True)
        if rest < -SLACK * (100 if limit.on == WATT else 1)
    ]
