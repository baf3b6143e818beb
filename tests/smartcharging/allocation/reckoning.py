"""What the state machine reckons beside the code under test: what is reserved, where, and who is in whose way."""

from collections.abc import Iterable

from smartcharging.allocation.reserve import Reserve
from smartcharging.allocation.shapes import Load
from smartcharging.allocation.tree import SLACK, Tree
from tests.smartcharging.allocation.stations import Station


def reserved_room(tree: Tree, stations: Iterable[Station]) -> list[float]:
    """What is left of each limit when all fall back that have less."""
    return tree.room({station.id: max(station.counted_a, station.fallback_a) for station in stations})


def keeping(tree: Tree, stations: Iterable[Station]) -> list[bool]:
    """Of each limit whether there is room for all fallbacks, beside what nobody can lower now."""
    amps = {
        station.id: station.fallback_a
        if station.session and not station.fixed
        else max(station.counted_a, station.fallback_a)
        for station in stations
    }
    return [room >= 0 for room in tree.room(amps)]


def fewest_in_the_way(reserve: Reserve, load: Load, loads: list[Load]) -> int:
    """How few of the others' minimums can keep it out; 0: not all together."""
    found, room = 0, reserve.room()
    for index, amount in reserve.needs(load.id, load.min_a):
        left = room[index] - amount
        others = (other for other in loads if other is not load)
        sizes = sorted(
            (size for other in others for at, size in reserve.needs(other.id, other.min_a) if at == index), reverse=True
        )
        for number, size in enumerate(sizes, 1):
            left -= size
            if left < -SLACK:
                found = min(found or number, number)
                break
    return found
