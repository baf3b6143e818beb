"""What holds of every allocation and every plan, whatever the tree, the loads and the strategy."""

from dataclasses import replace
from random import Random
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from smartcharging.allocation import planned
from smartcharging.allocation.allocate import allocate
from smartcharging.allocation.lending import can_use
from smartcharging.allocation.plan import counted, plan
from smartcharging.allocation.shapes import Load, Node, Rules, Target
from smartcharging.allocation.tree import SLACK, Tree, taken_anyway
from tests.examples import examples
from tests.smartcharging.allocation.made import NOW, shared
from tests.smartcharging.allocation.worlds import Site, any_rules, parked, sites, tenths

UNCHECKED = {"suppress_health_check": list(HealthCheck)}
quick = examples(60, **UNCHECKED)

# What an optimiser may come to say: nothing, nonsense, too much.
wishes = st.none() | st.dictionaries(
    st.integers(1, 12), st.floats(allow_nan=True) | st.sampled_from([0.0, 3.0, 6.0, 16.0, 40.0])
)


@pytest.fixture(autouse=True)
def unplanned() -> Any:
    """The optimisers say what the test lets them say; they have tests of their own."""
    said: list[Any] = [None]
    with mock.patch.object(planned, "_program", side_effect=lambda name: lambda *given: said[0]):
        yield said


def exceeded(nodes: list[Node], loads: list[Load], targets: dict[int, Target]) -> list[Any]:
    """Limits that are exceeded, though what can't be moved fits on them, or something is given in spite of that."""
    tree = Tree(nodes, loads)
    immovable = tree.room({load.id: taken_anyway(load) for load in loads})
    left = tree.room(
        {load.id: targets[load.id].limit_a if load.id in targets else taken_anyway(load) for load in loads}
    )
    return [
        limit
        for limit, before, after in zip(tree.limits, immovable, left, strict=True)
        if after < min(before, 0.0) - SLACK * (1000 if limit.on == "W" else 1)
    ]


@examples(150, **UNCHECKED)
@given(sites(), any_rules(), wishes)
def test_no_circuit_is_ever_exceeded(unplanned: list[Any], place: Site, rules: Rules, said: Any) -> None:
    unplanned[0] = said
    nodes, loads = place
    targets = allocate(nodes, loads, rules, NOW).targets
    assert exceeded(nodes, loads, targets) == []


def beyond(nodes: list[Node], loads: list[Load], amps: dict[int, float]) -> list[bool]:
    """For each limit on which all fallbacks fit beside what can't be moved: whether it is exceeded when all that have
    less than these currents fall back."""
    tree = Tree(nodes, loads)
    least = {load.id: load.rest_a if load.id in amps else max(taken_anyway(load), load.rest_a) for load in loads}
    most = {load.id: max(amps.get(load.id, 0.0), least[load.id]) for load in loads}
    rooms = zip(tree.limits, tree.room(least), tree.room(most), strict=True)
    return [after < -SLACK * (1000 if limit.on == "W" else 1) for limit, before, after in rooms if before >= 0]


@examples(150, **UNCHECKED)
@given(sites(), any_rules(), wishes)
def test_all_may_fall_back_at_any_time(unplanned: list[Any], place: Site, rules: Rules, said: Any) -> None:
    unplanned[0] = said
    nodes, loads = place
    targets = allocate(nodes, loads, rules, NOW).targets
    assert not any(beyond(nodes, loads, {load_id: target.limit_a for load_id, target in targets.items()}))


@quick
@given(sites(), any_rules(), wishes)
def test_everyone_has_the_minimum_or_pauses_and_no_more_than_the_maximum(
    unplanned: list[Any], place: Site, rules: Rules, said: Any
) -> None:
    unplanned[0] = said
    nodes, loads = place
    targets = allocate(nodes, loads, rules, NOW).targets
    assert targets.keys() == {load.id for load in loads if load.active and not load.fixed}
    for load in loads:
        if load.id in targets:
            limit = targets[load.id].limit_a
            assert limit == 0 or load.min_a <= limit <= load.max_a
            assert limit == round(limit, 1)
            assert 0 < len(targets[load.id].reason) <= 40


@quick
@given(sites(), any_rules())
def test_under_the_sun_all_together_take_no_more_than_it_leaves(place: Site, rules: Rules) -> None:
    nodes, loads = place
    surplus = rules.surplus_a or (10.0, 20.0, 30.0)
    targets = allocate(nodes, loads, replace(rules, strategy="solar", surplus_a=surplus), NOW).targets
    for phase in range(3):
        taken = sum(targets[load.id].limit_a for load in loads if load.id in targets and phase in load.phases)
        assert taken <= max(0.0, surplus[phase]) + SLACK


@examples(200, **UNCHECKED)
@given(parked())
def test_nobody_could_have_more_without_taking_it_from_one_who_has_no_more(place: Site) -> None:
    """Max-min fairness: who isn't satisfied stands on a full limit on which nobody else was given more."""
    nodes, loads = place
    rules = Rules()
    targets = allocate(nodes, loads, rules, NOW).targets
    tree = Tree(nodes, loads)
    room = tree.room({load_id: target.limit_a for load_id, target in targets.items()})
    served = [load for load in loads if targets[load.id].reason in ("equal_share", "full_share")]
    for load in served:
        has = targets[load.id].limit_a
        if has >= can_use(load, rules) - SLACK:
            continue
        assert any(_holds(tree, room, index, load, served, targets) for index, _ in tree.crossed[load.id])


