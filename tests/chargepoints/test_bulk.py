"""Commands to many charge points: few at a time, each once, whatever happens in between."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from celery import current_app
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargepoints.models import (
    BulkCommand,
    BulkTarget,
    ChargePoint,
    Command,
    CommandState,
    StationConnection,
)
from chargepoints.protocol.errors import OcppError
from chargepoints.services.bulk import NoTargets, Order, cancel_bulk, counts_of, create_bulk
from chargepoints.services.bulk_progress import advance_bulk, advance_bulks
from chargepoints.services.commands import finish_command
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, OutboxEvent, Tenant
from tests.api.conftest import bring_online
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import Connect

OPEN = [CommandState.QUEUED, CommandState.SENT]


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tests are the worker; what would have been woken is kept."""
    woken: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **options: woken.append(args[1]))
    return woken


def make_fleet(tenant: Tenant, number: int, *, online: bool = True, prefix: str = "CP") -> None:
    with tenant_transaction(tenant.pk):
        stations = ChargePoint.objects.bulk_create(
            ChargePoint(tenant=tenant, identity=f"{prefix}{n}", identity_key=f"{prefix}{n}".lower())
            for n in range(number)
        )
    if online:
        bring_online(*stations, channel="gateway.x!y")


def order(tenant: Tenant, action: str = "Reset", payload: dict[str, Any] | None = None, **options: Any) -> BulkCommand:
    with tenant_transaction(tenant.pk):
        return create_bulk(
            stations=ChargePoint.objects.all(),
            order=Order(action, {"type": "Soft"} if payload is None else payload, **options),
            requested_by="alice",
            origin="api",
        )


def counts(tenant: Tenant, bulk: BulkCommand) -> dict[str, int]:
    with tenant_transaction(tenant.pk):
        found = counts_of([bulk])[bulk.pk]
    return {name: number for name, number in found.items() if number}


def state(tenant: Tenant, bulk: BulkCommand) -> str:
    with tenant_transaction(tenant.pk):
        return BulkCommand.objects.get(pk=bulk.pk).state


def answer_all(tenant: Tenant) -> int:
    """A fast fake of the gateways: what is queued is sent and accepted at once."""
    with tenant_transaction(tenant.pk):
        return Command.objects.filter(state__in=OPEN).update(
            state=CommandState.ACCEPTED,
            sent_at=timezone.now(),
            finished_at=timezone.now(),
            reply={"status": "Accepted"},
        )


def test_commands_to_2000_charge_points_in_bulk(tenant: Tenant) -> None:
    make_fleet(tenant, 2000)
    bulk = order(tenant, concurrency=200)
    assert (bulk.total, counts(tenant, bulk)) == (2000, {"waiting": 2000})
    rounds = 0
    while state(tenant, bulk) == "running":
        assert advance_bulk(tenant_id=tenant.pk, bulk_id=bulk.pk) <= 200
        with tenant_transaction(tenant.pk):
            assert Command.objects.filter(state__in=OPEN).count() <= 200
        answer_all(tenant)
        rounds += 1
    assert rounds == 11
    assert counts(tenant, bulk) == {"accepted": 2000}
    with tenant_transaction(tenant.pk):
        # One each, in one trail entry.
        assert Command.objects.count() == Command.objects.values("charge_point").distinct().count() == 2000
        assert AuditEntry.objects.get().changes["charge_points"] == 2000


@pytest.mark.parametrize("number", [5, 500])
def test_a_round_costs_the_same_few_statements_for_any_number(tenant: Tenant, number: int) -> None:
    make_fleet(tenant, number)
    bulk = order(tenant, concurrency=500)
    with CaptureQueriesContext(connection) as queries:
        assert advance_bulk(tenant_id=tenant.pk, bulk_id=bulk.pk) == number
    assert len([query for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))]) <= 12
    with CaptureQueriesContext(connection) as queries:
        counts(tenant, bulk)
    assert len(queries) <= 4


