"""Stations that are slow, lose messages, start up anew, go away and disobey, under capacities that fall and rise.

After every step, on every phase and in W of every circuit: what may truly be in force is within capacity, and stays so
though all sessions end, or all stations go away, in that moment and fall back. Only a fall of capacity, a station's
start-up (it may have lost its default) or its disobedience can make it otherwise; then no raise is sent there and every
lower is on its way. And from any state that this leads to, once messages get through, nobody waits beyond the bound of
rotation.py.
"""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import Any
from unittest import mock

from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from smartcharging.allocation import planned
from smartcharging.allocation.allocate import allocate
from smartcharging.allocation.plan import plan
from smartcharging.allocation.reserve import Reserve, fits
from smartcharging.allocation.shapes import Load, Node, Price, Rules
from smartcharging.allocation.surplus import under_the_sun
from smartcharging.allocation.tree import SLACK, Tree
from tests.examples import examples
from tests.smartcharging.allocation.made import L1, L2, NOW, THREE, circuit, site
from tests.smartcharging.allocation.reckoning import fewest_in_the_way, keeping, reserved_room
from tests.smartcharging.allocation.stations import Station
from tests.smartcharging.allocation.worlds import STRATEGIES

EVERY = timedelta(seconds=60)
TURN_S = 240.0
# Circuit and phases of each station.
WIRED = [(1, THREE), (2, THREE), (2, L1), (2, L2), (3, (1, 2, 0)), (3, L1), (3, (0, 1))]
which = st.integers(0, len(WIRED) - 1)