def _holds(
    tree: Tree, room: list[float], index: int, load: Load, served: list[Load], targets: dict[int, Target]
) -> bool:
    """The limit is full but for what rounding left, and who has more there has it as his minimum."""
    on_it = {other.id: weight for other in served for at, weight in tree.crossed[other.id] if at == index}
    full = room[index] <= 0.1 * sum(on_it.values()) + SLACK
    richer = [
        other for other in served if other.id in on_it and targets[other.id].limit_a > targets[load.id].limit_a + 0.11
    ]
    return full and all(targets[other.id].limit_a <= other.min_a + 0.1 for other in richer)


@quick
@given(parked(), st.integers(0, 5), st.floats(1, 3))
def test_more_capacity_never_gives_the_poorest_less(place: Site, which: int, more: float) -> None:
    nodes, loads = place
    wider = nodes[which % len(nodes)]
    larger = [_wider(node, more) if node is wider else node for node in nodes]
    before = allocate(nodes, loads, Rules(), NOW).targets
    after = allocate(larger, loads, Rules(), NOW).targets
    assert min(target.limit_a for target in after.values()) >= min(target.limit_a for target in before.values())


def _wider(node: Node, factor: float) -> Node:
    first, second, third = (amps * factor for amps in node.capacity_a)
    watts = None if node.capacity_w is None else node.capacity_w * factor
    return replace(node, capacity_a=(first, second, third), capacity_w=watts)


@quick
@given(parked(), st.integers(0, 999).map(Random))
def test_fallbacks_that_nobody_is_held_under_change_nothing(place: Site, chance: Random) -> None:
    nodes, loads = place
    before = shared(nodes, loads)
    falling = [replace(load, rest_a=tenths(chance, 0, before[load.id])) for load in loads]
    assert shared(nodes, falling) == before


@quick
@given(sites(), any_rules(), st.integers(0, 999).map(Random))
def test_the_order_in_which_they_are_given_changes_nothing(place: Site, rules: Rules, chance: Random) -> None:
    nodes, loads = place
    found = allocate(nodes, loads, rules, NOW)
    others = nodes[::-1], chance.sample(loads, len(loads))
    assert allocate(*others, rules, NOW).targets == found.targets
    assert plan(*others, found.targets, rules, NOW) == plan(nodes, loads, found.targets, rules, NOW)


@quick
@given(parked(), st.sampled_from(["equal", "first_come", "priority"]), st.sampled_from([2, 3, 10]))
def test_twice_of_everything_is_twice_as_much(place: Site, strategy: str, factor: int) -> None:
    nodes, loads = place
    rules = Rules(strategy=strategy)
    small = allocate(nodes, loads, rules, NOW).targets
    wide = [_wider(node, factor) for node in nodes]
    large = [replace(load, min_a=load.min_a * factor, max_a=load.max_a * factor) for load in loads]
    for load_id, target in allocate(wide, large, rules, NOW).targets.items():
        assert target.limit_a == pytest.approx(small[load_id].limit_a * factor, abs=0.1 * factor + SLACK)


# --- plans ---


@examples(150, **UNCHECKED)
@given(sites(), any_rules(), st.integers(0, 9999).map(Random))
def test_a_plan_never_adds_to_what_may_be_too_much(place: Site, rules: Rules, chance: Random) -> None:
    """Whatever the targets say: with every raise out and no lower taken yet, no limit is exceeded that wasn't."""
    nodes, loads = place
    targets = {
        load.id: Target(chance.choice([0.0, 6.0, tenths(chance, 0, 60)]), "any")
        for load in loads
        if chance.random() < 0.8
    }
    found = plan(nodes, loads, targets, rules, NOW)
    tree = Tree(nodes, loads)
    before = {load.id: counted(load) for load in loads}
    after = before | {change.load_id: max(before[change.load_id], change.limit_a) for change in found.raises}
    for was, now in zip(tree.room(before), tree.room(after), strict=True):
        assert now >= min(was, 0.0) - SLACK
    over = {index for index, left in enumerate(tree.room(before)) if left < -SLACK}
    for change in found.raises:
        assert not over & {index for index, _ in tree.crossed[change.load_id]}
    moved = {load.id: before[load.id] for load in loads if load.active and not load.fixed}
    if not any(beyond(nodes, loads, moved)):
        assert not any(beyond(nodes, loads, {load_id: after[load_id] for load_id in moved}))


@quick
@given(sites(), any_rules())
def test_everything_above_its_target_is_lowered_at_once(place: Site, rules: Rules) -> None:
    nodes, loads = place
    targets = allocate(nodes, loads, rules, NOW).targets
    found = plan(nodes, loads, targets, rules, NOW)
    lowered = {change.load_id: change.limit_a for change in found.lowers}
    for load in loads:
        if load.id in targets and targets[load.id].limit_a < load.counted_a - SLACK:
            assert lowered[load.id] == targets[load.id].limit_a
    changed = [change.load_id for change in [*found.lowers, *found.raises]] + found.waiting
    assert len(changed) == len({*changed})
    assert {*changed} <= targets.keys()


@quick
@given(sites(), any_rules())
def test_a_raise_ends_at_the_minimum_or_above_and_not_beyond_the_target(place: Site, rules: Rules) -> None:
    nodes, loads = place
    by_id = {load.id: load for load in loads}
    targets = allocate(nodes, loads, rules, NOW).targets
    for change in plan(nodes, loads, targets, rules, NOW).raises:
        load = by_id[change.load_id]
        assert load.min_a <= change.limit_a <= targets[load.id].limit_a
        assert change.limit_a > (load.current_a or 0.0)