def test_at_most_so_many_are_open_and_the_next_follow_as_they_end(tenant: Tenant, no_worker: list[str]) -> None:
    make_fleet(tenant, 5)
    bulk = order(tenant, concurrency=2)
    no_worker.clear()
    assert advance_bulks() == 2
    assert advance_bulks() == 0
    with tenant_transaction(tenant.pk):
        first = Command.objects.order_by("bulk_target__pk").first()
        assert first is not None
        Command.objects.filter(pk=first.pk).update(state=CommandState.SENT, sent_at=timezone.now())
    finish_command(tenant_id=tenant.pk, command_id=first.pk, state=CommandState.REJECTED, reply={"status": "Rejected"})
    assert advance_bulks() == 1
    assert counts(tenant, bulk) == {"waiting": 2, "queued": 2, "rejected": 1}


def test_the_end_of_a_command_wakes_the_bulk_once_however_many_end(
    tenant: Tenant, no_worker: list[str], redis_clean: Any
) -> None:
    make_fleet(tenant, 3)
    bulk = order(tenant)
    assert no_worker == [str(bulk.pk)]
    redis_clean.flushdb()
    no_worker.clear()
    advance_bulks()
    with tenant_transaction(tenant.pk):
        Command.objects.update(state=CommandState.SENT, sent_at=timezone.now())
        ids = list(Command.objects.values_list("pk", flat=True))
    for pk in ids:
        finish_command(tenant_id=tenant.pk, command_id=pk, state=CommandState.ACCEPTED, reply={"status": "Accepted"})
    assert no_worker == [str(bulk.pk)]


def test_offline_charge_points_are_skipped_when_their_turn_comes(tenant: Tenant) -> None:
    make_fleet(tenant, 2)
    make_fleet(tenant, 3, online=False, prefix="OFF")
    bulk = order(tenant, concurrency=1)
    advance_bulks()
    assert counts(tenant, bulk) == {"waiting": 4, "queued": 1}
    for _ in range(3):
        answer_all(tenant)
        advance_bulks()
    assert counts(tenant, bulk) == {"accepted": 2, "skipped": 3}
    assert state(tenant, bulk) == "finished"
    with tenant_transaction(tenant.pk):
        assert set(BulkTarget.objects.filter(state="skipped").values_list("detail", flat=True)) == {"It was offline."}


def test_with_a_time_to_wait_offline_charge_points_take_nobodys_room(tenant: Tenant) -> None:
    make_fleet(tenant, 2, online=False, prefix="OFF")
    make_fleet(tenant, 2)
    bulk = order(tenant, concurrency=1, expires_at=timezone.now() + timedelta(hours=1))
    for _ in range(3):
        advance_bulks()
        answer_all(tenant)
    assert counts(tenant, bulk) == {"accepted": 2, "waiting": 2}
    assert state(tenant, bulk) == "running"
    with tenant_transaction(tenant.pk):
        BulkCommand.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    advance_bulks()
    assert counts(tenant, bulk) == {"accepted": 2, "skipped": 2}
    assert state(tenant, bulk) == "finished"


def test_a_charge_point_that_went_offline_with_its_command_queued_takes_nobodys_room(tenant: Tenant) -> None:
    make_fleet(tenant, 3)
    order(tenant, concurrency=1, expires_at=timezone.now() + timedelta(hours=1))
    assert advance_bulks() == 1
    with tenant_transaction(tenant.pk):
        StationConnection.objects.filter(charge_point__commands__isnull=False).delete()
    assert advance_bulks() == 1


