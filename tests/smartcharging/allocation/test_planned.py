"""Whatever an optimiser answers, the circuits hold and nobody is starved."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from smartcharging.allocation import planned
from smartcharging.allocation.shapes import Load, Node, Rules
from tests.smartcharging.allocation.made import NOW, answer, car, charging, circuit, shared, site

# Lets the optimisers answer this.
Wishes = Callable[[Any], None]

LATER = NOW + timedelta(hours=8)


@pytest.fixture
def wishes(monkeypatch: pytest.MonkeyPatch) -> Wishes:

    def answers(said: Any) -> None:
        def program(nodes: Sequence[Node], loads: Sequence[Load], rules: Rules, now: datetime) -> Any:
            if isinstance(said, Exception):
                raise said
            return said

        for name in ("deadline", "price"):
            module = __import__(f"smartcharging.allocation.{name}", fromlist=[name])
            monkeypatch.setattr(module, f"{name}_targets", program)

    return answers


def test_a_plan_that_fits_is_followed(wishes: Wishes) -> None:
    wishes({1: 26.0, 2: 6.0})
    assert shared([site(32)], [car(1), car(2)], strategy="deadline") == {1: 26.0, 2: 6.0}
    assert answer([site(32)], [car(1), car(2)], strategy="price").strategy == "price"


def test_a_plan_that_is_too_much_is_cut_from_the_highest(wishes: Wishes) -> None:
    # 30 + 20 of 32 A: 16 each would be fair, both want more.
    wishes({1: 30.0, 2: 20.0})
    assert shared([site(32)], [car(1), car(2)], strategy="deadline") == {1: 16.0, 2: 16.0}


def test_what_a_plan_by_departure_leaves_is_shared_but_a_plan_by_price_leaves_it(wishes: Wishes) -> None:
    wishes({1: 10.0, 2: 8.0})
    assert shared([site(32)], [car(1), car(2)], strategy="deadline") == {1: 16.0, 2: 16.0}
    assert shared([site(32)], [car(1), car(2)], strategy="price") == {1: 10.0, 2: 8.0}


def test_less_than_the_minimum_is_the_minimum_or_a_pause(wishes: Wishes) -> None:
    wishes({1: 2.9, 2: 3.0})
    loads = [car(1, arrived_at=NOW), car(2, arrived_at=NOW)]
    assert shared([site(32)], loads, strategy="price") == {1: 0.0, 2: 6.0}


@pytest.mark.parametrize(
    "said",
    [
        {1: math.nan, 2: math.inf},
        {1: -5.0, 2: 1e12},
        {99: 6.0},
        {},
        {1: 1e308, 2: 1e308},
    ],
)
@pytest.mark.parametrize("strategy", ["deadline", "price"])
def test_nonsense_does_no_harm(wishes: Wishes, said: Any, strategy: str) -> None:
    wishes(said)
    found = shared([site(32), circuit(2, 10)], [car(1), car(2, on=2)], strategy=strategy)
    assert found.keys() == {1, 2}
    assert found[1] + found[2] <= 32
    assert found[2] <= 10
    assert all(limit == 0 or limit >= 6 for limit in found.values())


@pytest.mark.parametrize("said", [None, RuntimeError("no solver"), ImportError("highspy")])
@pytest.mark.parametrize("strategy", ["deadline", "price"])
def test_without_an_answer_all_share_equally_and_it_is_said(wishes: Wishes, said: Any, strategy: str) -> None:
    wishes(said)
    found = answer([site(32)], [car(1), car(2)], strategy=strategy)
    assert {key: target.limit_a for key, target in found.targets.items()} == {1: 16.0, 2: 16.0}
    assert (found.strategy, found.targets[1].reason) == ("equal", "equal_share")
    assert "shared equally" in found.detail


def test_who_has_time_may_be_kept_waiting(wishes: Wishes) -> None:
    # 11 kWh at 22 kW take half an hour, and there are eight.
    patient = charging(1, 0.0, waiting_since=NOW - timedelta(hours=3), departure_at=LATER, energy_left_wh=11_000)
    wishes({1: 0.0, 2: 32.0})
    found = answer([site(32)], [patient, car(2)], strategy="price")
    assert {key: (target.limit_a, target.reason) for key, target in found.targets.items()} == {
        1: (0.0, "planned_later"),
        2: (32.0, "full_share"),
    }


@pytest.mark.parametrize("strategy", ["deadline", "price"])
@pytest.mark.parametrize(
    "known",
    [
        {},
        {"departure_at": LATER},
        # 22 kWh take an hour at 22 kW, and there is one hour, less another turn.
        {"departure_at": NOW + timedelta(hours=1), "energy_left_wh": 22_000},
    ],
)
def test_who_has_no_time_to_lose_has_his_turn(wishes: Wishes, strategy: str, known: dict[str, Any]) -> None:
    wishes({1: 0.0, 2: 32.0})
    waiting = charging(1, 0.0, waiting_since=NOW - timedelta(seconds=900), **known)
    assert shared([site(32)], [waiting, car(2)], strategy=strategy) == {1: 6.0, 2: 26.0}
    in_its_turn = charging(
        1, 6.0, served_since=NOW - timedelta(seconds=60), waiting_since=NOW - timedelta(seconds=960), **known
    )
    assert shared([site(32)], [in_its_turn, car(2)], strategy=strategy)[1] == 6.0


def test_the_plan_sees_the_loads_and_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(planned, "_program", lambda name: lambda *given: seen.append((name, *given)))
    nodes, loads, rules = [site(32)], [car(1), car(2, fixed=True, counted_a=10.0)], Rules(strategy="price")
    answer(nodes, loads, rules)
    assert seen == [("price", nodes, loads, rules, NOW)]
