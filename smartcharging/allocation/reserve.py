"""What has to stay free on the circuits, so that at any time any load may fall back to its default.

A load that is paused, or limited below its fallback (`rest_a`), counts with the fallback again in the very moment in
which its session ends or its station goes away. Nobody can be lowered as fast as that. So the fallbacks of all are taken
off the room beforehand, and each is asked only for what it takes beyond its own:

    on a limit that keeps    weight x max(0, amps - rest_a)
    on any other             weight x amps

A limit *keeps* where all fallbacks on it fit, beside what can't be moved. Where they don't (a grid signal, a base load, a
station that is away with too much), waiting would free nothing that is enough: what there is is shared as if nobody fell
back, and `unkept` says where. The sun is no fuse and keeps nothing: what falls back comes from the grid then.

With fallbacks of 0 A nothing is reserved, and every limit is as it is without this.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from smartcharging.allocation.lending import least
from smartcharging.allocation.shapes import Load
from smartcharging.allocation.surplus import SUN
from smartcharging.allocation.tree import SLACK, Tree, take, taken_anyway

# A limit's index, and what of its room is needed there (A, or W).
Needs = list[tuple[int, float]]


class Reserve:
    """`kept`: for each limit of the tree, whether it keeps the fallbacks."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        anyway = {load.id: taken_anyway(load) for load in tree.loads.values()}
        self._immovable = tree.room(anyway)
        self._left = self._less_reserved(self._immovable, anyway)
        self.kept = [
            left >= -SLACK / 2 and limit.node_id != SUN for limit, left in zip(tree.limits, self._left, strict=True)
        ]

    def room(self) -> list[float]:
        """What the active loads that can be moved have together, each beyond its own fallback where that is kept.
        Negative where what can't be moved is too much by itself."""
        return self._either(self._left, self._immovable)

    def room_beside(self, amps: Mapping[int, float]) -> list[float]:
        """What is left while every load (by id) counts with this, and with its fallback where that is kept."""
        plain = self.tree.room(amps)
        return self._either(self._less_reserved(plain, amps), plain)

    def needs(self, load_id: int, amps: float, has: float = 0.0) -> Needs:
        """What a load needs of the room to go from `has` to `amps`; negative on the way down."""
        rest, crossed, more = self.tree.loads[load_id].rest_a, self.tree.crossed[load_id], amps - has
        if not rest:
            return [(index, weight * more) for index, weight in crossed]
        beyond = max(amps, rest) - max(has, rest)
        if not beyond:
            return [(index, weight * more) for index, weight in crossed if not self.kept[index]]
        return [(index, weight * (beyond if self.kept[index] else more)) for index, weight in crossed]

    def top(self, room: Sequence[float], load_id: int, has: float) -> float | None:
        """How far it could go up from `has`; None where more counts than there is anywhere on its way to the root."""
        rest, highest = self.tree.loads[load_id].rest_a, math.inf
        for index, weight in self.tree.crossed[load_id]:
            left = room[index] / weight
            if left < -SLACK:
                return None
            highest = min(highest, left + (rest if rest > has and self.kept[index] else has))
        return highest

    def exceeded(self) -> str:
        """Names the circuits on which those that can't be limited take more than there is."""
        return " ".join(
            f"Circuit {limit.node_id} {limit.on}: chargers that can't be limited now may take "
            f"{limit.capacity - left:.1f} of {limit.capacity:.1f}; all others there pause."
            for limit, left in zip(self.tree.limits, self._immovable, strict=True)
            if left < -SLACK * 100 and limit.node_id != SUN
        )

    def unkept(self) -> str:
        """Names the circuits that can't keep their fallbacks, each with the limit on which most is missing."""
        worst: dict[int, tuple[float, str]] = {}
        for limit, left, plain, kept in zip(self.tree.limits, self._left, self._immovable, self.kept, strict=True):
            if kept or limit.node_id == SUN or plain < -SLACK * 100:
                continue
            part = left / limit.capacity if limit.capacity else left
            words = f"{limit.node_id} {limit.on} ({limit.capacity - left:.1f} of {limit.capacity:.1f})"
            worst[limit.node_id] = min(worst.get(limit.node_id, (0.0, "")), (part, words))
        return (
            f"No room to keep all fallbacks: circuit {', '.join(words for _, words in worst.values())}."
            if worst
            else ""
        )

    def too_much(self, loads: Iterable[Load]) -> str:
        """Names the circuits on which the fallbacks leave no room for the minimum of one of these, and nothing else does."""
        places: dict[str, None] = {}
        for load in loads:
            for index, weight in self.tree.crossed[load.id]:
                lacks = self._left[index] + SLACK < weight * (least(load) - load.rest_a)
                if lacks and self.kept[index] and self._immovable[index] + SLACK >= weight * least(load):
                    places[f"{self.tree.limits[index].node_id} {self.tree.limits[index].on}"] = None
        return f"No minimum fits beside the fallbacks: circuit {', '.join(places)}." if places else ""

    def _less_reserved(self, room: list[float], amps: Mapping[int, float]) -> list[float]:
        """The room beside these currents, less what the fallbacks come to beyond them."""
        # Loads of one circuit on the same phases cross the same limits: summed up once for all of them.
        sums: dict[tuple[int, tuple[int, ...]], float] = {}
        for load in self.tree.loads.values():
            if load.rest_a > amps[load.id]:
                place = load.node_id, load.phases
                sums[place] = sums.get(place, 0.0) + load.rest_a - amps[load.id]
        found = list(room)
        for place, more in sums.items():
            take(found, self.tree.crossing(*place), more)
        return found

    def _either(self, kept: Iterable[float], plain: Iterable[float]) -> list[float]:
        return [a if keeps else b for keeps, a, b in zip(self.kept, kept, plain, strict=True)]


def spend(room: list[float], needs: Needs) -> None:
    for index, amount in needs:
        room[index] -= amount


def give_back(room: list[float], needs: Needs) -> None:
    for index, amount in needs:
        room[index] += amount


def fits(room: Sequence[float], needs: Needs) -> bool:
    # Asked a thousand times in a round: `all()` takes twice as long.
    for index, amount in needs:  # noqa: SIM110
        if room[index] + SLACK < amount:
            return False
    return True


def lacking(room: Sequence[float], needs: Needs) -> set[int]:
    """The limits that have no room for so much."""
    return {index for index, amount in needs if room[index] + SLACK < amount}
