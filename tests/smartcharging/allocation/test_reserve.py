"""Room that is kept for fallbacks, worked by hand: who is paused or held under his own may fall back at any time."""

from typing import Any

import numpy as np
import pytest

from smartcharging.allocation import planned
from smartcharging.allocation.plan import plan
from smartcharging.allocation.rotation import turns
from smartcharging.allocation.shapes import Load, Node, Rules, Target
from smartcharging.allocation.wires import wires_of
from tests.smartcharging.allocation.made import (
    L1,
    L2,
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

SUN_OF_10 = Rules(strategy="solar", surplus_a=(10.0, 10.0, 10.0))


def parked(load_id: int, rest_a: float, **more: Any) -> Load:
    """A car held by its default of so much."""
    return car(load_id, **({"rest_a": rest_a, "counted_a": rest_a} | more))


@pytest.fixture
def third_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan by prices that lets the third car wait, and the others take all they can."""
    monkeypatch.setattr(planned, "_program", lambda name: lambda *given: {1: 32.0, 2: 32.0, 3: 0.0, 4: 32.0})
    monkeypatch.setattr(planned, "has_time", lambda load, contest: load.id == 3)


# --- who gets what ---


def test_who_charges_has_his_fallback_in_his_share() -> None:
    # 32 A / 3, as without fallbacks: each takes 6 A of its own and 4.6 of the 14 A beyond.
    assert shared([site(32)], [parked(i, 6.0) for i in (1, 2, 3)]) == {1: 10.6, 2: 10.6, 3: 10.6}


@pytest.mark.usefixtures("third_waits")
def test_the_fallback_of_one_that_waits_stays_free() -> None:
    # 32 A less 6 for the third: 13 each.
    loads = [parked(i, 6.0) for i in (1, 2, 3)]
    assert shared([site(32)], loads, strategy="price") == {1: 13.0, 2: 13.0, 3: 0.0}
    assert reasons([site(32)], loads, strategy="price")[3] == "planned_later"
    assert shared([site(32)], [car(i) for i in (1, 2, 3)], strategy="price") == {1: 16.0, 2: 16.0, 3: 0.0}


@pytest.mark.usefixtures("third_waits")
def test_each_phase_keeps_the_fallbacks_on_it() -> None:
    # The first has three phases, the second and the third (which waits) L1, the fourth L2.
    # L1: 32 - 6 = 26, for two: 13 each. L2: 32 - 13 = 19.
    loads = [parked(1, 6.0), parked(2, 6.0, phases=L1), parked(3, 6.0, phases=L1), parked(4, 6.0, phases=L2)]
    assert shared([site(32)], loads, strategy="price") == {1: 13.0, 2: 13.0, 3: 0.0, 4: 19.0}


def test_a_fallback_above_the_minimum_is_the_least_that_is_given() -> None:
    # 30 A of 32 are fallbacks. Who comes first has the 2 A beyond; to charge with less would help nobody.
    loads = [parked(i, 10.0) for i in (1, 2, 3)]
    assert shared([site(32)], loads, strategy="first_come") == {1: 12.0, 2: 10.0, 3: 10.0}
    assert shared([site(32)], loads) == {1: 10.6, 2: 10.6, 3: 10.6}


def test_one_that_takes_less_than_its_fallback_leaves_the_rest_of_it() -> None:
    # The third takes 8 A at most and might fall back to 10: 32 - 10 = 22 for the others.
    loads = [parked(1, 10.0), parked(2, 10.0), parked(3, 10.0, max_a=8.0)]
    for strategy in ("equal", "first_come", "priority"):
        assert sum(shared([site(32)], loads, strategy=strategy).values()) == 30.0
    assert shared([site(32)], loads) == {1: 11.0, 2: 11.0, 3: 8.0}


def test_the_important_have_what_is_beyond_all_fallbacks() -> None:
    # 32 - 18 = 14 beyond, all for the first: 20 A.
    loads = [parked(1, 6.0, priority=5), parked(2, 6.0), parked(3, 6.0)]
    assert shared([site(32)], loads, strategy="priority") == {1: 20.0, 2: 6.0, 3: 6.0}


def test_in_watts_too() -> None:
    # 11,040 W. Fallbacks: 3 x 6 A and 6 A, at 230 V 5,520 W. The first starts at 16 A: it would need 3 x 10 A beyond its
    # own, 6,900 W, and waits. The second has 5,520 W = 24 A beyond its own: 30 A. 6,900 W and 4,140 W make it full.
    loads = [parked(1, 6.0, min_a=16.0), parked(2, 6.0, phases=L1)]
    assert shared([site(63, watts=11_040)], loads) == {1: 0.0, 2: 30.0}
    assert reasons([site(63, watts=11_040)], loads)[1] == "no_capacity"
    # Without fallbacks it has its 16 A, and that is all.
    assert shared([site(63, watts=11_040)], [car(1, min_a=16.0), car(2, phases=L1)])[1] == 16.0


def test_one_that_nobody_can_limit_counts_with_its_fallback_if_that_is_more() -> None:
    # It obeys no more since it was paused; its session may end.
    stuck = car(2, fixed=True, counted_a=0.0, rest_a=6.0)
    assert shared([site(20)], [parked(1, 6.0), stuck]) == {1: 14.0}


# --- turns ---


def test_in_turns_only_what_goes_beyond_the_fallback_is_handed_on() -> None:
    # 20 A, three that start at 8 A and fall back to 6: 2 A are left beyond, enough for one at a time.
    loads = [parked(i, 6.0, min_a=8.0, arrived_at=NOW) for i in (1, 2, 3)]
    assert sorted(shared([site(20)], loads).values()) == [0.0, 0.0, 8.0]
    rounds = Rounds([site(20)], loads, Rules())
    rounds.run(hours=2)
    assert rounds.longest_wait <= (900 + rounds.every_s) * 3
    assert min(rounds.turns_of.values()) >= 2


def test_who_is_held_under_his_minimum_waits() -> None:
    held = parked(1, 4.0, waiting_since=ago(500))
    assert turns(held, 4.0, NOW) == (None, ago(500))
    assert turns(held, 6.0, NOW) == (NOW, ago(500))


# --- where they don't fit ---


def test_where_not_all_fallbacks_fit_nothing_is_kept_and_it_is_said() -> None:
    # 18 A of fallbacks on 16 A: as without.
    found = answer([site(16)], [parked(i, 6.0) for i in (1, 2, 3)])
    assert sorted(target.limit_a for target in found.targets.values()) == [0.0, 8.0, 8.0]
    assert found.detail == "No room to keep all fallbacks: circuit 1 L1 (18.0 of 16.0)."


def test_fallbacks_that_leave_no_minimum_are_told_of() -> None:
    # 3 x 4 A of 13 A: nobody can start at 6, and nobody may take what another could fall back to.
    found = answer([site(13)], [parked(i, 4.0) for i in (1, 2, 3)])
    assert {(target.limit_a, target.reason) for target in found.targets.values()} == {(0.0, "no_capacity")}
    assert found.detail == "No minimum fits beside the fallbacks: circuit 1 L1, 1 L2, 1 L3."


def test_only_the_circuit_that_is_too_small_gives_them_up() -> None:
    # Feeder 2 (10 A) can't keep 12: one of its two has all of it, the other waits. The site keeps 6 A for the one that
    # waits: 40 - 10 - 6 = 24 for the third.
    nodes = [site(40), circuit(2, 10), circuit(3, 63)]
    loads = [parked(1, 6.0, on=2), parked(2, 6.0, on=2), parked(3, 6.0, on=3)]
    found = answer(nodes, loads)
    assert {key: target.limit_a for key, target in found.targets.items()} == {1: 10.0, 2: 0.0, 3: 24.0}
    assert "circuit 2 L1 (12.0 of 10.0)." in found.detail
    assert "circuit 1" not in found.detail


def test_what_can_not_be_limited_is_said_once() -> None:
    found = answer([site(16)], [parked(1, 6.0), car(2, fixed=True, counted_a=20.0)])
    assert "others there pause" in found.detail
    assert "fallbacks" not in found.detail


def test_a_plan_knows_what_each_can_have_beside_all_other_fallbacks() -> None:
    # 32 - 6 - 6 = 20 for any of three; where 18 A of fallbacks don't fit, all of the 16 A.
    loads = [parked(i, 6.0) for i in (1, 2, 3)]
    assert list(wires_of([site(32)], loads).upper) == [20.0] * 3
    assert list(wires_of([site(16)], loads).upper) == [16.0] * 3


def test_a_plan_knows_what_two_can_have_while_a_third_waits() -> None:
    # 32 - 18 = 14 beyond the fallbacks: 6 + 6 + 14 = 26 for two, and 32 for three.
    wires = wires_of([site(32)], [parked(i, 6.0) for i in (1, 2, 3)])
    assert [
        float(wires.room(np.array(amps)).min()) for amps in ([20, 6, 0], [13, 13, 0], [13, 13, 6], [16, 16, 0])
    ] == [
        *(0.0, 0.0, 0.0),
        -6.0,
    ]
    # Where they don't all fit nothing is kept; and without any, nothing is.
    wires = wires_of([site(16)], [parked(i, 6.0) for i in (1, 2, 3)])
    assert float(wires.room(np.array([8.0, 8.0, 0.0])).min()) == 0.0


# --- the sun ---


def test_fallbacks_take_the_fuse_and_not_the_sun() -> None:
    # Two of them share 10 A of sun only if 6 + 6 fit: one waits. Its 6 A are kept on the fuse (16 A), so the other's
    # 10 A are all that the fuse has, too.
    loads = [parked(1, 6.0, phases=THREE), parked(2, 6.0)]
    assert shared([site(63)], loads, SUN_OF_10) == {1: 10.0, 2: 0.0}
    assert shared([site(16)], loads, SUN_OF_10) == {1: 10.0, 2: 0.0}
    assert shared([site(14)], loads, SUN_OF_10) == {1: 8.0, 2: 0.0}
    assert answer([site(63)], loads, SUN_OF_10).detail == ""


def test_the_sun_may_leave_less_than_a_fallback() -> None:
    assert shared([site(63)], [parked(1, 16.0)], SUN_OF_10) == {1: 10.0}


# --- on the way ---


def planned_raises(
    nodes: list[Node], loads: list[Load], limits: dict[int, float]
) -> tuple[dict[int, float], list[int]]:
    targets = {load_id: Target(limit, "equal_share") for load_id, limit in limits.items()}
    found = plan(nodes, loads, targets, Rules(), NOW)
    return {change.load_id: change.limit_a for change in found.raises}, found.waiting


def test_nobody_is_raised_into_the_fallback_of_another() -> None:
    # 20 - 6 (counted) - 6 (kept for the second): 8 more.
    loads = [charging(1, 6.0, rest_a=6.0), charging(2, 0.0, rest_a=6.0)]
    assert planned_raises([site(20)], loads, {1: 20.0, 2: 0.0}) == ({1: 14.0}, [])


def test_up_to_its_fallback_a_raise_needs_no_room() -> None:
    loads = [charging(1, 14.0, rest_a=6.0), charging(2, 0.0, rest_a=6.0)]
    assert planned_raises([site(20)], loads, {1: 14.0, 2: 6.0}) == ({2: 6.0}, [])
    # From there on it does.
    assert planned_raises([site(21)], loads, {1: 14.0, 2: 8.0}) == ({2: 7.0}, [])


def test_while_a_fallback_is_in_use_by_others_it_waits() -> None:
    # The site fell to 20 A: 17 and 6 are too much, though only 17 are counted.
    loads = [charging(1, 17.0, rest_a=6.0), charging(2, 0.0, rest_a=6.0)]
    assert planned_raises([site(20)], loads, {1: 14.0, 2: 6.0}) == ({}, [2])
