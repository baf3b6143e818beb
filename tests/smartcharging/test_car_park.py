"""The car park of docs/smart_charging.md, as the document says it."""

from datetime import UTC, datetime, timedelta

from smartcharging.allocation.allocate import allocate
from smartcharging.allocation.shapes import Load, Node, Rules
from smartcharging.circuit_rules import WIRINGS
from smartcharging.site_load import usable

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONNECTION, FEEDER_A, FEEDER_B = 1, 2, 3
TURNED, SINGLE = ("RST", "STR", "TRS"), ("R", "S", "T")


def nodes(signal_a: float | None = None) -> list[Node]:
    limits = [] if signal_a is None else [signal_a]
    free, _ = usable(capacity=100, unit="A", phases=3, voltage=230, base=(30.0, 30.0, 30.0), limits_a=limits)
    feeder = (63.0, 63.0, 63.0)
    return [Node(CONNECTION, None, free), Node(FEEDER_A, CONNECTION, feeder), Node(FEEDER_B, CONNECTION, feeder)]


def cars(number: int, node_id: int, wirings: tuple[str, ...]) -> list[Load]:
    return [
        Load(
            id=100 * node_id + index,
            node_id=node_id,
            phases=WIRINGS[wirings[index % 3]],
            min_a=6.0,
            max_a=32.0,
            counted_a=0.0,
            active=True,
            arrived_at=NOON + timedelta(minutes=index),
        )
        for index in range(number)
    ]


def limits(loads: list[Load], signal_a: float | None = None) -> dict[int, float]:
    targets = allocate(nodes(signal_a), loads, Rules(), NOON).targets
    return {load_id: target.limit_a for load_id, target in targets.items()}


def test_twelve_cars_of_one_phase_share_their_feeder() -> None:
    assert set(limits(cars(12, FEEDER_B, SINGLE)).values()) == {15.7}


def test_three_more_of_three_phases_share_what_the_connection_has() -> None:
    loads = [*cars(12, FEEDER_B, SINGLE), *cars(3, FEEDER_A, TURNED)]
    assert set(limits(loads).values()) == {10.0}


def test_eighteen_have_seven_each() -> None:
    loads = [*cars(12, FEEDER_B, SINGLE), *cars(6, FEEDER_A, TURNED)]
    assert set(limits(loads).values()) == {7.0}


def test_under_a_grid_signal_half_of_them_wait() -> None:
    loads = [*cars(12, FEEDER_B, SINGLE), *cars(6, FEEDER_A, TURNED)]
    given = limits(loads, signal_a=60)
    for phase in range(3):
        on_it = [given[load.id] for load in loads if phase in load.phases]
        assert sum(on_it) <= 30
        assert len([amps for amps in on_it if amps >= 6]) == 5
