"""First come first served, and by priority."""

from tests.smartcharging.allocation.made import L1, L2, THREE, ago, car, charging, circuit, reasons, shared, site


def test_the_first_has_all_it_can_use_then_the_next() -> None:
    # 60 A for three: the minimum for all (18), then 26 more for the first (32), the rest of 16 for the second (22).
    loads = [car(1, arrived_at=ago(30)), car(2, arrived_at=ago(90)), car(3, arrived_at=ago(60))]
    assert shared([site(60)], loads, strategy="first_come") == {2: 32.0, 3: 22.0, 1: 6.0}
    assert reasons([site(60)], loads, strategy="first_come") == {2: "full_share", 3: "first_come", 1: "first_come"}


def test_one_that_is_narrow_elsewhere_leaves_the_rest_to_the_next() -> None:
    nodes = [site(60), circuit(2, 10)]
    loads = [car(1, on=2, arrived_at=ago(90)), car(2, arrived_at=ago(60)), car(3, arrived_at=ago(30))]
    assert shared(nodes, loads, strategy="first_come") == {1: 10.0, 2: 32.0, 3: 18.0}


def test_first_come_counts_each_phase() -> None:
    # L1: the first takes 20 of its 26 A (its maximum), the third keeps 12. L2 is the second's alone beside the first.
    loads = [
        car(1, phases=THREE, arrived_at=ago(90), max_a=20.0),
        car(2, phases=L2, arrived_at=ago(60)),
        car(3, phases=L1, arrived_at=ago(30)),
    ]
    assert shared([site(32)], loads, strategy="first_come") == {1: 20.0, 2: 12.0, 3: 12.0}


def test_an_unknown_arrival_comes_last() -> None:
    loads = [car(1, arrived_at=None), car(2, arrived_at=ago(1))]
    assert shared([site(38)], loads, strategy="first_come") == {1: 6.0, 2: 32.0}


def test_the_minimum_for_all_goes_before_more_for_the_important() -> None:
    """The second worked example of docs/smart_charging.md."""
    # 50 A. Minimums: 4 x 6 = 24. Of the other 26 the two of priority 5 take 13 each: 19 A. Nothing is left below.
    loads = [car(1, priority=5), car(2, priority=5), car(3, priority=1), car(4)]
    assert shared([site(50)], loads, strategy="priority") == {1: 19.0, 2: 19.0, 3: 6.0, 4: 6.0}
    # 80 A: both have their maximum (64 with the minimums of the others: 76); the 4 A that are left go to priority 1.
    assert shared([site(80)], loads, strategy="priority") == {1: 32.0, 2: 32.0, 3: 10.0, 4: 6.0}


def test_what_the_important_do_not_take_goes_down() -> None:
    loads = [charging(1, 26.0, measured=8.0, priority=5), charging(2, 6.0)]
    assert shared([site(32)], loads, strategy="priority") == {1: 10.0, 2: 22.0}


def test_without_room_for_all_minimums_the_important_are_served() -> None:
    loads = [charging(i, 0.0, priority=priority, waiting_since=ago(5)) for i, priority in ((1, 0), (2, 3), (3, 7))]
    assert shared([site(13)], loads, strategy="priority") == {1: 0.0, 2: 6.0, 3: 7.0}
