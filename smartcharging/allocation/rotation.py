"""Who has the minimum where not all can: turns, so that nobody starves and nobody flutters.

The bound, for every strategy: of n active loads that can't all have their minimum, one that waits is served within

    rotation_s x ceil(n / k)        (each turn longer by at most the time to the next round)

where k is the fewest loads whose minimum leaves no room for its own. It holds while the minimum of the one that waits
fits at all when it is alone with what can't be moved and with what is kept for fallbacks (reserve.py), and whatever the
wiring, the sizes and the ranks of the others.

How: a turn, once given, is kept for `rotation_s`. Who has waited that long is *due*. The due are served first, in order
of waiting; they take the place of those whose turn is over and of those who came later and were served before them
(smaller ones that fitted where it didn't). Only then the rest have their say by rank (priority, arrival).
Why that is enough: after the first `rotation_s`, whoever is in the way of W waited longer than W and has been served
since. Each is in the way for one turn, then it is behind W; and at least k of the n - 1 must be in the way at a time.

`waiting_since` is kept through the turn that ends the waiting: so it can be told who was overtaken, and whose turn was due.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from smartcharging.allocation.lending import least, takes_nothing
from smartcharging.allocation.reserve import Needs, Reserve, fits, give_back, lacking, spend
from smartcharging.allocation.shapes import Load
from smartcharging.allocation.tree import SLACK


def turns(load: Load, limit_a: float, now: datetime) -> tuple[datetime | None, datetime | None]:
    """(served_since, waiting_since) to be kept once a limit has been sent to an active load. Under its minimum, as a
    fallback may be, it doesn't charge."""
    if limit_a > 0 and limit_a + SLACK >= least(load):
        return load.served_since or now, waiting_from(load, now)
    if load.served_since is not None:
        return None, now
    return None, waiting_from(load, now)


def waiting_from(load: Load, now: datetime) -> datetime:
    """Since when it has waited for its turn, or had when it got it."""
    return load.waiting_since or load.served_since or load.arrived_at or now


@dataclass(frozen=True, slots=True)
class _Contender:
    """A load on its way to a place. `rank`: lower goes first."""

    id: int
    # What its minimum takes of the room.
    needs: Needs
    rank: float
    since: datetime
    served_since: datetime | None
    # In its turn, and it waited its full time for it.
    in_turn: bool
    earned: bool
    # Waits, and has for the full time.
    due: bool

    @property
    def queue(self) -> tuple[datetime, int]:
        return self.since, self.id

    def may_displace(self, other: "_Contender") -> bool:
        """Whether one that waits may take the place of one in its turn."""
        overtaken = self.due and other.queue > self.queue
        return overtaken or (other.rank > self.rank and not other.earned)


def choose(
    reserve: Reserve,
    room: list[float],
    loads: Iterable[Load],
    ranks: Mapping[int, float],
    rotation_s: float,
    now: datetime,
) -> set[int]:
    """Ids of the loads that get their minimum; `room` is what the limits have left for all of them.

    `ranks`: lower goes first; those that aren't in it are 0. Their minimums fit into `room` together.
    """
    turn = timedelta(seconds=rotation_s)
    contenders = [
        _contender(load, reserve.needs(load.id, least(load)), ranks.get(load.id, 0.0), turn, now) for load in loads
    ]
    return _Choice(list(room)).run(contenders)


def _contender(load: Load, needs: Needs, rank: float, turn: timedelta, now: datetime) -> _Contender:
    since, served = waiting_from(load, now), load.served_since
    if served is not None and load.counted_a + SLACK < least(load):
        # It has lost its limit (a start-up) and surely takes nothing: it waits again, behind those it was served before.
        since, served = served, None
    in_turn = served is not None and now - served < turn and not takes_nothing(load)
    return _Contender(
        id=load.id,
        needs=needs,
        rank=rank,
        since=since,
        served_since=served,
        in_turn=in_turn,
        earned=in_turn and served is not None and served - since >= turn,
        due=served is None and now - since >= turn,
    )


def _latest(contender: _Contender) -> tuple[float, int]:
    """Who was served last stays longest: the others have had more of their turn."""
    return -(contender.served_since.timestamp() if contender.served_since else 0.0), contender.id


class _Choice:
    def __init__(self, room: list[float]) -> None:
        self.room = room
        self.chosen: set[int] = set()
        # Of the chosen, those in their turn: others are never asked to leave again.
        self.in_turn: dict[int, _Contender] = {}

    def run(self, contenders: list[_Contender]) -> set[int]:
        waiting = sorted((one for one in contenders if one.served_since is None), key=lambda one: one.queue)
        in_turn = sorted((one for one in contenders if one.in_turn), key=lambda one: (not one.earned, _latest(one)))
        over = sorted((one for one in contenders if one.served_since is not None and not one.in_turn), key=_latest)
        for one in in_turn:
            self._admit(one)
        for one in waiting:
            if one.due:
                self._admit_or_displace(one)
        # By rank; within a rank who waits goes before whose turn is over.
        others = [one for one in waiting if not one.due] + over
        for one in sorted(others, key=lambda one: one.rank):
            self._admit_or_displace(one)
        return self.chosen

    def _admit(self, one: _Contender) -> bool:
        if not fits(self.room, one.needs):
            return False
        spend(self.room, one.needs)
        self.chosen.add(one.id)
        if one.in_turn:
            self.in_turn[one.id] = one
        return True

    def _leave(self, one: _Contender) -> None:
        give_back(self.room, one.needs)
        self.chosen.remove(one.id)
        del self.in_turn[one.id]

    def _admit_or_displace(self, one: _Contender) -> None:
        if not self._admit(one) and one.served_since is None:
            self._displace_for(one)

    def _displace_for(self, one: _Contender) -> None:
        """Make room by those whom it may displace, if that is enough; nobody leaves in vain."""
        movable = [other for other in self.in_turn.values() if one.may_displace(other)]
        left: list[_Contender] = []
        for other in sorted(movable, key=lambda other: (other.rank, other.queue), reverse=True):
            lack = lacking(self.room, one.needs)
            if not lack:
                break
            if any(index in lack for index, _ in other.needs):
                self._leave(other)
                left.append(other)
        self._admit(one)
        for other in reversed(left):
            self._admit(other)
