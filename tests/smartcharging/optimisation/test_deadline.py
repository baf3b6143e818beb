"""Worked by hand: who should charge now, so that all are ready when they leave."""

from dataclasses import replace
from datetime import timedelta

import pytest

from smartcharging.allocation.allocate import allocate
from smartcharging.allocation.deadline import deadline_targets
from smartcharging.allocation.shapes import Load, Node

from .cases import HOUR_AT_16_A, NOW, RULES, car, site


def targets(nodes: list[Node], loads: list[Load]) -> dict[int, float]:
    found = deadline_targets(nodes, loads, RULES, NOW)
    assert found is not None
    return found


def missing(nodes: list[Node], loads: list[Load], hours: float) -> dict[int, float]:
    """Wh that each load still misses after minutes of doing as told."""
    wanted = {load.id: load.energy_left_wh or 0.0 for load in loads}
    left = dict(wanted)
    for minute in range(int(hours * 60)):
        now = NOW + timedelta(minutes=minute)
        loads = [
            replace(load, energy_left_wh=left[load.id], charged_wh=wanted[load.id] - left[load.id])
            for load in loads
            if left[load.id] > 0
        ]
        told = deadline_targets(nodes, loads, RULES, now) if loads else {}
        assert told is not None
        for place, load in enumerate(loads):
            limit = told[load.id]
            left[load.id] -= min(left[load.id], limit * 230 * len(load.phases) / 60)
            since = load.served_since if limit and load.served_since else now if limit else None
            waits = None if limit else load.waiting_since or now
            loads[place] = replace(load, current_a=limit, served_since=since, waiting_since=waits)
    return left


def test_who_leaves_first_and_has_no_time_to_lose_goes_first() -> None:
    assert targets(site(16), [car(1, 1, HOUR_AT_16_A), car(2, 10, HOUR_AT_16_A)]) == {1: 16.0, 2: 0.0}


def test_an_early_departure_that_needs_little_leaves_room_for_a_late_one_that_needs_everything() -> None:
    # 2 needs every minute of its four hours at 16 A; 1 is done in one of its two with what 2 leaves.
    assert targets(site(24), [car(1, 2, HOUR_AT_16_A / 2), car(2, 4, 4 * HOUR_AT_16_A)]) == {1: 8.0, 2: 16.0}


def test_all_charge_at_once_where_there_is_room() -> None:
    assert targets(site(64), [car(1, 9, 1000), car(2, 1, 9000), car(3)]) == {1: 16.0, 2: 16.0, 3: 16.0}


def test_capacity_that_nobody_needs_in_time_is_used_early_all_the_same() -> None:
    assert sum(targets(site(20), [car(1, 12, 5000), car(2, 12, 5000)]).values()) == 20.0


def test_impossible_wishes_are_cut_by_the_same_part() -> None:
    loads = [car(1, 1, HOUR_AT_16_A), car(2, 1, HOUR_AT_16_A), car(3, 1, HOUR_AT_16_A)]
    left = missing(site(24), loads, 1)
    assert sum(left.values()) == pytest.approx(1.5 * HOUR_AT_16_A, rel=0.01)
    assert max(left.values()) - min(left.values()) < 0.26 * HOUR_AT_16_A


def test_where_only_one_can_have_its_minimum_they_take_turns() -> None:
    loads = [car(1, 3, 3 * HOUR_AT_16_A), car(2, 3, 3 * HOUR_AT_16_A)]
    left = missing(site(10), loads, 3)
    assert sum(left.values()) == pytest.approx(6 * HOUR_AT_16_A - 3 * 10 * 230, rel=0.01)
    assert abs(left[1] - left[2]) < 0.26 * 3 * HOUR_AT_16_A


def test_a_turn_is_not_cut_short_by_another_that_is_no_more_urgent() -> None:
    loads = [car(1, 3, 3 * HOUR_AT_16_A), car(2, 3, 3 * HOUR_AT_16_A, limit_a=10.0)]
    assert targets(site(10), loads) == {1: 0.0, 2: 10.0}


def test_a_single_phase_car_is_not_starved_by_three_phase_ones_that_make_more_of_the_same_wire() -> None:
    loads = [car(1, 1, HOUR_AT_16_A), *(car(n, 1, 3 * HOUR_AT_16_A, phases=(0, 1, 2)) for n in (2, 3))]
    assert missing(site(24), loads, 1)[1] <= 0.76 * HOUR_AT_16_A


def test_who_has_not_said_when_they_leave_has_an_equal_share() -> None:
    found = targets(site(20), [car(1, 9, 6000), car(2)])
    assert found[2] >= 10.0
    assert sum(found.values()) == 20.0


def test_a_departure_that_has_passed_is_not_known_any_more() -> None:
    found = targets(site(20), [car(1, 9, 6000), car(2, -1, 6000)])
    assert found[2] >= 10.0


def test_watts_are_kept_too() -> None:
    found = targets(site(100, capacity_w=20 * 230), [car(1, 1, 9000), car(2, 1, 9000, phases=(1,))])
    assert sum(found.values()) == 20.0


def test_what_cannot_be_moved_and_what_rests_is_taken_out_first() -> None:
    silent = replace(car(2), fixed=True, counted_a=10.0)
    idle = replace(car(3), active=False, rest_a=6.0)
    assert targets(site(26), [car(1, 1, 9000), silent, idle]) == {1: 10.0}


def test_no_room_for_anyones_minimum_is_a_pause_for_all() -> None:
    assert targets(site(5), [car(1, 1, 9000), car(2, 1, 9000)]) == {1: 0.0, 2: 0.0}


def test_a_car_that_takes_less_than_it_may_is_planned_with_what_it_takes() -> None:
    slow = replace(car(1, 1, 9000, limit_a=16.0), measured_a=8.0, steady=True)
    assert targets(site(20), [slow, car(2, 1, 9000)]) == {1: 10.0, 2: 10.0}


def test_nothing_to_do_is_an_answer() -> None:
    assert targets(site(20), []) == {}


@pytest.mark.parametrize(
    ("nodes", "loads"),
    [
        pytest.param(site(20), [car(1), car(2, 3)], id="nobody said when and how much"),
        pytest.param(site(20), [replace(car(1, 1, 5000), node_id=9)], id="a load on no node"),
        pytest.param(site(20), [replace(car(1, 1, 5000), phases=())], id="a load on no phase"),
        pytest.param(site(float("nan")), [car(1, 1, 5000)], id="a capacity that is no number"),
        pytest.param(site(20), [car(1, 1, 5000, max_a=float("inf"))], id="a maximum that is no number"),
        pytest.param(site(20), [car(1, 1, float("nan"))], id="a wish that is no number"),
        pytest.param([Node(1, 2, (9,) * 3), Node(2, 1, (9,) * 3)], [car(1, 1, 5000)], id="circuits in a ring"),
    ],
)
def test_what_is_odd_is_left_to_the_fallback(nodes: list[Node], loads: list[Load]) -> None:
    assert deadline_targets(nodes, loads, RULES, NOW) is None


@pytest.mark.parametrize("strategy", ["deadline", "price"])
def test_with_no_time_to_answer_the_fallback_is_named(strategy: str) -> None:
    rules = replace(RULES, strategy=strategy, time_limit_s=0.0)
    answer = allocate(site(20), [car(1, 1, 5000), car(2, 2, 5000)], rules, NOW)
    assert (answer.strategy, [target.limit_a for target in answer.targets.values()]) == ("equal", [10.0, 10.0])
