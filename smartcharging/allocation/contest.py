"""One question of how to share: the tree, what is left of it, and those who ask for a part."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from smartcharging.allocation.reserve import Reserve, spend
from smartcharging.allocation.rotation import choose
from smartcharging.allocation.shapes import Load, Rules
from smartcharging.allocation.sharing import Bounds, fair_shares
from smartcharging.allocation.tree import Tree

# A per phase by load; who isn't in it has none.
Shares = dict[int, float]


@dataclass(frozen=True, slots=True)
class Contest:
    """`room`: what each limit of the tree has left for the loads together, each beyond its own fallback where that is
    kept. `bounds`: least and most of each load."""

    reserve: Reserve
    room: list[float]
    loads: list[Load]
    bounds: Mapping[int, Bounds]
    rules: Rules
    now: datetime

    @property
    def tree(self) -> Tree:
        return self.reserve.tree

    def chosen(
        self, loads: Iterable[Load], ranks: Mapping[int, float] | None = None, room: list[float] | None = None
    ) -> set[int]:
        """Who of them has his minimum, by turns."""
        return choose(
            self.reserve, self.room if room is None else room, loads, ranks or {}, self.rules.rotation_s, self.now
        )

    def fair(self, bounds: Mapping[int, Bounds], room: list[float] | None = None) -> Shares:
        rests = {load_id: rest for load_id in bounds if (rest := self.tree.loads[load_id].rest_a)}
        return fair_shares(
            self.tree.crossed, self.room if room is None else room, bounds, rests=rests, kept=self.reserve.kept
        )

    def rest(self, shares: Shares) -> list[float]:
        """What is left beside these shares."""
        room = list(self.room)
        for load_id, amps in shares.items():
            spend(room, self.reserve.needs(load_id, amps))
        return room


@dataclass(frozen=True, slots=True)
class Answer:
    """Shares, and the words for them: of a strategy, and of single loads where theirs differs."""

    shares: Shares
    reason: str
    strategy: str
    detail: str = ""
    reasons: Mapping[int, str] | None = None
