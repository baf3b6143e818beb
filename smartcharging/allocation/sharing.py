"""Max-min fair shares over the tree: nobody gets more while somebody who has less could.

Progressive filling by events: all rise together in A per phase; a load stops where it has what it can take, and all
loads of a limit stop where that limit is full. Between two events nothing needs to be computed.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from smartcharging.allocation.tree import SLACK, Crossing

# The least and the most that a load takes, in A per phase.
Bounds = tuple[float, float]


def fair_shares(
    crossed: Mapping[int, Sequence[Crossing]],
    room: Sequence[float],
    bounds: Mapping[int, Bounds],
    *,
    rests: Mapping[int, float] | None = None,
    kept: Sequence[bool] = (),
) -> dict[int, float]:
    """Max-min fair A for each load of `bounds`, none below its least, within `room` for each limit.

    The least of all must fit together; where they don't, everyone gets just his least. O((loads + limits) x depth).
    `rests`: fallbacks in A by load, where there are any. On limits that are `kept` (reserve.py) `room` is what is left
    beside them: there a load takes of it only what it has beyond its own, and rises freely up to that.
    """
    return _Filling(crossed, list(room), dict(bounds), rests or {}, kept).run()


class _Start(NamedTuple):
    """From this level on the load takes of the room of these limits: its least of all of them; but where its fallback is
    kept and is more, the fallback."""

    level: float
    load_id: int
    crossed: Sequence[Crossing]


@dataclass(slots=True)
class _Filling:
    crossed: Mapping[int, Sequence[Crossing]]
    room: list[float]
    bounds: dict[int, Bounds]
    rests: Mapping[int, float]
    kept: Sequence[bool]
    # Weight of those still rising, on each limit that any rises on; and who they are.
    rising: dict[int, float] = field(default_factory=dict)
    riders: dict[int, list[int]] = field(default_factory=dict)
    # What each rises on by now.
    rides: dict[int, list[Crossing]] = field(default_factory=dict)
    shares: dict[int, float] = field(default_factory=dict)
    # Rising, by what they can take.
    tops: list[tuple[float, int]] = field(default_factory=list)
    level: float = 0.0

    def run(self) -> dict[int, float]:
        starts = sorted([start for load_id in self.bounds for start in self._starts(load_id)], reverse=True)
        while starts or self.tops:
            full_at = self._full_at()
            next_start = starts[-1].level if starts else float("inf")
            if self._stop_the_satisfied(min(full_at, next_start)):
                continue
            if starts and next_start <= full_at:
                self.level = next_start
                while starts and starts[-1].level <= self.level:
                    self._start(starts.pop())
            else:
                self.level = max(self.level, full_at)
                self._stop_on_full_limits()
        return self.shares

    def _starts(self, load_id: int) -> list[_Start]:
        """Take its least, and tell from which levels on it takes more."""
        low, rest, crossed = self.bounds[load_id][0], self.rests.get(load_id, 0.0), self.crossed[load_id]
        for index, weight in crossed:
            self.room[index] -= weight * (max(0.0, low - rest) if rest and self.kept[index] else low)
        if rest <= low:
            return [_Start(low, load_id, crossed)]
        return [
            _Start(low, load_id, [(index, weight) for index, weight in crossed if not self.kept[index]]),
            _Start(rest, load_id, [(index, weight) for index, weight in crossed if self.kept[index]]),
        ]

    def _start(self, start: _Start) -> None:
        """It rises with the others from here on; what it had is the level itself."""
        load_id = start.load_id
        if load_id in self.shares:
            # It has stopped below its fallback.
            return
        if load_id not in self.rides:
            low, high = self.bounds[load_id]
            heapq.heappush(self.tops, (max(low, high), load_id))
        for index, weight in start.crossed:
            self.room[index] += weight * start.level
            self.rising[index] = self.rising.get(index, 0.0) + weight
            self.riders.setdefault(index, []).append(load_id)
        self.rides.setdefault(load_id, []).extend(start.crossed)

    def _stop(self, load_id: int, amps: float) -> None:
        self.shares[load_id] = amps
        for index, weight in self.rides[load_id]:
            self.room[index] -= weight * amps
            self.rising[index] -= weight

    def _full_at(self) -> float:
        """The level at which the first limit is full."""
        return min((self.room[index] / weight for index, weight in self.rising.items() if weight), default=float("inf"))

    def _stop_the_satisfied(self, before: float) -> bool:
        """Those who have all they can take before anything else happens; that only moves the next full limit on."""
        stopped = False
        while self.tops and self.tops[0][0] <= before:
            top, load_id = heapq.heappop(self.tops)
            if load_id not in self.shares:
                self._stop(load_id, top)
                stopped = True
        return stopped

    def _stop_on_full_limits(self) -> None:
        full = [
            index
            for index, weight in self.rising.items()
            if weight and self.room[index] <= weight * (self.level + SLACK / 1000)
        ]
        still = {load_id for _, load_id in self.tops} - self.shares.keys()
        for index in full:
            for load_id in self.riders[index]:
                if load_id in still:
                    still.discard(load_id)
                    self._stop(load_id, self.level)
        self.tops = [top for top in self.tops if top[1] in still]
        heapq.heapify(self.tops)
