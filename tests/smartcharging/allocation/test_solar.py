"""Solar surplus: no more than the sun leaves, and no flutter at a cloud's edge."""

from smartcharging.allocation.shapes import Rules
from tests.smartcharging.allocation.made import L1, L2, THREE, answer, car, charging, circuit, reasons, shared, site


def sun(amps: float | tuple[float, float, float]) -> Rules:
    return Rules(strategy="solar", surplus_a=amps if isinstance(amps, tuple) else (amps,) * 3)


def test_the_surplus_is_shared_and_no_more() -> None:
    assert shared([site(63)], [car(1), car(2)], sun(20)) == {1: 10.0, 2: 10.0}
    assert answer([site(63)], [car(1)], sun(20)).strategy == "solar"


def test_each_phase_has_its_own_sun() -> None:
    # L1 8 A, L2 20 A: the three-phase car is held by L3 at 7 A, so the one on L2 has 13 A.
    assert shared([site(63)], [car(1, phases=THREE), car(2, phases=L2)], sun((8, 20, 7))) == {1: 7.0, 2: 13.0}


def test_the_fuse_still_counts() -> None:
    assert shared([site(8)], [car(1)], sun(30)) == {1: 8.0}


def test_under_the_minimum_all_pause() -> None:
    assert shared([site(63)], [charging(1, 8.0)], sun(5.9)) == {1: 0.0}
    assert reasons([site(63)], [charging(1, 8.0)], sun(5.9)) == {1: "no_sun"}
    assert shared([site(63)], [charging(1, 8.0)], sun(-4)) == {1: 0.0}


def test_one_that_charges_stays_down_to_the_minimum_but_none_starts_there() -> None:
    # The hysteresis of 1 A: to start, the sun must leave 7 A.
    assert shared([site(63)], [charging(1, 8.0)], sun(6.0)) == {1: 6.0}
    assert shared([site(63)], [charging(1, 0.0)], sun(6.9)) == {1: 0.0}
    assert reasons([site(63)], [charging(1, 0.0)], sun(6.9)) == {1: "no_sun"}
    assert shared([site(63)], [charging(1, 0.0)], sun(7.0)) == {1: 7.0}


def test_a_second_starts_only_with_something_to_spare() -> None:
    loads = [charging(1, 12.0), charging(2, 0.0)]
    assert shared([site(63)], loads, sun(12.9)) == {1: 12.9, 2: 0.0}
    assert shared([site(63)], loads, sun(13.0)) == {1: 6.5, 2: 6.5}


def test_turns_are_taken_under_little_sun_too() -> None:
    over = charging(1, 6.0, served_since=charging(1, 6.0).arrived_at)
    assert shared([site(63)], [over, charging(2, 0.0)], sun(6.5)) == {1: 0.0, 2: 6.5}


def test_idle_chargers_take_no_sun_but_count_on_the_fuse() -> None:
    idle = car(2, active=False, rest_a=6.0, counted_a=6.0)
    assert shared([site(20)], [car(1), idle], sun(16)) == {1: 14.0}
    assert shared([site(63)], [car(1), idle], sun(16)) == {1: 16.0}


def test_one_that_nobody_reaches_takes_its_sun() -> None:
    away = car(2, fixed=True, counted_a=32.0, measured_a=9.0)
    assert shared([site(63)], [car(1), away], sun(20)) == {1: 11.0}
    silent = car(2, fixed=True, counted_a=12.0, phases=L1)
    assert shared([site(63)], [car(1, phases=L1), silent], sun(20)) == {1: 8.0}


def test_without_a_reading_all_share_equally_and_it_is_said() -> None:
    found = answer([site(32)], [car(1), car(2)], Rules(strategy="solar", surplus_a=None))
    assert {key: target.limit_a for key, target in found.targets.items()} == {1: 16.0, 2: 16.0}
    assert found.strategy == "equal"
    assert "not known" in found.detail


def test_the_sun_shines_on_several_roots() -> None:
    nodes = [site(63), circuit(2, 63, parent=None)]
    assert shared(nodes, [car(1), car(2, on=2)], sun(20)) == {1: 10.0, 2: 10.0}


def test_no_sun_at_all_is_not_an_unknown_sun() -> None:
    assert shared([site(32)], [car(1)], sun(0)) == {1: 0.0}
