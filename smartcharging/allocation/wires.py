"""What loads share: the limits of a tree as rows over those of its loads that can be moved now. Knows no strategy.

With what has to stay free for fallbacks (reserve.py, which says why and decides the same for the moment).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smartcharging.allocation.shapes import Load, Node
from smartcharging.allocation.tree import SLACK, taken_anyway

Floats = NDArray[np.float64]
# Less than this is a rounding error of sums of floats.
TINY_A = 1e-6


class OddTree(ValueError):
    """Nodes or loads that don't make a tree, or numbers that are none."""


@dataclass(frozen=True, slots=True)
class Wires:
    """`taken(amps) <= free`, with `amps` in the order of `loads`, and each between 0 and `upper`.

    A row is a phase of a node (A) or a node rated in W. What limits a single load only is in its `upper`, and rows that
    can't be reached are left out. `lower`: the least that it charges with; `upper` is 0 where that can't be had.
    `watts`: of 1 A on each of its phases.

    On rows that are `kept` all fallbacks (`rests`) are taken off `free`, and each load takes of it only what it has beyond
    its own: who waits keeps the others from that much.
    """

    loads: tuple[Load, ...]
    matrix: Floats
    free: Floats
    lower: Floats
    upper: Floats
    watts: Floats
    rests: Floats
    kept: NDArray[np.bool_]

    def taken(self, amps: Floats) -> Floats:
        """What these currents take of each row."""
        plain: Floats = self.matrix @ amps
        if self.kept.any():
            plain[self.kept] = self.matrix[self.kept] @ np.maximum(amps - self.rests, 0.0)
        return plain

    def room(self, amps: Floats) -> Floats:
        """What is left on each row."""
        return self.free - self.taken(amps)

    def touched(self, beyond: NDArray[np.bool_]) -> Floats:
        """`matrix` as it is for one more A of each load; `beyond`: those that have their fallback already."""
        if not self.kept.any():
            return self.matrix
        return np.where(self.kept[:, None] & ~beyond, 0.0, self.matrix)

    def needs(self, index: int, amps: float) -> Floats:
        """What one load takes of each row with so much."""
        over = max(amps - float(self.rests[index]), 0.0)
        needed: Floats = self.matrix[:, index] * np.where(self.kept, over, amps)
        return needed


def wires_of(nodes: Sequence[Node], loads: Sequence[Load]) -> Wires:
    """Rows over the active loads that can be moved; what the others count with is taken out first.

    Raises: OddTree.
    """
    paths = _paths(nodes)
    moving = tuple(sorted((load for load in loads if load.active and not load.fixed), key=lambda load: load.id))
    free = np.array([[*node.capacity_a, np.inf if node.capacity_w is None else node.capacity_w] for node in nodes])
    free = free.reshape(len(nodes), 4)
    # What is left beside all fallbacks.
    beside = free.copy()
    for load in loads:
        amps = taken_anyway(load)
        for number, column, share in _touches(load, nodes, paths):
            free[number, column] -= share * amps
            beside[number, column] -= share * max(amps, load.rest_a)
    columns: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for index, load in enumerate(moving):
        for number, column, share in _touches(load, nodes, paths):
            columns.setdefault((number, column), []).append((index, share))
    if np.isnan(free).any():
        raise OddTree("A capacity or a limit is not a number.")
    kept = {key: max(float(beside[key]), 0.0) for key in columns if beside[key] >= -SLACK / 2}
    return _reduced(moving, columns, np.maximum(free, 0.0), kept, {node.id: node.voltage for node in nodes})


def _paths(nodes: Sequence[Node]) -> dict[int, list[int]]:
    """For each node's id the places of itself and all nodes above it."""
    place = {node.id: number for number, node in enumerate(nodes)}
    paths: dict[int, list[int]] = {}
    for node in nodes:
        path, above = [place[node.id]], node.parent_id
        while above is not None:
            # The root of what we look at may itself hang on something that we don't see.
            if above not in place:
                break
            path.append(place[above])
            if len(path) > len(nodes):
                raise OddTree("Circuits hang on each other in a ring.")
            above = nodes[place[above]].parent_id
        paths[node.id] = path
    return paths


def _touches(load: Load, nodes: Sequence[Node], paths: dict[int, list[int]]) -> Iterator[tuple[int, int, float]]:
    """(place of the node, phase or 3 for W, what 1 A of the load puts there)."""
    if load.node_id not in paths or not load.phases or not set(load.phases) <= {0, 1, 2}:
        raise OddTree(f"Load {load.id} hangs on no node or no phase.")
    for number in paths[load.node_id]:
        for phase in load.phases:
            yield number, phase, 1.0
        if nodes[number].capacity_w is not None:
            yield number, 3, nodes[number].voltage * len(load.phases)


def _reduced(
    loads: tuple[Load, ...],
    columns: dict[tuple[int, int], list[tuple[int, float]]],
    free: Floats,
    kept: dict[tuple[int, int], float],
    voltages: dict[int, float],
) -> Wires:
    """Leave out what can't bind and what is said twice: a balanced site has one row where it had three.

    `kept`: what is left beside all fallbacks, where there is room for them.
    """
    lower = np.ceil(np.array([load.min_a for load in loads]) * 10 - 1e-6) / 10
    upper = np.array([load.max_a for load in loads], dtype=np.float64)
    watts = np.array([voltages[load.node_id] * len(load.phases) for load in loads], dtype=np.float64)
    if not (np.isfinite(upper).all() and np.isfinite(lower).all()):
        raise OddTree("A limit of a load is not a number.")
    for key, parts in columns.items():
        for index, share in parts:
            highest = kept[key] / share + loads[index].rest_a if key in kept else free[key] / share
            upper[index] = min(upper[index], highest)
    upper[upper < lower - TINY_A] = 0.0
    rests = np.array([load.rest_a for load in loads], dtype=np.float64)
    # Where nobody has one, a row that keeps them is a row like any other.
    keeps = bool(rests.any())
    rows: dict[tuple[bytes, bool], tuple[Floats, float]] = {}
    for key, parts in columns.items():
        row, is_kept = np.zeros(len(loads)), keeps and key in kept
        for index, share in parts:
            row[index] = share if upper[index] > 0 else 0.0
        most = kept[key] if is_kept else float(free[key])
        if row @ (np.maximum(upper - rests, 0.0) if is_kept else upper) <= most:
            continue
        known = rows.get((row.tobytes(), is_kept))
        rows[row.tobytes(), is_kept] = (row, min(most, known[1]) if known else most)
    matrix = np.array([row for row, _ in rows.values()], dtype=np.float64).reshape(len(rows), len(loads))
    most_of_each = np.array([most for _, most in rows.values()], dtype=np.float64)
    kept_rows = np.array([is_kept for _, is_kept in rows], dtype=bool)
    return Wires(loads, matrix, most_of_each, lower, upper, watts, rests, kept_rows)
