"""Rounds in which every limit is confirmed before the next: enough to watch turns and lending over hours."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from smartcharging.allocation.allocate import allocate
from smartcharging.allocation.plan import plan
from smartcharging.allocation.rotation import turns
from smartcharging.allocation.shapes import Load, Node, Plan, Rules
from smartcharging.allocation.tree import violations
from tests.smartcharging.allocation.made import NOW


class Rounds:
    """`takes`: what the car of a load would take, if it may, at a round's number; without it all that it may."""

    every_s = 60.0

    def __init__(
        self, nodes: list[Node], loads: list[Load], rules: Rules, takes: Callable[[int, int], float] | None = None
    ) -> None:
        self.nodes, self.rules, self.takes = nodes, rules, takes
        self.loads = {load.id: load for load in loads}
        self.now, self.number = NOW, 0
        self.longest_wait, self.shortest_turn = 0.0, float("inf")
        self.served_s: dict[int, float] = defaultdict(float)
        self.turns_of: dict[int, int] = dict.fromkeys(self.loads, 0)
        self.sent: list[dict[int, float]] = []

    def add(self, load: Load) -> None:
        self.loads[load.id] = load
        self.turns_of[load.id] = 0

    def run(self, *, hours: float) -> None:
        for _ in range(int(hours * 3600 / self.every_s)):
            self.round()

    def round(self) -> Plan:
        loads = [*self.loads.values()]
        targets = allocate(self.nodes, loads, self.rules, self.now).targets
        planned = plan(self.nodes, loads, targets, self.rules, self.now)
        raised = {change.load_id: change.limit_a for change in planned.raises}
        sent = raised | {change.load_id: change.limit_a for change in planned.lowers}
        # While all of it is on its way, the highest counts; and any of them may fall back.
        most = {load: max(load.counted_a, sent.get(load.id, 0.0), load.rest_a) for load in loads}
        assert violations(self.nodes, most) == []
        for load in loads:
            self.loads[load.id] = self._after(load, sent.get(load.id), load.id in raised)
        self.sent.append(sent)
        self.number += 1
        self.now += timedelta(seconds=self.every_s)
        return planned

    def _after(self, load: Load, sent: float | None, raised: bool) -> Load:
        limit = (load.current_a or 0.0) if sent is None else sent
        if load.active:
            self._watch(load, limit)
        takes = limit if self.takes is None else min(limit, self.takes(load.id, self.number))
        served, waiting = turns(load, limit, self.now)
        return replace(
            load,
            current_a=limit,
            counted_a=limit,
            measured_a=takes,
            steady=sent is None,
            raised_at=self.now if raised else load.raised_at,
            served_since=served,
            waiting_since=waiting,
        )

    def _watch(self, load: Load, limit: float) -> None:
        if load.served_since is not None:
            self.served_s[load.id] += self.every_s
            if limit <= 0:
                self.shortest_turn = min(self.shortest_turn, (self.now - load.served_since).total_seconds())
        elif limit > 0:
            self.turns_of[load.id] += 1
        if load.served_since is None:
            since = load.waiting_since or load.arrived_at or self.now
            self.longest_wait = max(self.longest_wait, (self.now - since).total_seconds())
