"""The state machine with the real plans by departure and price, for drivers who say when they leave and what they need.

All that holds there holds here; and besides, no plan counts on what is kept free for the fallbacks of others.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from smartcharging.allocation.planned import Program, Wishes, _program
from smartcharging.allocation.reserve import Reserve
from smartcharging.allocation.shapes import Load, Node, Price, Rules
from smartcharging.allocation.tree import SLACK, Tree, taken_anyway
from tests.examples import examples
from tests.smartcharging.allocation.made import NOW
from tests.smartcharging.allocation.test_machine import Site, which

# The real one: the machine puts its own in its place.
REAL = _program
COSTS = (0.3, 0.1, 0.2, -0.1, 0.3, 0.0)


class PlannedSite(Site):
    def __init__(self) -> None:
        super().__init__()
        # What plans have counted on that is kept for others. Told by the invariant: a round outlives a plan that fails.
        self.too_hopeful: list[float] = []
        self.prices = tuple(
            Price(NOW + timedelta(hours=hour), NOW + timedelta(hours=hour + 1), cost) for hour, cost in enumerate(COSTS)
        )

    def program(self, name: str) -> Program:
        def plans(nodes: Sequence[Node], loads: Sequence[Load], rules: Rules, now: datetime) -> Wishes | None:
            wishes = REAL(name)(nodes, loads, rules, now)
            if wishes is not None:
                self._note_what_is_kept_for_others(nodes, loads, wishes)
            return wishes

        return plans

    def _note_what_is_kept_for_others(self, nodes: Sequence[Node], loads: Sequence[Load], wishes: Wishes) -> None:
        reserve = Reserve(Tree(nodes, loads))
        left = reserve.room_beside({load.id: wishes.get(load.id, taken_anyway(load)) for load in loads})
        for after, before in zip(left, reserve.room(), strict=True):
            # The sums are of floats, and W are larger than A.
            if after < min(before, 0.0) - SLACK * 100:
                self.too_hopeful.append(after)

    @invariant()
    def no_plan_counts_on_what_is_kept_for_others(self) -> None:
        assert self.too_hopeful == []

    @initialize(
        strategy=st.sampled_from(["deadline", "price"]),
        fallbacks=st.sampled_from([(6.0,), (6.0, 0.0), (4.0, 0.0, 6.0), (0.0, 10.0), (2.0,)]),
        capacity=st.sampled_from([20.0, 32.0, 42.0, 63.0]),
        watts=st.sampled_from([None, None, 9000.0, 20000.0]),
        step=st.sampled_from([None, 3.0]),
        cars=st.sets(which, min_size=3),
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
        super().build(strategy, fallbacks, capacity, watts, step, cars)
        for number in sorted(cars)[1:]:
            self.a_driver_says_when_and_how_much(number, 60 * number + 30, number * 3)

    @rule(number=which, minutes=st.sampled_from([20, 90, 400]), kwh=st.sampled_from([1, 6, 30]))
    def a_driver_says_when_and_how_much(self, number: int, minutes: int, kwh: int) -> None:
        station = self.stations[number]
        if station.session:
            station.departure_at, station.energy_left_wh = self.now + timedelta(minutes=minutes), kwh * 1000.0


PlannedSite.TestCase.settings = examples(40, stateful_step_count=30, suppress_health_check=list(HealthCheck))
TestPlannedSite = PlannedSite.TestCase
