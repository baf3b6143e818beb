"""Turns where not all can have the minimum."""

from datetime import timedelta

import pytest

from smartcharging.allocation.rotation import turns
from smartcharging.allocation.shapes import Rules
from tests.smartcharging.allocation.made import (
    L1,
    L2,
    L3,
    NOW,
    THREE,
    ago,
    answer,
    car,
    charging,
    circuit,
    reasons,
    shared,
    site,
)
from tests.smartcharging.allocation.turns import Rounds


def test_all_have_at_least_the_minimum_or_none() -> None:
    # 20 A is three times 6 A, not four times: the fourth pauses, the others share 20 / 3 = 6.6.
    found = answer([site(20)], [car(i) for i in range(1, 5)])
    assert {key: target.limit_a for key, target in found.targets.items()} == {1: 6.6, 2: 6.6, 3: 6.6, 4: 0.0}
    assert found.targets[4].reason == "rotation_pause"


def test_a_turn_is_kept_for_its_time() -> None:
    loads = [charging(1, 6.0, served_since=ago(890)), charging(2, 0.0, waiting_since=ago(890))]
    assert shared([site(8)], loads) == {1: 8.0, 2: 0.0}


def test_then_the_one_that_has_waited_longest_takes_over() -> None:
    loads = [
        charging(1, 6.0, served_since=ago(900)),
        charging(2, 0.0, waiting_since=ago(200)),
        charging(3, 0.0, waiting_since=ago(300)),
    ]
    assert shared([site(8)], loads) == {1: 0.0, 2: 0.0, 3: 8.0}


def test_a_car_that_takes_nothing_gives_up_its_place_at_once() -> None:
    loads = [charging(1, 6.0, measured=0.0, served_since=ago(100)), charging(2, 0.0, waiting_since=ago(10))]
    assert shared([site(8)], loads) == {1: 0.0, 2: 8.0}


def test_without_anyone_waiting_nobody_is_paused() -> None:
    loads = [charging(1, 6.0, served_since=ago(9000)), charging(2, 6.0, served_since=ago(9000))]
    assert shared([site(12)], loads) == {1: 6.0, 2: 6.0}


def test_where_capacity_falls_those_pause_who_have_had_most() -> None:
    loads = [charging(i, 8.0, served_since=ago(100 * i)) for i in (1, 2, 3)]
    assert shared([site(13)], loads) == {1: 6.5, 2: 6.5, 3: 0.0}


def test_a_three_phase_car_is_not_starved_by_small_ones_that_always_fit() -> None:
    """Single-phase cars take turns on each phase at different times; the big one needs all three at once."""
    # L1, L2, L3 carry one car each. The big one (9) is due; on L1 and L2 others came later and got in before it, the
    # turn on L3 is of one that waited longer. As long as that lasts nothing changes.
    small = [
        charging(1, 6.0, phases=L1, served_since=ago(600), waiting_since=ago(700)),
        charging(2, 6.0, phases=L2, served_since=ago(300), waiting_since=ago(400)),
    ]
    third = charging(3, 6.0, phases=L3, served_since=ago(899), waiting_since=ago(1100))
    big = charging(9, 0.0, phases=THREE, served_since=None, waiting_since=ago(1000))
    assert shared([site(8)], [*small, third, big]) == {1: 8.0, 2: 8.0, 3: 8.0, 9: 0.0}
    over = charging(3, 6.0, phases=L3, served_since=ago(900), waiting_since=ago(1100))
    assert shared([site(8)], [*small, over, big]) == {1: 0.0, 2: 0.0, 3: 0.0, 9: 8.0}


def test_only_those_leave_who_make_room() -> None:
    small = [
        charging(1, 6.0, phases=L1, served_since=ago(600), waiting_since=ago(700)),
        charging(2, 6.0, phases=L2, served_since=ago(300), waiting_since=ago(400)),
    ]
    big = charging(9, 0.0, phases=(0, 2), served_since=None, waiting_since=ago(1000))
    assert shared([site(8)], [*small, big]) == {1: 0.0, 2: 8.0, 9: 8.0}


def test_one_that_has_lost_its_limit_waits_again() -> None:
    """It started up in its turn and follows its default of 0 A; nobody has noted that yet."""
    lost = car(1, counted_a=0.0, current_a=None, served_since=ago(1000), waiting_since=ago(2000))
    assert shared([site(8)], [lost, charging(2, 6.0, served_since=ago(900), waiting_since=ago(950))]) == {
        1: 8.0,
        2: 0.0,
    }
    before = charging(2, 0.0, waiting_since=ago(1001))
    assert shared([site(8)], [lost, before]) == {1: 0.0, 2: 8.0}


def test_turns_of_a_car_are_noted() -> None:
    fresh = car(1, arrived_at=ago(50))
    assert turns(fresh, 0.0, NOW) == (None, ago(50))
    waiting = car(1, waiting_since=ago(500))
    assert turns(waiting, 0.0, NOW) == (None, ago(500))
    # How long it had waited is kept through its turn.
    assert turns(waiting, 6.0, NOW) == (NOW, ago(500))
    served = car(1, waiting_since=ago(500), served_since=ago(60))
    assert turns(served, 8.0, NOW) == (ago(60), ago(500))
    assert turns(served, 0.0, NOW) == (None, NOW)


