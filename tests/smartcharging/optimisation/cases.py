"""Small sites for the tests of the linear programs: one phase, 16 A cars, and a clock that stands still."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from smartcharging.allocation.shapes import Load, Node, Price, Rules

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
# No test is about how fast this machine is today.
RULES = Rules(time_limit_s=30.0)
HOUR_AT_16_A = 16 * 230.0


def site(amps: float, capacity_w: float | None = None) -> list[Node]:
    return [Node(1, None, (amps, amps, amps), capacity_w)]


def car(
    number: int,
    leaves_h: float | None = None,
    wants_wh: float | None = None,
    *,
    phases: tuple[int, ...] = (0,),
    max_a: float = 16.0,
    limit_a: float = 0.0,
    minutes: float = 1.0,
) -> Load:
    """Connected for `minutes`, charging with `limit_a` (0: waiting) since."""
    since = NOW - timedelta(minutes=minutes)
    return Load(
        id=number,
        node_id=1,
        phases=phases,
        min_a=6.0,
        max_a=max_a,
        counted_a=limit_a,
        current_a=limit_a,
        active=True,
        arrived_at=since,
        departure_at=None if leaves_h is None else NOW + timedelta(hours=leaves_h),
        energy_left_wh=wants_wh,
        served_since=since if limit_a else None,
        waiting_since=None if limit_a else since,
    )


def hourly(*prices: float) -> Rules:
    """Prices of the hours from now on."""
    return replace(
        RULES,
        strategy="price",
        prices=tuple(
            Price(NOW + timedelta(hours=hour), NOW + timedelta(hours=hour + 1), price)
            for hour, price in enumerate(prices)
        ),
    )


def excess(nodes: Sequence[Node], loads: Sequence[Load], limits: Mapping[int, float]) -> float:
    """A or W over the capacity that is exceeded most; written apart from the code that it checks.

    Where all fallbacks fit beside what can't be moved, each counts with his if that is more.
    """
    worst = -float("inf")
    for node in nodes:
        below = {node.id}
        for _ in nodes:
            below |= {other.id for other in nodes if other.parent_id in below}
        inside = [load for load in loads if load.node_id in below]
        asked: list[float] = [0.0, 0.0, 0.0]
        falling: list[float] = [0.0, 0.0, 0.0]
        resting: list[float] = [0.0, 0.0, 0.0]
        for load in inside:
            anyway = load.counted_a if load.fixed else 0.0 if load.active else max(load.counted_a, load.rest_a)
            counts = limits.get(load.id, anyway) if load.active and not load.fixed else anyway
            for phase in load.phases:
                asked[phase] += counts
                falling[phase] += max(counts, load.rest_a)
                resting[phase] += max(anyway, load.rest_a)
        for phase, most in enumerate(node.capacity_a):
            worst = max(worst, (falling if resting[phase] <= most else asked)[phase] - most)
        if node.capacity_w is not None:
            most = node.capacity_w
            worst = max(worst, sum(falling if sum(resting) * node.voltage <= most else asked) * node.voltage - most)
    return worst
