"""Circuits and loads for the tests of allocation, said shortly."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from smartcharging.allocation.allocate import allocate
from smartcharging.allocation.shapes import Allocation, Load, Node, Rules

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
THREE, L1, L2, L3 = (0, 1, 2), (0,), (1,), (2,)
SITE = 1


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def site(amps: float | tuple[float, float, float], *, watts: float | None = None, voltage: float = 230.0) -> Node:
    """A root."""
    return circuit(SITE, amps, parent=None, watts=watts, voltage=voltage)


def circuit(
    node_id: int,
    amps: float | tuple[float, float, float],
    *,
    parent: int | None = SITE,
    watts: float | None = None,
    voltage: float = 230.0,
) -> Node:
    capacity = amps if isinstance(amps, tuple) else (float(amps),) * 3
    return Node(node_id, parent, capacity, watts, voltage)


def car(load_id: int, on: int = SITE, phases: tuple[int, ...] = THREE, **more: Any) -> Load:
    """One that charges for as long as it wants, from 6 to 32 A, arrived in the order of ids; nothing sent to it yet."""
    base = Load(
        id=load_id,
        node_id=on,
        phases=phases,
        min_a=6.0,
        max_a=32.0,
        counted_a=0.0,
        active=True,
        arrived_at=ago(3600 - load_id),
    )
    return replace(base, **more)


def charging(load_id: int, amps: float, *, measured: float | None = None, **more: Any) -> Load:
    """A car that has confirmed its limit and follows it: it takes all of it unless told otherwise."""
    known = {
        "current_a": amps,
        "counted_a": amps,
        "measured_a": amps if measured is None else measured,
        "steady": True,
        "served_since": ago(300) if amps else None,
        "waiting_since": ago(300),
    }
    return car(load_id, **(known | more))


def shared(nodes: list[Node], loads: list[Load], rules: Rules | None = None, **more: Any) -> dict[int, float]:
    """The limits by load."""
    return {key: target.limit_a for key, target in answer(nodes, loads, rules, **more).targets.items()}


def reasons(nodes: list[Node], loads: list[Load], rules: Rules | None = None, **more: Any) -> dict[int, str]:
    return {key: target.reason for key, target in answer(nodes, loads, rules, **more).targets.items()}


def answer(nodes: list[Node], loads: list[Load], rules: Rules | None = None, **more: Any) -> Allocation:
    return allocate(nodes, loads, rules or Rules(**more), NOW)
