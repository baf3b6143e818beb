"""What is sent on the way to the targets, and what has to wait."""

from typing import Any

import pytest

from smartcharging.allocation.plan import plan
from smartcharging.allocation.shapes import Load, Node, Rules, Target
from tests.smartcharging.allocation.made import L1, L2, NOW, ago, car, charging, circuit, site

Limits = dict[int, float]


def planned(nodes: list[Node], loads: list[Load], limits: Limits, **rules: Any) -> tuple[Limits, Limits, list[int]]:
    """Lowers, raises, and who waits."""
    targets = {load_id: Target(limit, "equal_share") for load_id, limit in limits.items()}
    found = plan(nodes, loads, targets, Rules(**rules), NOW)
    return (
        {change.load_id: change.limit_a for change in found.lowers},
        {change.load_id: change.limit_a for change in found.raises},
        found.waiting,
    )


def test_lowers_go_first_and_raises_wait_for_them() -> None:
    # 32 A are counted in full: nothing is free before the first is down.
    loads = [charging(1, 32.0), charging(2, 0.0)]
    assert planned([site(32)], loads, {1: 16.0, 2: 16.0}) == ({1: 16.0}, {}, [2])


def test_a_raise_that_fits_beside_everything_goes_at_once() -> None:
    loads = [charging(1, 32.0), charging(2, 0.0)]
    assert planned([site(48)], loads, {1: 24.0, 2: 16.0}) == ({1: 24.0}, {2: 16.0}, [])


def test_a_part_of_a_raise_goes_if_it_is_worth_it() -> None:
    loads = [charging(1, 24.0), charging(2, 0.0)]
    # 8 A are free: more than the minimum.
    assert planned([site(32)], loads, {1: 16.0, 2: 16.0}) == ({1: 16.0}, {2: 8.0}, [])
    # 5.9 A are less than the minimum.
    assert planned([site(29.9)], loads, {1: 14.9, 2: 15.0}) == ({1: 14.9}, {}, [2])
    # From 8 A a part of 0.9 A is not worth a message; 1 A is.
    running = [charging(1, 23.0), charging(2, 8.0)]
    assert planned([site(31.9)], running, {1: 16.0, 2: 15.9}) == ({1: 16.0}, {}, [2])
    assert planned([site(32)], running, {1: 16.0, 2: 16.0}) == ({1: 16.0}, {2: 9.0}, [])


def test_what_is_not_confirmed_counts_at_its_highest() -> None:
    # A raise to 20 A was sent, and a lower one after it that isn't confirmed: 20 counts.
    lost = car(1, current_a=None, counted_a=20.0)
    assert planned([site(32)], [lost, charging(2, 6.0)], {1: 10.0, 2: 22.0}) == ({1: 10.0}, {2: 12.0}, [])


def test_unchanged_limits_are_not_sent() -> None:
    assert planned([site(32)], [charging(1, 16.0), charging(2, 16.0)], {1: 16.0, 2: 16.0}) == ({}, {}, [])
    # Held at nothing by its default, and that is what it should have.
    assert planned([site(32)], [car(1, counted_a=0.0)], {1: 0.0}) == ({}, {}, [])


def test_what_is_not_known_is_told_even_if_nothing_more_counts() -> None:
    # It may be at 16 A or lower: telling it 16 A takes no room.
    assert planned([site(16)], [car(1, current_a=None, counted_a=16.0)], {1: 16.0}) == ({1: 16.0}, {}, [])


def test_a_confirmed_pause_under_a_higher_count_is_told_again() -> None:
    assert planned([site(32)], [car(1, current_a=0.0, counted_a=16.0)], {1: 0.0}) == ({1: 0.0}, {}, [])


def test_while_more_counts_than_there_is_nobody_is_raised_there() -> None:
    # The site fell to 20 A; 24 count. The second feeder has room of its own, but not the site.
    nodes = [site(20), circuit(2, 32), circuit(3, 32)]
    loads = [charging(1, 24.0, on=2), charging(2, 0.0, on=3)]
    assert planned(nodes, loads, {1: 10.0, 2: 10.0}) == ({1: 10.0}, {}, [2])


def test_a_raise_under_way_is_not_repeated_while_too_much_counts() -> None:
    loads = [charging(1, 24.0), car(2, current_a=6.0, counted_a=8.0)]
    assert planned([site(30)], loads, {1: 22.0, 2: 8.0}) == ({1: 22.0}, {}, [2])