class Site(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now, self.round_number = NOW, 0
        # Optimisers that say something else every time, most of it too much, and always nothing for some.
        self.patched = mock.patch.object(planned, "_program", side_effect=self.program)
        self.patched.start()
        self.prices: tuple[Price, ...] = ()
        # Limits (by their index in the tree) that something from outside has made too small for what is reserved there.
        self.excused: set[int] = set()

    def teardown(self) -> None:
        self.patched.stop()

    def program(self, name: str) -> planned.Program:
        return self._wish

    def _wish(self, nodes: Any, loads: Sequence[Load], rules: Rules, now: Any) -> dict[int, float] | None:
        if self.round_number % 5 == 4:
            return None
        return {load.id: (load.id * 7919 + self.round_number * 104729) % 33 * (load.id % 3) * 1.0 for load in loads}

    @initialize(
        strategy=st.sampled_from(STRATEGIES),
        fallbacks=st.sampled_from([(0.0,), (6.0,), (6.0, 0.0), (0.0,), (4.0, 0.0, 6.0), (0.0, 10.0)]),
        capacity=st.sampled_from([13.0, 20.0, 32.0, 42.0, 63.0]),
        watts=st.sampled_from([None, None, 9000.0, 20000.0]),
        step=st.sampled_from([None, 3.0]),
        cars=st.sets(which, max_size=len(WIRED)),
    )
    def build(
        self,
        strategy: str,
        fallbacks: tuple[float, ...],
        capacity: float,
        watts: float | None,
        step: float | None,
        cars: set[int],
    ) -> None:
        self.full = [site(capacity, watts=watts), circuit(2, 16), circuit(3, (20.0, 32.0, 12.0))]
        self.nodes = list(self.full)
        surplus = (14.0, 30.0, 20.0) if strategy == "solar" else None
        self.terms = Rules(
            strategy=strategy,
            rotation_s=TURN_S,
            raise_step_a=step,
            hold_s=60,
            surplus_a=surplus,
            prices=self.prices,
            # No example is about how fast this machine is today.
            time_limit_s=30.0,
        )
        self.stations = [
            Station(
                i, node, phases, 6.0 if i % 3 else 8.0, 16.0 if i % 2 else 32.0, fallbacks[i % len(fallbacks)], i % 3
            )
            for i, (node, phases) in enumerate(WIRED)
        ]
        self._note_excuses()
        for number in cars:
            self.stations[number].start(self.now, self.stations[number].appetite_a)

    # --- rounds and messages ---

    @rule()
    def rebalance(self) -> None:
        """One round. It never adds to a limit that is exceeded, and never makes one exceeded."""
        self.now += EVERY
        self.round_number += 1
        loads = self._loads()
        tree, before = self._counted()
        reserved, keep = reserved_room(tree, self.stations), keeping(tree, self.stations)
        targets = allocate(self.nodes, loads, self.terms, self.now).targets
        found = plan(self.nodes, loads, targets, self.terms, self.now)
        for station in self.stations:
            station.changed = False
        over = {index for index, room in enumerate(before) if room < -SLACK}
        for change in found.raises:
            assert not over & {index for index, _ in tree.crossed[change.load_id]}
        for change in [*found.lowers, *found.raises]:
            self.stations[change.load_id].send(change.limit_a, self.now, is_raise=change in found.raises)
        for station in self.stations:
            station.note_turn(self.now)
        for was, now in zip(before, self._counted()[1], strict=True):
            assert now >= min(was, 0.0) - SLACK
        for was, now, keeps in zip(reserved, reserved_room(tree, self.stations), keep, strict=True):
            assert now >= min(was, 0.0) - SLACK or not keeps
        self._lowers_are_out(targets)
        self._all_may_fall_back_from(targets, tree, keep)

    def _lowers_are_out(self, targets: dict[int, Any]) -> None:
        """Whoever may be following more than his target has been told, and the message isn't lost yet."""
        for station in self.stations:
            if station.id in targets and station.counted_a > targets[station.id].limit_a + SLACK:
                assert station.messages
                assert station.messages[-1].limit_a <= targets[station.id].limit_a + SLACK

    def _all_may_fall_back_from(self, targets: dict[int, Any], tree: Tree, keep: list[bool]) -> None:
        """Once all is confirmed, there is room for all fallbacks wherever they fit at all."""
        amps = {}
        for station in self.stations:
            aim = targets[station.id].limit_a if station.id in targets else station.counted_a
            amps[station.id] = max(aim, station.fallback_a)
        assert all(left >= -SLACK for left, keeps in zip(tree.room(amps), keep, strict=True) if keeps)

    @rule(number=which)
    def a_message_arrives(self, number: int) -> None:
        self.stations[number].receive()

    @rule(number=which)
    def an_answer_arrives(self, number: int) -> None:
        self.stations[number].answer()

    @rule()
    def all_get_through(self) -> None:
        for station in self.stations:
            while station.messages:
                station.receive()
                station.answer()

    @rule(rounds=st.integers(1, 5))
    def minutes_pass_in_peace(self, rounds: int) -> None:
        for _ in range(rounds):
            self.rebalance()
            self.nothing_may_be_in_force_beyond_capacity()
            self.all_get_through()

    @rule(number=which)
    def a_message_or_its_answer_is_lost(self, number: int) -> None:
        self.stations[number].lose()

    # --- what happens to stations ---

    @rule(number=which, appetite=st.sampled_from([32.0, 32.0, 9.0, 0.0]))
    def a_car_comes(self, number: int, appetite: float) -> None:
        station = self.stations[number]
        if station.online and not station.session:
            station.start(self.now, appetite)

    @rule(number=which)
    def a_car_goes(self, number: int) -> None:
        station = self.stations[number]
        if station.online and station.session:
            station.stop()
            self._note_lost_default(station)

    @rule(number=which, appetite=st.sampled_from([32.0, 9.0, 0.0]))
    def a_car_wants_something_else(self, number: int, appetite: float) -> None:
        self.stations[number].appetite_a = appetite

    @rule(number=which, keeps_default=st.booleans())
    def it_starts_up(self, number: int, keeps_default: bool) -> None:
        self.stations[number].online = True
        self.stations[number].boot(keeps_default)
        self._note_excuses()

    @rule(number=which)
    def its_default_is_confirmed(self, number: int) -> None:
        if self.stations[number].online:
            self.stations[number].hold()

    @rule(number=which, falls_back=st.booleans())
    def it_goes_away(self, number: int, falls_back: bool) -> None:
        self.stations[number].go_away(falls_back)
        self._note_lost_default(self.stations[number])

    @rule(number=which)
    def it_comes_back(self, number: int) -> None:
        if not self.stations[number].online:
            self.stations[number].come_back()

    @rule(number=which, amps=st.sampled_from([10.0, 32.0]))
    def it_disobeys(self, number: int, amps: float) -> None:
        if self.stations[number].session:
            self.stations[number].disobey(amps)

    @precondition(lambda self: any(not station.obeys for station in self.stations))
    @rule()
    def the_disobedient_are_found_out(self) -> None:
        for station in self.stations:
            if not station.obeys:
                station.be_found_out()
        self._note_excuses()

    @precondition(lambda self: any(station.distrusted is not None for station in self.stations))
    @rule()
    def they_are_mended(self) -> None:
        for station in self.stations:
            if station.distrusted is not None:
                station.be_mended()
        self._note_excuses()

    @rule(number=st.integers(0, 2), tenths=st.integers(0, 10))
    def capacity_changes(self, number: int, tenths: int) -> None:
        full = self.full[number]
        first, second, third = (amps * tenths / 10 for amps in full.capacity_a)
        watts = None if full.capacity_w is None else full.capacity_w * tenths / 10
        self.nodes[number] = Node(full.id, full.parent_id, (first, second, third), watts, full.voltage)
        self._note_excuses()

    # --- what must hold ---

    @invariant()
    def nothing_may_be_in_force_beyond_capacity(self) -> None:
        if not hasattr(self, "stations"):
            return
        for station in self.stations:
            assert not station.obeys or station.in_force <= station.counted_a + SLACK
        tree, counted = self._counted()
        truly = tree.room({station.id: station.in_force for station in self.stations if station.obeys})
        for index, room in enumerate(reserved_room(tree, self.stations)):
            if room >= -SLACK:
                self.excused.discard(index)
            assert room >= -SLACK or index in self.excused
            assert min(counted[index], truly[index]) >= -SLACK or index in self.excused

    @rule()
    def then_it_is_quiet_and_everyone_has_his_turn(self) -> None:
        """All stations are well from here on and all messages get through before the next round.

        Who has said when he leaves and how much he needs may be kept waiting longer (test_planned.py).
        """
        for station in self.stations:
            if station.distrusted is not None or not station.obeys:
                station.be_mended()
            if not station.online:
                station.come_back()
            station.hold()
        self.all_get_through()
        self._note_excuses()
        loads = [load for load in self._loads() if load.active]
        if not loads:
            return
        untimed = [load for load in loads if load.departure_at is None]
        waiting = {load.id: bound for load in untimed if (bound := self._bound(load, loads)) > 0}
        since = self.now
        last = max(waiting.values(), default=0.0)
        while waiting and (self.now - since).total_seconds() <= last:
            self.rebalance()
            self.nothing_may_be_in_force_beyond_capacity()
            self.all_get_through()
            for station in self.stations:
                if station.session and station.in_force >= station.min_a:
                    waiting.pop(station.id, None)
            elapsed = (self.now - since).total_seconds()
            starved = {load_id: bound for load_id, bound in waiting.items() if elapsed > bound}
            assert not starved

    def _bound(self, load: Load, loads: list[Load]) -> float:
        """rotation_s x ceil(n / k), a turn being longer by a round for noticing it and another between lower and raise.
        Below 0 where its minimum doesn't fit even alone."""
        nodes = self.nodes
        if self.terms.surplus_a is not None:
            # What must be there to start.
            first, second, third = (amps - self.terms.hysteresis_a for amps in self.terms.surplus_a)
            nodes = under_the_sun(nodes, (first, second, third))
        reserve = Reserve(Tree(nodes, self._loads()))
        if not fits(reserve.room(), reserve.needs(load.id, load.min_a)):
            return -1.0
        in_the_way = fewest_in_the_way(reserve, load, loads)
        return (TURN_S + 2 * EVERY.total_seconds()) * (ceil(len(loads) / in_the_way) if in_the_way else 1)

    # --- helpers ---

    def _loads(self) -> list[Load]:
        return [station.load() for station in self.stations]

    def _counted(self) -> tuple[Tree, list[float]]:
        tree = Tree(self.nodes, self._loads())
        return tree, tree.room({station.id: station.counted_a for station in self.stations})

    def _note_excuses(self) -> None:
        """After something from outside: what is exceeded now is nobody's fault here."""
        tree = Tree(self.nodes, self._loads())
        self.excused |= {index for index, room in enumerate(reserved_room(tree, self.stations)) if room < -SLACK}

    def _note_lost_default(self, station: Station) -> None:
        """It has started up, and isn't known to have anything to fall back to yet."""
        if not station.default_known:
            self._note_excuses()


# Long runs: what breaks only after many things have gone wrong together.
Site.TestCase.settings = examples(120, stateful_step_count=50, suppress_health_check=list(HealthCheck))
TestSite = Site.TestCase
