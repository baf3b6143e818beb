"""An excursion begins outside, lasts, ends inside: whatever the values and their order."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from metering.alerts.excursion import Bounds, Excursion, Excursions

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
LIMIT = Bounds(low=Decimal(-10), high=Decimal(70), hysteresis=Decimal(2))


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def run(bounds: Bounds, *values: float | str, every: float = 10) -> list[list[Excursion]]:
    """What is told after each value."""
    excursions = Excursions(bounds)
    return [excursions.observe(Decimal(str(value)), at(number * every)) for number, value in enumerate(values)]


def test_a_value_on_the_bound_is_inside() -> None:
    assert run(LIMIT, 70, -10) == [[], []]


def test_it_is_raised_at_once_without_a_minimum_duration() -> None:
    _, (raised,) = run(LIMIT, 69, 70.5)
    assert (raised.started_at, raised.bound, raised.above, raised.worst) == (at(10), Decimal(70), True, Decimal("70.5"))


def test_coming_back_takes_the_hysteresis() -> None:
    told = run(LIMIT, 75, 69, 68.5, 68, 67)
    assert [bool(one and one[0].ended_at) for one in told] == [False, False, False, True, False]
    assert told[3][0].ended_at == at(30)
    assert told[3][0].last == 68


def test_without_a_hysteresis_it_is_two_percent_of_the_bound() -> None:
    told = run(Bounds(high=Decimal(50000)), 51000, 49500, 49000)
    assert [one[0].ended_at for one in told] == [None, None, at(20)]


def test_narrow_bounds_leave_a_way_back() -> None:
    told = run(Bounds(low=Decimal(229), high=Decimal(231)), 232, 230)
    assert told[1][0].ended_at == at(10)


def test_it_must_last_for_the_minimum_duration_of_the_readings() -> None:
    bounds = Bounds(high=Decimal(70), minimum_duration=timedelta(seconds=30))
    told = run(bounds, 75, 76, 80, 74)
    assert [len(one) for one in told] == [0, 0, 0, 1]
    assert (told[3][0].started_at, told[3][0].worst, told[3][0].count) == (NOON, Decimal(80), 4)


def test_a_short_excursion_is_never_told() -> None:
    assert run(Bounds(high=Decimal(70), minimum_duration=timedelta(seconds=30)), 75, 76, 20) == [[], [], []]


def test_out_on_the_other_side_is_another_excursion() -> None:
    ended, begun = run(LIMIT, 75, -20)[1]
    assert (ended.ended_at, ended.above) == (at(10), True)
    assert (begun.started_at, begun.above, begun.bound, begun.worst) == (at(10), False, Decimal(-10), Decimal(-20))


def test_the_worst_below_is_the_lowest() -> None:
    assert run(LIMIT, -11, -30, -12)[2][0].worst == -30


def test_a_late_value_changes_nothing() -> None:
    excursions = Excursions(LIMIT)
    excursions.observe(Decimal(75), at(100))
    before = excursions.excursion
    assert excursions.observe(Decimal(20), at(50)) == []
    assert excursions.observe(Decimal(99), at(100)) == []
    assert excursions.excursion == before


numbers = st.decimals(-100, 100, places=1)
readings = st.lists(st.tuples(numbers, st.integers(0, 500)), max_size=40)
some_bounds = st.builds(
    lambda low, width, hysteresis, seconds: Bounds(low, low + width, hysteresis, timedelta(seconds=seconds)),
    numbers,
    st.decimals("0.1", 50, places=1),
    st.none() | st.decimals(0, 5, places=1),
    st.integers(0, 60),
)


@given(some_bounds, readings)
def test_excursions_never_overlap_and_each_ends_at_most_once(bounds: Bounds, values: list[tuple[Decimal, int]]) -> None:
    excursions = Excursions(bounds)
    told = [one for value, seconds in values for one in excursions.observe(value, at(seconds))]
    last_end = None
    open_since = None
    for one in told:
        assert one.raised
        if open_since is None:
            assert last_end is None or one.started_at >= last_end
            open_since = one.started_at
        assert one.started_at == open_since
        if one.ended_at is not None:
            assert one.ended_at > one.started_at
            last_end, open_since = one.ended_at, None


@given(some_bounds, readings)
def test_a_raised_one_has_been_outside_long_enough_and_its_worst_is_the_worst(
    bounds: Bounds, values: list[tuple[Decimal, int]]
) -> None:
    excursions = Excursions(bounds)
    for value, seconds in values:
        for one in excursions.observe(value, at(seconds)):
            assert bounds.crossed(one.worst) == one.bound
            assert one.last_at - one.started_at >= bounds.minimum_duration
            newer = [v for v, s in values if one.started_at <= at(s) <= one.last_at]
            assert one.worst in newer


@given(some_bounds, readings)
def test_values_in_any_order_end_where_the_newest_say(bounds: Bounds, values: list[tuple[Decimal, int]]) -> None:
    """What is older than the newest never moves it: the same as if it had never come."""
    everything, forward = Excursions(bounds), Excursions(bounds)
    newest = -1
    for value, seconds in values:
        everything.observe(value, at(seconds))
        if seconds > newest:
            newest = seconds
            forward.observe(value, at(seconds))
    assert everything.excursion == forward.excursion


@given(some_bounds, readings)
def test_a_value_well_inside_ends_whatever_was(bounds: Bounds, values: list[tuple[Decimal, int]]) -> None:
    excursions = Excursions(bounds)
    for value, seconds in values:
        excursions.observe(value, at(seconds))
    assert bounds.low is not None
    assert bounds.high is not None
    excursions.observe((bounds.low + bounds.high) / 2, at(1000))
    assert excursions.excursion is None