def test_a_raise_goes_on_from_what_counts_already() -> None:
    # A raise to 16 A is not confirmed; it counts, so 20 A take 4 more, and 2 are there.
    assert planned([site(18)], [car(1, current_a=6.0, counted_a=16.0)], {1: 20.0}) == ({}, {1: 18.0}, [])


def test_other_phases_and_circuits_go_on() -> None:
    nodes = [site(100), circuit(2, 10), circuit(3, 32)]
    loads = [charging(1, 16.0, on=2, phases=L1), charging(2, 6.0, on=2, phases=L2), charging(3, 6.0, on=3)]
    assert planned(nodes, loads, {1: 10.0, 2: 10.0, 3: 32.0}) == ({1: 10.0}, {2: 10.0, 3: 32.0}, [])


def test_raises_go_to_the_neediest_first() -> None:
    # 12 A are free. First the two that are paused, the longer waiting first; nothing is left for the third.
    loads = [
        charging(1, 8.0),
        charging(2, 0.0, waiting_since=ago(50)),
        charging(3, 0.0, waiting_since=ago(500)),
        charging(4, 20.0),
    ]
    lowers, raises, waiting = planned([site(40)], loads, {1: 12.0, 2: 6.0, 3: 6.0, 4: 16.0})
    assert (lowers, raises, waiting) == ({4: 16.0}, {3: 6.0, 2: 6.0}, [1])


def test_a_small_raise_is_not_sent() -> None:
    loads = [charging(1, 8.0)]
    assert planned([site(32)], loads, {1: 8.9}) == ({}, {}, [])
    assert planned([site(32)], loads, {1: 9.0}) == ({}, {1: 9.0}, [])


def test_a_small_raise_is_sent_where_it_reaches_what_the_car_can_use() -> None:
    assert planned([site(32)], [charging(1, 15.5, max_a=16.0)], {1: 16.0}) == ({}, {1: 16.0}, [])


def test_lowering_is_never_delayed() -> None:
    fresh = charging(1, 16.0, raised_at=ago(1))
    assert planned([site(32)], [fresh], {1: 15.9}) == ({1: 15.9}, {}, [])


@pytest.mark.parametrize(("seconds", "raised"), [(29, {}), (30, {1: 16.0})])
def test_two_raises_keep_their_distance(seconds: int, raised: dict[int, float]) -> None:
    assert planned([site(32)], [charging(1, 8.0, raised_at=ago(seconds))], {1: 16.0}) == ({}, raised, [])


def test_a_ramp_goes_up_by_steps_and_starts_at_the_minimum() -> None:
    assert planned([site(32)], [charging(1, 8.0)], {1: 16.0}, raise_step_a=2.0) == ({}, {1: 10.0}, [])
    assert planned([site(32)], [charging(1, 0.0)], {1: 16.0}, raise_step_a=2.0) == ({}, {1: 6.0}, [])
    assert planned([site(32)], [charging(1, 15.0)], {1: 16.0}, raise_step_a=2.0) == ({}, {1: 16.0}, [])
    # A step under the hysteresis must not stop the ramp.
    assert planned([site(32)], [charging(1, 8.0)], {1: 16.0}, raise_step_a=0.5) == ({}, {1: 8.5}, [])


def test_loads_that_nobody_can_tell_anything_are_told_nothing() -> None:
    away = charging(1, 16.0, fixed=True)
    idle = car(2, active=False, counted_a=16.0)
    assert planned([site(32)], [away, idle], {1: 6.0, 2: 6.0}) == ({}, {}, [])


def test_an_idle_one_counts_with_its_fallback_for_raises_too() -> None:
    idle = car(2, active=False, counted_a=0.0, rest_a=10.0)
    assert planned([site(32)], [charging(1, 6.0), idle], {1: 32.0}) == ({}, {1: 22.0}, [])


def test_watts_hold_raises_back() -> None:
    # 3 x 230 V x 16 A = 11,040 W are there, 6 A are counted: 10 A more on three phases.
    assert planned([site(63, watts=11_040)], [charging(1, 6.0)], {1: 20.0}) == ({}, {1: 16.0}, [])


def test_a_raise_of_nothing_waits() -> None:
    assert planned([site(6)], [charging(1, 6.0)], {1: 32.0}) == ({}, {}, [1])