def test_a_worker_that_dies_in_a_round_leaves_nothing_half_done(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chargepoints.services import bulk_progress

    make_fleet(tenant, 4)
    bulk = order(tenant)

    def die(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(bulk_progress, "on_commit", die)
        assert advance_bulks() == 0
    assert counts(tenant, bulk) == {"waiting": 4}
    assert advance_bulks() == 4
    with tenant_transaction(tenant.pk):
        assert Command.objects.count() == 4


def test_a_worker_that_dies_while_it_sends_lists_leaves_nothing_half_done(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chargepoints.services import bulk_lists

    make_fleet(tenant, 4)
    bulk = order(tenant, "SendLocalList", {"updateType": "Full"}, kind=BulkCommand.Kind.LOCAL_LIST, vetted=True)
    sent = bulk_lists._send

    def die_at_the_third(one: BulkCommand, station: ChargePoint, tags: Any) -> Any:
        if station.identity == "CP2":
            raise RuntimeError("killed")
        return sent(one, station, tags)

    with monkeypatch.context() as patch:
        patch.setattr(bulk_lists, "_send", die_at_the_third)
        assert advance_bulks() == 0
    assert counts(tenant, bulk) == {"waiting": 4}
    assert advance_bulks() == 4
    assert counts(tenant, bulk) == {"queued": 4}
    with tenant_transaction(tenant.pk):
        assert Command.objects.count() == 4


def test_many_workers_in_one_bulk_send_to_nobody_twice(tenant: Tenant) -> None:
    make_fleet(tenant, 60)
    bulk = order(tenant, concurrency=10)
    barrier = Barrier(6)

    def work() -> None:
        barrier.wait(60)
        for _ in range(8):
            advance_bulk(tenant_id=tenant.pk, bulk_id=bulk.pk)
            answer_all(tenant)

    async def together() -> None:
        await asyncio.gather(*(asyncio.to_thread(work) for _ in range(6)))

    asyncio.run(together())
    with tenant_transaction(tenant.pk):
        assert Command.objects.count() == Command.objects.values("charge_point").distinct().count()


def test_cancelling_stops_what_has_not_been_sent(tenant: Tenant) -> None:
    make_fleet(tenant, 4)
    bulk = order(tenant, concurrency=2)
    advance_bulks()
    with tenant_transaction(tenant.pk):
        sent = Command.objects.order_by("pk").first()
        assert sent is not None
        Command.objects.filter(pk=sent.pk).update(state=CommandState.SENT)
        assert cancel_bulk(bulk, "bob")
        assert not cancel_bulk(bulk, "bob")
    assert counts(tenant, bulk) == {"skipped": 2, "cancelled": 1, "sent": 1}
    assert advance_bulks() == 0
    assert state(tenant, bulk) == "cancelled"


def test_nothing_is_stored_where_one_version_can_not_take_it(tenant: Tenant) -> None:
    make_fleet(tenant, 2)
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(identity="CP1").update(ocpp_version="2.0.1")
    with pytest.raises(OcppError):
        order(tenant)
    for action, payload in [("Heartbeat", {}), ("Reset", {}), ("ChangeConfiguration", {"key": "AuthorizationKey"})]:
        with pytest.raises(OcppError):
            order(tenant, action, payload)
    with tenant_transaction(tenant.pk):
        assert not BulkCommand.objects.exists()


def test_no_charge_point_is_no_command(tenant: Tenant) -> None:
    with pytest.raises(NoTargets):
        order(tenant)


def test_its_end_is_told_once(tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        Tenant.objects.update(queue_enabled=True)
    make_fleet(tenant, 2)
    order(tenant, "ClearCache", {})
    for _ in range(4):
        advance_bulks()
        answer_all(tenant)
    with tenant_transaction(tenant.pk):
        event = OutboxEvent.objects.get(event_type="command.bulk_finished")
        assert event.data["accepted"] == event.data["total"] == 2


def test_one_tenants_bulk_never_reaches_anothers_charge_points(tenant: Tenant, other_tenant: Tenant) -> None:
    make_fleet(tenant, 2)
    make_fleet(other_tenant, 2)
    order(tenant)
    advance_bulks()
    with tenant_transaction(other_tenant.pk):
        assert not Command.objects.exists()
        assert not BulkTarget.objects.exists()


async def test_real_charge_points_are_told_and_their_answers_counted(tenant: Tenant, connect: Connect) -> None:
    async with connect("/ocpp/acme/A") as first, connect("/ocpp/acme/B") as second:
        first.answers["ClearCache"] = {"status": "Accepted"}
        second.answers["ClearCache"] = {"status": "Rejected"}
        make: Callable[[], BulkCommand] = lambda: order(tenant, "ClearCache", {})  # noqa: E731
        bulk = await asyncio.to_thread(make)
        await asyncio.to_thread(advance_bulks)
        await eventually(lambda: stored(tenant, lambda: not Command.objects.filter(state__in=OPEN).exists()))
        await asyncio.to_thread(advance_bulks)
        assert await asyncio.to_thread(counts, tenant, bulk) == {"accepted": 1, "rejected": 1}
        assert await asyncio.to_thread(state, tenant, bulk) == "finished"
