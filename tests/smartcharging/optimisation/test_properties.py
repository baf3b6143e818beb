"""Whatever the site and the cars: never a limit too high, always the same answer, never worse than equal shares."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartcharging.allocation.allocate import allocate
from smartcharging.allocation.deadline import deadline_targets
from smartcharging.allocation.price import price_targets
from smartcharging.allocation.shapes import Load, Node
from tests.benchmarks.charging_day import car_park, play
from tests.examples import examples

from .cases import NOW, RULES, car, excess, hourly

AMPS = st.floats(0, 200, allow_nan=False).map(lambda amps: round(amps, 1))


@st.composite
def sites(draw: st.DrawFn) -> tuple[list[Node], list[Load]]:
    count = draw(st.integers(1, 5))
    nodes = [
        Node(
            number,
            None if number == 1 else draw(st.integers(1, number - 1)),
            (draw(AMPS), draw(AMPS), draw(AMPS)),
            draw(st.none() | st.floats(0, 60_000, allow_nan=False)),
        )
        for number in range(1, count + 1)
    ]
    loads = [draw(_load(number, count)) for number in range(draw(st.integers(1, 12)))]
    return nodes, loads


@st.composite
def _load(draw: st.DrawFn, number: int, nodes: int) -> Load:
    load = car(
        number,
        draw(st.none() | st.floats(-1, 300)),
        draw(st.none() | st.floats(0, 90_000)),
        phases=draw(st.sampled_from([(0, 1, 2), (0,), (1,), (2,)])),
        max_a=draw(st.sampled_from([5.0, 6.0, 16.0, 32.0])),
        limit_a=draw(st.sampled_from([0.0, 6.0, 16.0])),
        minutes=draw(st.floats(0, 60)),
    )
    return replace(
        load,
        node_id=draw(st.integers(1, nodes)),
        active=draw(st.sampled_from([True, True, True, False])),
        fixed=draw(st.sampled_from([False, False, False, True])),
        rest_a=draw(st.sampled_from([0.0, 6.0])),
        measured_a=draw(st.none() | st.floats(0, 32)),
        steady=draw(st.booleans()),
    )


@examples(40)
@given(sites(), st.lists(st.floats(-1, 1), max_size=6), st.randoms(use_true_random=False))
def test_limits_are_a_pause_or_possible_and_never_too_high_together(site, prices, chance) -> None:  # type: ignore[no-untyped-def]
    nodes, loads = site
    moving = {load.id: load for load in loads if load.active and not load.fixed}
    alone = excess(nodes, [load for load in loads if load.id not in moving], {})
    shuffled = chance.sample(loads, len(loads)), chance.sample(nodes, len(nodes))
    for targets, rules in ((deadline_targets, RULES), (price_targets, hourly(*prices))):
        limits = targets(nodes, loads, rules, NOW)
        assert limits == targets(shuffled[1], shuffled[0], rules, NOW)
        if limits is None:
            continue
        assert limits.keys() == moving.keys()
        for number, limit in limits.items():
            assert limit == 0 or moving[number].min_a <= limit <= moving[number].max_a
        assert excess(nodes, loads, limits) <= max(alone, 0.0) + 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_at_least_what_equal_shares_charge_is_charged_in_time(seed: int) -> None:
    park = car_park(stations=6, groups=2, hours=12, seed=seed)
    charged = {}
    for strategy in ("equal", "deadline"):
        rules = replace(RULES, strategy=strategy)

        def limits(nodes, loads, now, rules=rules):  # type: ignore[no-untyped-def]
            return {number: target.limit_a for number, target in allocate(nodes, loads, rules, now).targets.items()}

        outcome = play(park, limits, every=timedelta(minutes=5))
        assert outcome.over == 0
        charged[strategy] = sum(outcome.charged_wh)
    assert charged["deadline"] >= 0.99 * charged["equal"]
