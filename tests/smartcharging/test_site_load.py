"""What the site's meter says about who else takes power: plain arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartcharging.site_load import amps_of_power, base_load, moved, surplus, usable

amps = st.tuples(*[st.floats(-1000, 1000)] * 3)
some = st.tuples(*[st.floats(0, 500)] * 3)


def test_a_meter_of_the_whole_connection_counts_less_what_the_chargers_take() -> None:
    reading, charging = (40.0, 30.0, 20.0), (32.0, 16.0, 0.0)
    assert base_load(reading=reading, counts_chargers=True, charging=charging, assumed_a=99) == (8.0, 14.0, 20.0)


def test_a_meter_of_the_building_alone_counts_as_it_is() -> None:
    assert base_load(reading=(8.0, 14.0, 20.0), counts_chargers=False, charging=(9.0, 9.0, 9.0), assumed_a=99) == (
        8.0,
        14.0,
        20.0,
    )


def test_while_the_meter_is_silent_what_was_entered_counts() -> None:
    assert base_load(reading=None, counts_chargers=True, charging=(32.0, 0.0, 0.0), assumed_a=25) == (25.0, 25.0, 25.0)


def test_what_the_sun_feeds_in_makes_no_fuse_larger() -> None:
    assert base_load(reading=(-20.0, 5.0, -1.0), counts_chargers=False, charging=(0, 0, 0), assumed_a=0) == (0, 5, 0)
    # Chargers at 16 A and only 10 A from the grid: the sun gives the rest.
    assert base_load(reading=(10.0,) * 3, counts_chargers=True, charging=(16.0,) * 3, assumed_a=0) == (0, 0, 0)


def test_surplus_is_what_the_others_leave_of_the_sun() -> None:
    # 10 A flow in while the chargers take 16 A: the sun gives 6 A of them, and 8 A more flow out of L2.
    reading, charging = (10.0, -2.0, 20.0), (16.0, 6.0, 16.0)
    assert surplus(reading=reading, counts_chargers=True, charging=charging) == (6.0, 8.0, 0.0)
    assert surplus(reading=(-9.0, 3.0, 0.0), counts_chargers=False, charging=charging, import_a=2) == (11.0, 2.0, 2.0)


def test_a_silent_meter_leaves_what_may_be_taken_from_the_grid() -> None:
    assert surplus(reading=None, counts_chargers=True, charging=(16.0,) * 3, import_a=6) == (6.0, 6.0, 6.0)


@given(amps, some, st.floats(0, 100))
def test_base_load_and_surplus_are_never_negative_and_never_both(
    reading: tuple[float, float, float], charging: tuple[float, float, float], assumed: float
) -> None:
    base = base_load(reading=reading, counts_chargers=True, charging=charging, assumed_a=assumed)
    spare = surplus(reading=reading, counts_chargers=True, charging=charging)
    assert all(value >= 0 for value in (*base, *spare))
    assert all(min(pair) == 0 for pair in zip(base, spare, strict=True))


def rated(capacity: float, unit: str = "A", **changes: object) -> tuple[tuple[float, float, float], float | None]:
    fields = {"phases": 3, "voltage": 230, "base": (0.0, 0.0, 0.0), **changes}
    return usable(capacity=capacity, unit=unit, **fields)  # type: ignore[arg-type]


def test_usable_is_the_capacity_less_what_others_take_on_each_phase() -> None:
    assert rated(63, base=(10.0, 63.0, 70.0)) == ((53.0, 0.0, 0.0), None)


def test_watts_are_of_all_phases_together_and_one_may_take_them_all() -> None:
    assert rated(23_000, "W") == ((100.0, 100.0, 100.0), 23_000.0)
    # 10 A on each of three phases: 6900 W are gone.
    free, watts = rated(23_000, "W", base=(10.0, 10.0, 10.0))
    assert watts == pytest.approx(16_100)
    assert free == pytest.approx((70.0, 70.0, 70.0))


def test_one_phase_counts_its_base_load_once() -> None:
    _, watts = rated(6_900, "W", phases=1, base=(10.0, 10.0, 10.0))
    assert watts == pytest.approx(4_600)


def test_grid_signals_hold_beside_the_capacity_in_either_unit() -> None:
    assert rated(63, limits_a=[32, 40]) == ((32.0, 32.0, 32.0), None)
    free, watts = rated(63, limits_w=[6_900], base=(5.0, 0.0, 0.0))
    assert watts == pytest.approx(5_750)
    assert free == pytest.approx((25.0, 25.0, 25.0))
    assert rated(23_000, "W", limits_a=[10])[0] == (10.0, 10.0, 10.0)
    assert rated(63, limits_w=[0]) == ((0.0, 0.0, 0.0), 0.0)


@given(st.floats(0, 1e6), st.sampled_from("AW"), st.sampled_from([1, 3]), some, st.lists(st.floats(0, 1e5), max_size=3))
def test_usable_never_exceeds_anything_that_limits_it(
    capacity: float, unit: str, phases: int, base: tuple[float, float, float], limits: list[float]
) -> None:
    if phases == 1:
        base = (base[0],) * 3
    free, watts = rated(capacity, unit, phases=phases, base=base, limits_a=limits)
    for value, taken in zip(free, base, strict=True):
        assert value >= 0
        for limit in (*limits, *([capacity] if unit == "A" else [])):
            assert value <= max(0.0, limit - taken) + 1e-6
        if watts is not None:
            assert value * 230 <= watts + 1e-3


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, (1.0, 1.0, 1.0), True),
        ((1.0, 1.0, 1.0), (1.9, 1.0, 0.1), False),
        ((1.0, 1.0, 1.0), (1.0, 2.0, 1.0), True),
        ((1.0, 1.0, 1.0), (0.0, 1.0, 1.0), True),
    ],
)
def test_a_meter_has_moved_beyond_the_band_on_any_phase(
    before: tuple[float, float, float] | None, after: tuple[float, float, float], expected: bool
) -> None:
    assert moved(before, after, 1.0) is expected


def test_power_in_all_is_spread_and_power_of_each_phase_is_not() -> None:
    assert amps_of_power([6_900.0], voltage=230, phases=3) == (10.0, 10.0, 10.0)
    assert amps_of_power([2_300.0, 0.0, -460.0], voltage=230, phases=3) == (10.0, 0.0, -2.0)
    assert amps_of_power([2_300.0], voltage=230, phases=1) == (10.0, 10.0, 10.0)
