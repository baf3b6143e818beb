"""Solar surplus: what the sun leaves is one more limit over the whole tree, kept for thrift and not for the fuse.

`Rules.surplus_a` is what all chargers of the tree may take together on each phase, with what may be imported already in
it. Chargers without a session take nothing of it, whatever they count with on the fuses.
"""

from collections.abc import Iterable
from dataclasses import replace

from smartcharging.allocation.lending import least
from smartcharging.allocation.shapes import Load, Node, PhaseAmps, Rules
from smartcharging.allocation.tree import PHASES, Tree, take

# The roots of the tree hang on it; circuits of the database have positive ids.
SUN = -1


def under_the_sun(nodes: Iterable[Node], surplus: PhaseAmps) -> list[Node]:
    """The tree with the sun above its roots."""
    sun = Node(SUN, None, (max(0.0, surplus[0]), max(0.0, surplus[1]), max(0.0, surplus[2])))
    return [sun, *(replace(node, parent_id=SUN) if node.parent_id is None else node for node in nodes)]


def sunny_room(tree: Tree, room: list[float]) -> list[float]:
    """The room with only that taken off the sun that is really taken by those that nobody can move."""
    found = list(room)
    for on, index in tree.limits_of(SUN).items():
        found[index] = tree.limits[index].capacity - sum(
            drawn(load) for load in tree.loads.values() if PHASES.index(on) in load.phases
        )
    return found


def drawn(load: Load) -> float:
    """What an immovable load takes: its measurement, without one the limit that it counts with."""
    if not load.fixed or not load.active:
        return 0.0
    return load.counted_a if load.measured_a is None else load.measured_a


def room_to_start(tree: Tree, room: list[float], served: Iterable[Load], rules: Rules) -> list[float]:
    """The room for minimums, so that a cloud's edge doesn't start and stop cars all day.

    Those that are charging keep their places down to the surplus itself; one more starts only when the surplus has
    `hysteresis_a` to spare. Another car may still take over a place.
    """
    found = list(room)
    left = list(room)
    for load in served:
        take(left, tree.crossed[load.id], least(load))
    for index in tree.limits_of(SUN).values():
        held = room[index] - left[index]
        found[index] = max(min(room[index], held), room[index] - rules.hysteresis_a)
    return found
