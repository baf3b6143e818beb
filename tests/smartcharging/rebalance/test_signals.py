"""Grid signals, base loads, feeders and phases: what the circuit carries now, and how soon it is kept to."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smartcharging.models import Circuit, CircuitLimit, CircuitMember
from smartcharging.services.rebalance import rebalance_circuit
from tenants.context import tenant_transaction
from tests.smartcharging.rebalance.yard import Yard

Make = Callable[..., Yard]


def limit(yard: Yard, **changes: object) -> CircuitLimit:
    now = timezone.now()
    values = {"limit_a": Decimal(16), "start_at": now, "end_at": now + timedelta(hours=1), **changes}
    with tenant_transaction(yard.tenant.pk):
        return CircuitLimit.objects.create(
            tenant=yard.tenant, circuit=yard.root, requested_by="grid", origin="api", **values
        )


def test_a_curtailment_is_honoured_by_the_next_round(make: Make) -> None:
    yard = make("A", "B")
    yard.start("A")
    yard.start("B")
    yard.settle()
    row = limit(yard)
    yard.round("grid_signal")
    yard.answer_all()
    assert yard.in_force() == {"A": 8.0, "B": 8.0}
    yard.round()
    with tenant_transaction(yard.tenant.pk):
        row.refresh_from_db()
    assert row.applied_at is not None
    assert row.honoured_at is not None
    assert row.applied_at < row.honoured_at


def test_a_curtailment_that_a_station_does_not_confirm_is_not_honoured(make: Make) -> None:
    yard = make("A")
    yard.start("A")
    yard.settle()
    row = limit(yard)
    yard.round()
    (command,) = yard.queued()
    yard.leave(command)
    yard.round()
    with tenant_transaction(yard.tenant.pk):
        row.refresh_from_db()
    assert row.applied_at is not None
    assert row.honoured_at is None


def test_once_a_curtailment_is_over_the_limits_rise_again(make: Make) -> None:
    yard = make("A")
    yard.start("A")
    yard.settle()
    limit(yard)
    yard.settle()
    assert yard.in_force() == {"A": 16.0}
    yard.later(3700)
    yard.settle()
    assert yard.in_force() == {"A": 32.0}


def test_less_than_the_minimum_is_a_pause(make: Make) -> None:
    yard = make("A", "B")
    yard.start("A")
    yard.settle()
    limit(yard, limit_a=Decimal(5))
    yard.settle()
    assert yard.in_force() == {"A": 0.0, "B": 0.0}


def test_where_not_all_can_have_the_minimum_they_take_turns(make: Make) -> None:
    yard = make("A", "B", "C", capacity=14, rotation_s=600)
    for name in ("A", "B", "C"):
        yard.start(name)
    served: dict[str, float] = dict.fromkeys(("A", "B", "C"), 0.0)
    for _ in range(60):
        yard.round()
        yard.answer_all()
        yard.later(60)
        for name, amps in yard.in_force().items():
            served[name] += amps
        assert sum(amps > 0 for amps in yard.in_force().values()) <= 2
    assert min(served.values()) > 0.5 * max(served.values())


def test_base_load_is_taken_off(make: Make) -> None:
    yard = make("A", base_load_a=Decimal(12))
    yard.start("A")
    yard.settle()
    assert yard.in_force() == {"A": 20.0}


def test_a_feeder_holds_within_the_whole_and_single_phases_fill_their_own(make: Make) -> None:
    yard = make(capacity=40)
    with tenant_transaction(yard.tenant.pk):
        feeder = Circuit.objects.create(tenant=yard.tenant, name="Feeder", parent=yard.root, capacity=20, kind="feeder")
    yard.add("A", circuit=feeder, wiring="R")
    yard.add("B", circuit=feeder, wiring="R")
    yard.add("C", circuit=feeder, wiring="S")
    yard.add("D", wiring="S")
    yard.round()
    yard.answer_all(checked=False)
    for name in ("A", "B", "C", "D"):
        yard.start(name)
    for _ in range(4):
        yard.round()
        for command in yard.queued():
            yard.answer(command, checked=False)
        yard.later(31)
    assert yard.in_force() == {"A": 10.0, "B": 10.0, "C": 20.0, "D": 20.0}


def test_a_round_takes_the_same_number_of_statements_whatever_its_size(make: Make) -> None:
    small, counts = make("A", "B"), []
    with tenant_transaction(small.tenant.pk):
        other = Circuit.objects.create(tenant=small.tenant, name="Large", capacity=400)
    large = Yard(small.tenant, other)
    for number in range(30):
        large.add(f"L{number}")
    large.round()
    for command in large.queued():
        large.leave(command)
        large.obey(command)
        large.say(command)
    for yard, names in ((small, ["A", "B"]), (large, [f"L{number}" for number in range(30)])):
        for name in names:
            yard.start(name)
        with CaptureQueriesContext(connections["default"]) as captured:
            done = rebalance_circuit(tenant_id=yard.tenant.pk, root_id=yard.root.pk, cause="test", now=yard.now)
        assert done is not None
        assert done.sent == len(names)
        counts.append([query["sql"].split(" FROM ")[0][:60] for query in captured.captured_queries])
    assert len(counts[0]) == len(counts[1]), set(counts[0]) ^ set(counts[1])
    assert len(counts[1]) < 60
    with tenant_transaction(small.tenant.pk):
        assert CircuitMember.objects.count() == 32
