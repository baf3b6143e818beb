"""What a tree of circuits must be like."""

from decimal import Decimal
from typing import Any

import pytest

from smartcharging.circuit_rules import WIRINGS, Fuse, Plug, problems_of, warnings_of


def fuse(number: int, parent: int | None = None, capacity: str = "63", **changes: Any) -> Fuse:
    fields = {"unit": "A", "phases": 3, "voltage": 230, "base_a": Decimal(0), **changes}
    return Fuse(id=number, parent_id=parent, name=f"F{number}", capacity=Decimal(capacity), **fields)


def plug(
    number: int, at: int, wiring: str = "RST", fallback: str = "0", maximum: str = "32", minimum: str = "6"
) -> Plug:
    return Plug(number, at, f"P{number}", wiring, Decimal(maximum), Decimal(minimum), Decimal(fallback))


def reasons(fuses: list[Fuse], plugs: list[Plug]) -> list[str]:
    return [problem.reason for problem in problems_of(fuses, plugs)]


def test_wirings_say_where_each_own_phase_hangs() -> None:
    assert WIRINGS["STR"] == (1, 2, 0)
    assert WIRINGS["RTS"] == (0, 2, 1)
    assert WIRINGS["T"] == (2,)


@pytest.mark.parametrize(("capacity", "expected"), [("12", []), ("11.9", ["fallbacks_exceed_capacity"])])
def test_fallbacks_may_fill_a_circuit_exactly(capacity: str, expected: list[str]) -> None:
    plugs = [plug(1, 2, "R", "6"), plug(2, 2, "R", "6"), plug(3, 2, "S", "6")]
    assert reasons([fuse(1, capacity=capacity), fuse(2, 1)], plugs) == expected


def test_every_circuit_that_would_be_overloaded_is_told() -> None:
    plugs = [plug(1, 2, fallback="16"), plug(2, 2, fallback="16")]
    assert reasons([fuse(1, capacity="20"), fuse(2, 1, "30")], plugs) == ["fallbacks_exceed_capacity"] * 2


def test_a_base_load_may_fill_a_circuit_whose_connectors_fall_back_to_nothing() -> None:
    assert reasons([fuse(1, capacity="63", base_a=Decimal(80))], [plug(1, 1)]) == []
    assert [one.reason for one in warnings_of([fuse(1, capacity="63", base_a=Decimal(80))])[1]] == ["no_room"]


def test_a_tree_of_nine_levels_is_too_deep() -> None:
    fuses = [fuse(number, number - 1 or None) for number in range(1, 9)]
    assert reasons(fuses, []) == []
    assert reasons([*fuses, fuse(9, 8)], []) == ["too_deep"]


def test_single_phase_chargers_of_rotated_phases_share_a_three_phase_feeder() -> None:
    plugs = [plug(number, 1, "RST"[number % 3], "16") for number in range(9)]
    assert reasons([fuse(1, capacity="48")], plugs) == []
    assert reasons([fuse(1, capacity="47")], plugs) == ["fallbacks_exceed_capacity"]


def test_numbers_are_told_without_needless_zeros() -> None:
    (problem,) = problems_of([fuse(1, capacity="10.50")], [plug(1, 1, fallback="16.0")])
    assert "16 A on L1" in problem.sentence
    assert "10.5 A of 'F1'" in problem.sentence


def fallback_warnings(fuses: list[Fuse], plugs: list[Plug]) -> dict[int, list[str]]:
    return {
        fuse_id: [one.sentence.partition(" of ")[0] for one in found if one.reason == "fallback_below_minimum"]
        for fuse_id, found in warnings_of(fuses, plugs).items()
    }


@pytest.mark.parametrize(
    ("fallback", "expected"), [("0", {}), ("0.1", {1: ["The fallback"]}), ("5.9", {1: ["The fallback"]}), ("6", {})]
)
def test_a_fallback_that_starts_no_car_is_told_once_at_the_root(fallback: str, expected: dict[int, list[str]]) -> None:
    site = fuse(1, minimum_a=Decimal(6), fallback_a=Decimal(fallback))
    members = [plug(1, 1, fallback=fallback), plug(2, 2, fallback=fallback)]
    assert fallback_warnings([site, fuse(2, 1)], members) == expected


def test_fallbacks_of_their_own_are_told_where_the_connectors_hang() -> None:
    site = fuse(1, minimum_a=Decimal(6), fallback_a=Decimal(6))
    members = [
        *(plug(number, 2, "R", fallback="4") for number in range(5)),
        plug(8, 2, "R", fallback="6", minimum="8"),
        plug(9, 1, fallback="0"),
    ]
    assert fallback_warnings([site, fuse(2, 1)], members) == {2: ["P0, P1, P2, …: the fallback", "P8: the fallback"]}
