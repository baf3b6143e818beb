"""The composite schedule against the naive evaluator, and what must hold whatever is installed."""

from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from smartcharging.profiles.composite import composite_schedule, limit_at
from smartcharging.profiles.shapes import CompositePeriod, Installed, Period
from tests.examples import examples
from tests.smartcharging.profiles.made import cases, seconds
from tests.smartcharging.profiles.naive import Question, naive_limit

# What amperes that come from watts are cut by, at most.
CUT = Fraction(1, 10**20)
WEEK = 7 * 86_400
windows = st.integers(1, 40)


def ask(installed: list[Installed], asked: Question, start: datetime, length: int) -> list[CompositePeriod]:
    return composite_schedule(installed, **vars(asked), start=start, duration_s=length)


def holding(periods: list[CompositePeriod], second: int) -> CompositePeriod:
    return [period for period in periods if period.start_s <= second][-1]


def assert_as_naive(installed: list[Installed], asked: Question, at: datetime, found: CompositePeriod) -> None:
    limit, phases = naive_limit(installed, asked, at)
    assert found.phases == phases, at
    if limit is None or found.limit is None:
        assert (found.limit, limit) == (None, None), at
    else:
        assert 0 <= limit - Fraction(found.limit) <= CUT, at


@examples(50)
@given(cases(), windows)
def test_composite_agrees_with_the_naive_evaluator_at_every_second(
    case: tuple[list[Installed], Question, datetime], length: int
) -> None:
    installed, asked, start = case
    periods = ask(installed, asked, start, length)
    assert periods[0].start_s == 0
    for second in range(length):
        assert_as_naive(installed, asked, start + seconds(second), holding(periods, second))


@examples(50)
@given(cases(most=12), st.lists(st.integers(0, WEEK - 1), max_size=10))
def test_composite_of_a_week_agrees_at_and_beside_each_boundary(
    case: tuple[list[Installed], Question, datetime], others: list[int]
) -> None:
    installed, asked, start = case
    start -= timedelta(days=3)
    periods = ask(installed, asked, start, WEEK)
    # Where ours change; where they might have to: any day's repetition of what is near the middle.
    changes = {period.start_s + beside for period in periods for beside in (-1, 0, 1)}
    for second in sorted({*others, *changes}):
        if 0 <= second < WEEK:
            assert_as_naive(installed, asked, start + seconds(second), holding(periods, second))


@examples(15)
@given(cases(), windows)
def test_neighbours_differ_and_lie_inside_the_window(
    case: tuple[list[Installed], Question, datetime], length: int
) -> None:
    periods = ask(*case, length)
    assert all(period.start_s < length for period in periods)
    for before, after in pairwise(periods):
        assert before.start_s < after.start_s
        assert (before.limit, before.phases) != (after.limit, after.phases)


@examples(15)
@given(cases(), windows, st.data())
def test_a_window_that_is_split_gives_the_same_limits(
    case: tuple[list[Installed], Question, datetime], length: int, data: st.DataObject
) -> None:
    installed, asked, start = case
    middle = data.draw(st.integers(0, length))
    whole = ask(installed, asked, start, length)
    second_half = ask(installed, asked, start + seconds(middle), length - middle)
    halves = ask(installed, asked, start, middle) + [
        CompositePeriod(period.start_s + middle, period.limit, period.phases) for period in second_half
    ]
    for second in range(length):
        found, expected = holding(halves, second), holding(whole, second)
        assert (found.limit, found.phases) == (expected.limit, expected.phases)


@examples(15)
@given(cases(), windows)
def test_the_instant_is_the_first_period_of_the_window(
    case: tuple[list[Installed], Question, datetime], length: int
) -> None:
    installed, asked, start = case
    assert limit_at(installed, **vars(asked), at=start) == ask(installed, asked, start, length)[0]


@examples(15)
@given(cases(), windows, st.randoms(use_true_random=False))
def test_the_order_of_profiles_does_not_matter(
    case: tuple[list[Installed], Question, datetime], length: int, chance: Random
) -> None:
    installed, asked, start = case
    shuffled = [*installed]
    chance.shuffle(shuffled)
    assert ask(shuffled, asked, start, length) == ask(installed, asked, start, length)


@examples(15)
@given(cases(), windows, st.data())
def test_a_higher_profile_that_never_holds_changes_nothing(
    case: tuple[list[Installed], Question, datetime], length: int, data: st.DataObject
) -> None:
    installed, asked, start = case
    for item in data.draw(st.lists(st.sampled_from(installed), max_size=3)) if installed else []:
        over = replace(item.profile, stack_level=99, valid_to=start)
        installed = [*installed, Installed(item.evse_number, over)]
    assert ask(installed, asked, start, length) == ask(case[0], asked, start, length)


@examples(15)
@given(cases(), windows)
def test_profiles_of_other_connectors_change_nothing(
    case: tuple[list[Installed], Question, datetime], length: int
) -> None:
    installed, asked, start = case
    concerned = [item for item in installed if item.evse_number in (0, asked.evse_number)]
    assert ask(concerned, asked, start, length) == ask(installed, asked, start, length)


@examples(15)
@given(cases(), windows)
def test_watts_are_the_amperes_of_the_same_question(
    case: tuple[list[Installed], Question, datetime], length: int
) -> None:
    installed, asked, start = case
    in_amps, in_watts = (ask(installed, replace(asked, unit=unit), start, length) for unit in ("A", "W"))
    for second in range(length):
        amps, watts = holding(in_amps, second), holding(in_watts, second)
        assert amps.phases == watts.phases
        if amps.limit is None or watts.limit is None:
            assert (amps.limit, watts.limit) == (None, None)
        else:
            factor = Fraction(asked.voltage) * (amps.phases or asked.default_phases)
            assert 0 <= Fraction(watts.limit) - Fraction(amps.limit) * factor <= CUT * factor


@examples(15)
@given(cases(), windows, st.data())
def test_one_more_maximum_never_allows_more(
    case: tuple[list[Installed], Question, datetime], length: int, data: st.DataObject
) -> None:
    """Without a maximum before, and with as many phases: the lower of the two is what holds."""
    installed, asked, start = case
    without = [item for item in installed if item.profile.purpose != "station_max"]
    maxima = [item for item in installed if item.profile.purpose == "station_max"]
    phases = asked.default_phases
    without, maxima = (
        [with_phases(item, phases) for item in items] for items in (without, maxima)
    )  # fmt: skip
    free, held = (ask(items, asked, start, length) for items in (without, without + maxima))
    for second in range(length):
        before, after = holding(free, second).limit, holding(held, second).limit
        assert before is None or (after is not None and after <= before)


def with_phases(item: Installed, phases: int) -> Installed:
    schedule = item.profile.schedule
    periods = tuple(Period(period.start_s, period.limit, phases) for period in schedule.periods)
    return replace(item, profile=replace(item.profile, schedule=replace(schedule, periods=periods)))
