"""Trees of circuits: what is one, and what flows through it."""

import math

import pytest

from smartcharging.allocation.shapes import Load, Node
from smartcharging.allocation.tree import BrokenTree, Tree, floor_tenth, used, violations
from tests.smartcharging.allocation.made import L1, L3, THREE, car, circuit, site


def name_of(nodes: list[Node], loads: list[Load]) -> str:
    with pytest.raises(BrokenTree) as found:
        Tree(nodes, loads)
    assert isinstance(found.value, ValueError)
    return found.value.name


def test_broken_trees_are_refused_by_name() -> None:
    assert name_of([site(32), site(16)], []) == "node_twice"
    assert name_of([circuit(2, 16, parent=7)], []) == "unknown_parent"
    assert name_of([circuit(2, 16, parent=3), circuit(3, 16, parent=2)], []) == "cycle"
    assert name_of([circuit(2, 16, parent=2)], []) == "cycle"
    assert name_of([site(32)], [car(1, on=9)]) == "unknown_node"
    assert name_of([site(32)], [car(1), car(1)]) == "load_twice"
    assert name_of([site(math.nan)], []) == "not_a_number"


@pytest.mark.parametrize("phases", [(), (3,), (0, 0), (-1,)])
def test_a_load_hangs_on_phases_that_there_are(phases: tuple[int, ...]) -> None:
    assert name_of([site(32)], [car(1, phases=phases)]) == "phases"


def test_a_loads_own_numbers_are_checked_too() -> None:
    assert name_of([site(32)], [car(1, max_a=math.nan)]) == "not_a_number"
    assert name_of([site(32)], [car(1, counted_a=math.inf)]) == "not_a_number"
    assert name_of([site(32)], [car(1, rest_a=-1.0)]) == "not_a_number"


def test_a_load_flows_through_its_circuit_and_all_above_on_its_phases() -> None:
    nodes = [site(63), circuit(2, 32), circuit(3, 32)]
    flow = used(nodes, {car(1, on=2, phases=THREE): 16.0, car(2, on=2, phases=L3): 10.0, car(3, on=3, phases=L1): 8.0})
    assert flow == {1: (24.0, 16.0, 26.0), 2: (16.0, 16.0, 26.0), 3: (8.0, 0.0, 0.0)}


def test_a_violation_names_circuit_and_phase() -> None:
    nodes = [site(40), circuit(2, 16)]
    found = violations(nodes, {car(1, on=2, phases=THREE): 10.0, car(2, on=2, phases=L3): 6.1})
    assert [(one.node_id, one.on, one.capacity) for one in found] == [(2, "L3", 16.0)]
    assert found[0].used == pytest.approx(16.1)


def test_watts_are_summed_over_the_phases() -> None:
    # 3 x 230 V x 16 A = 11,040 W, and 230 V x 8 A = 1,840 W: 12,880 W.
    nodes = [site(100, watts=12_879)]
    loads = {car(1): 16.0, car(2, phases=L1): 8.0}
    (found,) = violations(nodes, loads)
    assert (found.on, round(found.used, 6)) == ("W", 12_880)
    assert violations([site(100, watts=12_880)], loads) == []


def test_a_deep_tree_is_no_cycle() -> None:
    nodes = [site(32)] + [circuit(i, 32, parent=i - 1) for i in range(2, 200)]
    assert used(nodes, {car(1, on=199): 6.0})[1] == (6.0, 6.0, 6.0)


def test_tenths_are_rounded_down_but_not_for_a_floats_dust() -> None:
    assert floor_tenth(10.69) == 10.6
    assert floor_tenth(0.1 * 3) == 0.3
    assert floor_tenth(16 - 1e-9) == 16.0
