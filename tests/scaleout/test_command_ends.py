"""Whatever ends a command tells of it, once; whatever takes a station's place tells of it in the same transaction."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, CommandState, Gateway, StationConnection
from chargepoints.services import connections as presence
from chargepoints.services.commands import cancel_command, finish_command, sweep_commands
from chargepoints.services.connections import Claim, claim_connection, fail_sent_commands
from tenants.context import system_transaction, tenant_transaction
from tenants.models import OutboxEvent, Tenant


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    with system_transaction():
        return ChargePoint.objects.create(tenant=tenant, identity="CP1", identity_key="cp1")


def make_command(station: ChargePoint, **fields: Any) -> Command:
    with tenant_transaction(station.tenant_id):
        return Command.objects.create(
            tenant_id=station.tenant_id,
            charge_point=station,
            action="ClearCache",
            requested_by="test",
            origin="api",
            **fields,
        )


def ends(tenant: Tenant) -> list[tuple[str, str]]:
    """(command, state) as the outside was told."""
    with tenant_transaction(tenant.pk):
        rows = OutboxEvent.objects.filter(event_type="command.finished").order_by("pk")
        return [(row.data["commandId"], row.data["state"]) for row in rows if row.charge_point == "CP1"]


def test_a_lost_connection_ends_what_was_sent_over_it_and_says_so_once(tenant: Tenant, station: ChargePoint) -> None:
    connection_id, now = uuid.uuid4(), timezone.now()
    sent = {"state": CommandState.SENT, "sent_at": now}
    lost = make_command(station, connection_id=connection_id, **sent)
    make_command(station, connection_id=uuid.uuid4(), **sent)
    for count in (1, 0):
        assert fail_sent_commands(tenant_id=tenant.pk, connection_id=connection_id, at=now) == count
    assert ends(tenant) == [(str(lost.pk), "failed")]
    # The answer that comes after all changes nothing of that.
    assert not finish_command(
        tenant_id=tenant.pk, command_id=lost.pk, state=CommandState.ACCEPTED, reply={"status": "Accepted"}
    )
    assert ends(tenant) == [(str(lost.pk), "failed")]


def test_the_sweep_ends_the_overdue_and_the_unclaimed_of_all_tenants_and_says_so(
    tenant: Tenant, other_tenant: Tenant, station: ChargePoint
) -> None:
    now = timezone.now()
    overdue = make_command(station, state=CommandState.SENT, sent_at=now - timedelta(minutes=5))
    unclaimed = make_command(station, expires_at=now - timedelta(seconds=1))
    make_command(station, expires_at=now + timedelta(hours=1))
    with system_transaction():
        theirs = ChargePoint.objects.create(tenant=other_tenant, identity="CP1", identity_key="cp1")
    there = make_command(theirs, state=CommandState.SENT, sent_at=now - timedelta(minutes=5))
    assert sweep_commands() == 3
    assert sweep_commands() == 0
    assert ends(tenant) == [(str(overdue.pk), "timed_out"), (str(unclaimed.pk), "timed_out")]
    assert ends(other_tenant) == [(str(there.pk), "timed_out")]


def test_a_cancelled_command_says_so(tenant: Tenant, station: ChargePoint) -> None:
    command = make_command(station)
    assert cancel_command(command, "alice")
    assert not cancel_command(command, "alice")
    assert ends(tenant) == [(str(command.pk), "cancelled")]


def test_a_place_is_taken_with_its_event_or_not_at_all(
    tenant: Tenant, station: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway killed between the two left a station online that nobody was told of."""
    now = timezone.now()
    with system_transaction():
        gateway = Gateway.objects.create(id=uuid.uuid4(), host="here", pid=1, channel="c", started_at=now, seen_at=now)
    claim = Claim(tenant.pk, station.pk, "CP1", uuid.uuid4(), gateway.pk, "127.0.0.1", "1.6", now)

    def die(events: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(presence, "publish_all", die)
        with pytest.raises(KeyboardInterrupt):
            claim_connection(claim)
    with system_transaction():
        assert not StationConnection.objects.exists()
    assert claim_connection(claim) is None
    with system_transaction():
        assert OutboxEvent.objects.filter(event_type="chargepoint.online").count() == 1
