"""Profiles laid over each other: at each second the first that holds wins, and what it leaves open the next one fills. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from smartcharging.profiles.shapes import Period, Profile, Unit
from smartcharging.profiles.spans import Window, spans_of


class Rule(NamedTuple):
    """What one period of a schedule says."""

    unit: Unit
    period: Period


# (begin, end, rule): from second `begin` to before `end` the rule holds. A bare tuple: there are thousands of them.
Piece = tuple[int, int, Rule]


class Gaps:
    """The seconds of the window that no profile has taken yet."""

    def __init__(self, length: int) -> None:
        self.begins = [0] if length > 0 else []
        self.ends = [length] if length > 0 else []

    def __bool__(self) -> bool:
        return bool(self.begins)

    def take(self, begin: int, end: int) -> list[tuple[int, int]]:
        """What is open from `begin` to before `end`; it is open no longer."""
        begins, ends = self.begins, self.ends
        first = bisect_right(ends, begin)
        if first == len(ends) or begins[first] >= end:
            return []
        after = first + 1 if ends[first] >= end else bisect_left(begins, end)
        left, right = begins[first], ends[after - 1]
        taken = list(zip(begins[first:after], ends[first:after], strict=True))
        if left < begin:
            taken[0] = (begin, taken[0][1])
        if end < right:
            taken[-1] = (taken[-1][0], end)
        begins[first:after] = [left] * (left < begin) + [end] * (end < right)
        ends[first:after] = [begin] * (left < begin) + [right] * (end < right)
        return taken


def stack(profiles: Iterable[Profile], window: Window) -> list[Piece]:
    """What holds when, in order. `profiles`: the one that wins first. Ends as soon as nothing is open any more."""
    gaps = Gaps(window.length)
    pieces: list[Piece] = []
    for profile in profiles:
        if not gaps:
            break
        schedule = profile.schedule
        starts = [period.start_s for period in schedule.periods]
        rules = [Rule(schedule.unit, period) for period in schedule.periods]
        for opens, closes, anchor in spans_of(profile, window):
            for begin, end in gaps.take(opens, closes):
                place = bisect_right(starts, begin - anchor)
                for start_s in starts[place:]:
                    until = anchor + start_s
                    if until >= end:
                        break
                    pieces.append((begin, until, rules[place - 1]))
                    begin, place = until, place + 1
                pieces.append((begin, end, rules[place - 1]))
    pieces.sort(key=itemgetter(0))
    return pieces