# --- the bound: nobody waits longer than rotation_s x ceil(n / k), each turn longer by at most a round ---

ALL = ["equal", "first_come", "priority", "solar", "deadline", "price"]


@pytest.mark.parametrize("strategy", ALL)
@pytest.mark.parametrize(("cars", "places"), [(2, 1), (5, 2), (7, 3), (6, 5)])
def test_nobody_waits_beyond_the_bound(strategy: str, cars: int, places: int) -> None:
    """The third worked example of docs/smart_charging.md is (5, 2)."""
    rounds = Rounds(
        [site(6.5 * places)],
        [car(i, priority=i % 3, arrived_at=ago(0)) for i in range(1, cars + 1)],
        Rules(strategy=strategy, surplus_a=(100.0,) * 3),
    )
    rounds.run(hours=2.5)
    turn = rounds.rules.rotation_s + rounds.every_s
    assert rounds.longest_wait <= turn * -(-cars // places)
    # Nor are turns cut short where nobody's rank asks for it.
    if strategy in ("equal", "solar"):
        assert rounds.shortest_turn >= 900


@pytest.mark.parametrize("strategy", ALL)
def test_nobody_waits_beyond_the_bound_on_mixed_phases(strategy: str) -> None:
    # Every limit has room for one car. A small one is kept out by 1 other, and so is a big one: k = 1, n = 8.
    loads = [
        car(i, phases=phases, priority=i % 2, arrived_at=ago(0))
        for i, phases in enumerate((L1, L2, L3) * 2 + (THREE, (0, 1)), 1)
    ]
    rounds = Rounds([site(7)], loads, Rules(strategy=strategy, surplus_a=(100.0,) * 3))
    rounds.run(hours=5)
    assert rounds.longest_wait <= (900 + rounds.every_s) * 8
    assert min(rounds.turns_of.values()) > 0


def test_a_big_one_has_its_turn_though_the_small_ones_never_leave_room_at_the_same_time() -> None:
    # On L1 and on L2 two small cars each take turns, half a turn apart; the big one needs both phases. k = 1, n = 5.
    rounds = Rounds([site(7)], [car(1, phases=L1, arrived_at=NOW), car(2, phases=L1, arrived_at=NOW)], Rules())
    rounds.run(hours=0.125)
    for load_id, phases in ((3, L2), (4, L2), (5, (0, 1))):
        rounds.add(car(load_id, phases=phases, arrived_at=rounds.now))
    rounds.run(hours=5)
    assert rounds.turns_of[5] >= 3
    assert rounds.longest_wait <= (900 + rounds.every_s) * 5


def test_a_newcomer_with_priority_goes_first_but_the_low_ones_have_their_turns() -> None:
    loads = [car(i, priority=priority, arrived_at=ago(0)) for i, priority in ((1, 0), (2, 9), (3, 9))]
    rounds = Rounds([site(7)], loads, Rules(strategy="priority"))
    rounds.run(hours=8)
    assert rounds.longest_wait <= (900 + rounds.every_s) * 3
    # One turn in three is the low one's at most.
    assert rounds.served_s[1] < rounds.served_s[2] * 1.1


def test_a_low_one_gives_way_to_a_high_one_at_once_but_not_in_the_turn_it_waited_for() -> None:
    high = car(2, priority=5, arrived_at=ago(1))
    in_passing = charging(1, 7.0, priority=0, served_since=ago(60), waiting_since=ago(60))
    assert shared([site(7)], [in_passing, high], strategy="priority") == {1: 0.0, 2: 7.0}
    waited_for = charging(1, 7.0, priority=0, served_since=ago(60), waiting_since=ago(60 + 900))
    assert shared([site(7)], [waited_for, high], strategy="priority") == {1: 7.0, 2: 0.0}


def test_the_earlier_arrival_goes_first_but_the_later_have_their_turns() -> None:
    first = charging(1, 7.0, arrived_at=ago(5000), served_since=ago(2000))
    later = charging(2, 0.0, arrived_at=ago(800), waiting_since=ago(800))
    assert shared([site(7)], [first, later], strategy="first_come") == {1: 7.0, 2: 0.0}
    due = charging(2, 0.0, arrived_at=ago(900), waiting_since=ago(900))
    assert shared([site(7)], [first, due], strategy="first_come") == {1: 0.0, 2: 7.0}


def test_who_does_not_fit_even_alone_is_told_so() -> None:
    nodes = [site(32), circuit(2, 5)]
    assert reasons(nodes, [car(1, on=2), car(2)]) == {1: "no_capacity", 2: "full_share"}


def test_a_load_of_which_nothing_is_known_waits_from_now() -> None:
    assert turns(car(1, arrived_at=None), 0.0, NOW + timedelta(0)) == (None, NOW)
