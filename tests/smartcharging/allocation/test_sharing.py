"""Equal share: max-min fair over circuits and phases, worked by hand."""

import pytest

from smartcharging.allocation.sharing import fair_shares
from tests.smartcharging.allocation.made import L1, L2, L3, THREE, answer, car, circuit, reasons, shared, site


def test_three_cars_share_a_fuse_equally() -> None:
    # 32 A / 3 = 10.66..., rounded down.
    assert shared([site(32)], [car(1), car(2), car(3)]) == {1: 10.6, 2: 10.6, 3: 10.6}


def test_who_can_take_less_leaves_the_rest_to_others() -> None:
    # 10 A for the small one; (40 - 10) / 2 = 15 A for the others.
    loads = [car(1), car(2, max_a=10.0), car(3)]
    assert shared([site(40)], loads) == {1: 15.0, 2: 10.0, 3: 15.0}
    assert reasons([site(40)], loads) == {1: "equal_share", 2: "full_share", 3: "equal_share"}


def test_phases_are_counted_one_by_one() -> None:
    """The first worked example of docs/smart_charging.md."""
    # A fuse of 32 A. L1: the three-phase car A and the single-phase cars B and C: 32 / 3 = 10.6 A each.
    # A three-phase car takes the same on all its phases, so L2 has 32 - 10.66 = 21.33 A left, all for D; nobody is on L3.
    loads = [car(1, phases=THREE), car(2, phases=L1), car(3, phases=L1), car(4, phases=L2)]
    assert shared([site(32)], loads) == {1: 10.6, 2: 10.6, 3: 10.6, 4: 21.3}


def test_a_narrow_feeder_leaves_more_to_the_other() -> None:
    # Site 60 A; feeder 2 carries 16 A for two cars: 8 A each. Feeder 3 has the rest: 60 - 16 = 44, for two: 22 A each.
    nodes = [site(60), circuit(2, 16), circuit(3, 63)]
    loads = [car(1, on=2), car(2, on=2), car(3, on=3), car(4, on=3)]
    assert shared(nodes, loads) == {1: 8.0, 2: 8.0, 3: 22.0, 4: 22.0}


def test_a_rating_in_watts_counts_three_phase_cars_thrice() -> None:
    # 16,100 W at 230 V are 70 A in all: 3x + 3x + x = 70, x = 10 A.
    loads = [car(1), car(2), car(3, phases=L3)]
    assert shared([site(100, watts=16_100)], loads) == {1: 10.0, 2: 10.0, 3: 10.0}


def test_watts_and_phases_together() -> None:
    # W: 3 x a + b = 48 A in all (11,040 W). Fuse of the feeder of b: 10 A. So b = 10 and a = 38 / 3 = 12.66 A.
    nodes = [site(63, watts=11_040), circuit(2, 10)]
    assert shared(nodes, [car(1), car(2, on=2, phases=L2)]) == {1: 12.6, 2: 10.0}


def test_higher_minimums_come_out_of_the_others_shares() -> None:
    # 30 A for three: 10 each would be fair, but the third takes no less than 14: (30 - 14) / 2 = 8.
    assert shared([site(30)], [car(1), car(2), car(3, min_a=14.0)]) == {1: 8.0, 2: 8.0, 3: 14.0}


def test_those_that_nobody_can_limit_count_first() -> None:
    # 40 - 16 (offline) - 6 (idle, its fallback) = 18, for two cars.
    loads = [
        car(1, fixed=True, counted_a=16.0),
        car(2, active=False, rest_a=6.0, counted_a=0.0),
        car(3),
        car(4),
    ]
    found = answer([site(40)], loads)
    assert {key: target.limit_a for key, target in found.targets.items()} == {3: 9.0, 4: 9.0}
    assert found.detail == ""


def test_an_idle_one_counts_with_the_higher_of_what_it_may_follow_and_its_fallback() -> None:
    assert shared([site(40)], [car(1, active=False, rest_a=6.0, counted_a=32.0), car(2)]) == {2: 8.0}


def test_where_they_alone_are_too_much_all_others_pause_and_it_is_said() -> None:
    nodes = [site(30), circuit(2, 30)]
    found = answer(nodes, [car(1, on=2, phases=L1, fixed=True, counted_a=32.0), car(2, on=2), car(3, phases=L1)])
    assert {key: (target.limit_a, target.reason) for key, target in found.targets.items()} == {
        2: (0.0, "no_capacity"),
        3: (0.0, "no_capacity"),
    }
    assert "Circuit 1 L1" in found.detail
    assert "Circuit 2 L1" in found.detail
    assert "32.0 of 30.0" in found.detail


def test_another_phase_is_not_concerned() -> None:
    loads = [car(1, phases=L1, fixed=True, counted_a=40.0), car(2, phases=L2), car(3)]
    assert shared([site(30)], loads) == {2: 30.0, 3: 0.0}


def test_a_circuit_that_carries_nothing_pauses_all_on_it_only() -> None:
    nodes = [site(32), circuit(2, 0), circuit(3, 32)]
    assert shared(nodes, [car(1, on=2), car(2, on=3)]) == {1: 0.0, 2: 32.0}


def test_a_car_that_can_not_take_its_own_minimum_is_never_served() -> None:
    assert reasons([site(32)], [car(1, min_a=6.0, max_a=5.0), car(2)]) == {1: "never_enough", 2: "full_share"}


def test_limits_without_a_bound_are_possible() -> None:
    assert shared([site((float("inf"),) * 3)], [car(1), car(2)]) == {1: 32.0, 2: 32.0}


def test_nobody_asks() -> None:
    assert answer([site(32)], []).targets == {}


def test_an_unknown_strategy_shares_equally_and_says_so() -> None:
    found = answer([site(32)], [car(1)], strategy="lottery")
    assert (found.strategy, found.targets[1].limit_a) == ("equal", 32.0)
    assert "lottery" in found.detail


@pytest.mark.parametrize("capacity", [0.0, 17.0])
def test_filling_gives_the_least_where_there_is_no_more(capacity: float) -> None:
    # The caller has made sure of the least; filling itself never takes it away again.
    assert fair_shares({1: [(0, 1.0)], 2: [(0, 1.0)]}, [capacity], {1: (9.0, 32.0), 2: (8.0, 32.0)}) == {1: 9.0, 2: 8.0}
