"""Max-min fair shares over the tree: nobody gets more while somebody who has less could.

Progressive filling by events: all rise together in A per phase; a load stops where it has what it can take, and all
loads of a limit stop where that limit is full. Between two events nothing needs to be computed.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from smartcharging.allocation.tree import SLACK, Crossing

# The least and the most that a load takes, in A per phase.
Bounds = tuple[float, float]


def fair_shares(
    crossed: Mapping[int, Sequence[Crossing]], room: Sequence[float], bounds: Mapping[int, Bounds]
) -> dict[int, float]:
    """Max-min fair A for each load of `bounds`, none below its least, within `room` for each limit.

    The least of all must fit together; where they don't, everyone gets just his least. O((loads + limits) x depth).
    """
    return _Filling(crossed, list(room), dict(bounds)).run()


@dataclass(slots=True)
class _Filling:
    crossed: Mapping[int, Sequence[Crossing]]
    room: list[float]
    bounds: dict[int, Bounds]
    # Weight of those still rising, on each limit that any crosses; and who they are.
    rising: dict[int, float] = field(default_factory=dict)
    riders: dict[int, list[int]] = field(default_factory=dict)
    shares: dict[int, float] = field(default_factory=dict)
    # Rising, by what they can take.
    tops: list[tuple[float, int]] = field(default_factory=list)
    level: float = 0.0

    def run(self) -> dict[int, float]:
        starts = sorted(((low, load_id) for load_id, (low, _) in self.bounds.items()), reverse=True)
        for low, load_id in starts:
            self._take(load_id, low)
            for index, _ in self.crossed[load_id]:
                self.rising.setdefault(index, 0.0)
                self.riders.setdefault(index, []).append(load_id)
        while starts or self.tops:
            full_at = self._full_at()
            next_start = starts[-1][0] if starts else float("inf")
            if self._stop_the_satisfied(min(full_at, next_start)):
                continue
            if starts and next_start <= full_at:
                self.level = next_start
                while starts and starts[-1][0] <= self.level:
                    self._start(starts.pop()[1])
            else:
                self.level = max(self.level, full_at)
                self._stop_on_full_limits()
        return self.shares

    def _take(self, load_id: int, amps: float) -> None:
        for index, weight in self.crossed[load_id]:
            self.room[index] -= weight * amps

    def _start(self, load_id: int) -> None:
        """It rises with the others from here on; what it had is the level itself."""
        low, high = self.bounds[load_id]
        for index, weight in self.crossed[load_id]:
            self.room[index] += weight * low
            self.rising[index] += weight
        heapq.heappush(self.tops, (max(low, high), load_id))

    def _stop(self, load_id: int, amps: float) -> None:
        self.shares[load_id] = amps
        for index, weight in self.crossed[load_id]:
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
