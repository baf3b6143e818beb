"""Presence: who holds which charge point's socket. Runs under the system role.

Claim and release are keyed by connection, so that at most one socket per charge point counts, a newer one
takes over from an older one wherever it is, and an old one's late close never touches the new one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connections
from django.db.models.functions import Now

from chargepoints.events import ChargePointConnected, ChargePointDisconnected
from chargepoints.models import ChargePoint, Command, CommandState, Gateway, StationConnection
from tenants.context import SYSTEM_ALIAS, system_transaction, tenant_transaction
from tenants.events import publish

# Returns the socket that held the place before: the statement reads `previous` before it writes.
CLAIM = """
WITH previous AS (
    SELECT c.connection_id, g.channel FROM chargepoints_stationconnection c
    JOIN chargepoints_gateway g ON g.id = c.gateway_id WHERE c.charge_point_id = %(charge_point)s
), claimed AS (
    INSERT INTO chargepoints_stationconnection
        (tenant_id, charge_point_id, connection_id, gateway_id, remote_address, ocpp_version,
         connected_at, last_message_at)
    VALUES (%(tenant)s, %(charge_point)s, %(connection)s, %(gateway)s, %(remote)s, %(version)s, %(at)s, %(at)s)
    ON CONFLICT (charge_point_id) DO UPDATE SET
        connection_id = excluded.connection_id, gateway_id = excluded.gateway_id,
        remote_address = excluded.remote_address, ocpp_version = excluded.ocpp_version,
        connected_at = excluded.connected_at, last_message_at = excluded.last_message_at
    RETURNING 1
)
SELECT previous.connection_id, previous.channel FROM claimed LEFT JOIN previous ON true
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A socket that says: this charge point is mine."""

    tenant_id: int
    charge_point_id: int
    identity: str
    connection_id: UUID
    gateway_id: UUID
    remote_address: str
    ocpp_version: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Superseded:
    """The older socket, to be closed by the gateway that listens on `channel`."""

    connection_id: UUID
    channel: str


def claim_connection(claim: Claim) -> Superseded | None:
    """Take the charge point's place; the socket that held it before, if any."""
    with system_transaction(), connections[SYSTEM_ALIAS].cursor() as cursor:
        # Serialises two claims of one station, so that each sees the other's row as `previous`.
        cursor.execute("SELECT 1 FROM chargepoints_chargepoint WHERE id = %s FOR UPDATE", [claim.charge_point_id])
        cursor.execute(
            CLAIM,
            {
                "tenant": claim.tenant_id,
                "charge_point": claim.charge_point_id,
                "connection": claim.connection_id,
                "gateway": claim.gateway_id,
                "remote": claim.remote_address,
                "version": claim.ocpp_version,
                "at": claim.at,
            },
        )
        connection_id, channel = cursor.fetchone()
        cursor.execute(
            "UPDATE chargepoints_chargepoint SET last_seen_at = %s, ocpp_version = %s WHERE id = %s",
            [claim.at, claim.ocpp_version, claim.charge_point_id],
        )
    if connection_id is None:
        with tenant_transaction(claim.tenant_id):
            publish(ChargePointConnected(charge_point=claim.identity, at=claim.at, gateway_id=str(claim.gateway_id)))
        return None
    return Superseded(connection_id, channel)


def release_connection(
    *, tenant_id: int, charge_point_id: int, identity: str, connection_id: UUID, at: datetime, reason: str
) -> bool:
    """Give the place up, if it is still this connection's; False where a newer socket has it."""
    with tenant_transaction(tenant_id):
        # The station's row first, as a claim does: a reconnect at this instant must wait, not deadlock.
        list(ChargePoint.objects.select_for_update().filter(pk=charge_point_id).values_list("pk"))
        deleted, _ = StationConnection.objects.filter(connection_id=connection_id).delete()
        if not deleted:
            return False
        ChargePoint.objects.filter(pk=charge_point_id).update(last_seen_at=at)
        publish(ChargePointDisconnected(charge_point=identity, at=at, reason=reason))
    return True


def fail_sent_commands(*, tenant_id: int, connection_id: UUID, at: datetime) -> int:
    """The answers to commands sent over a socket that closed will not come."""
    with tenant_transaction(tenant_id):
        return Command.objects.filter(connection_id=connection_id, state=CommandState.SENT).update(
            state=CommandState.FAILED,
            finished_at=at,
            error_code="ConnectionLost",
            error_description="The connection closed before the answer came.",
        )


def renew_lease(*, gateway_id: UUID, host: str, pid: int, channel: str, started_at: datetime) -> None:
    """Say that this process is alive."""
    with system_transaction():
        Gateway.objects.update_or_create(
            id=gateway_id,
            defaults={"host": host, "pid": pid, "channel": channel, "started_at": started_at, "seen_at": Now()},
        )


def end_gateway(gateway_id: UUID) -> None:
    """A clean stop: its sockets are closed, its row goes."""
    with system_transaction():
        Gateway.objects.filter(id=gateway_id).delete()


def sweep_dead_gateways() -> int:
    """Take down the connections of gateways whose lease has run out for good; the number of stations affected.

    Waits twice the lease, so that gateways that only lost PostgreSQL for a while can come back first.
    """
    lease = timedelta(seconds=settings.GATEWAY_LEASE_SECONDS)
    with system_transaction():
        dead = list(Gateway.objects.filter(seen_at__lt=Now() - 2 * lease).values_list("id", flat=True))
        rows = list(
            StationConnection.objects.filter(gateway_id__in=dead).values_list(
                "tenant_id", "charge_point_id", "charge_point__identity", "connection_id", "last_message_at"
            )
        )
    gone = 0
    for tenant_id, charge_point_id, identity, connection_id, last_message_at in rows:
        gone += release_connection(
            tenant_id=tenant_id,
            charge_point_id=charge_point_id,
            identity=identity,
            connection_id=connection_id,
            at=last_message_at,
            reason="gateway lost",
        )
        fail_sent_commands(tenant_id=tenant_id, connection_id=connection_id, at=last_message_at)
    with system_transaction():
        Gateway.objects.filter(id__in=dead, connections__isnull=True).delete()
    return gone


def touch_connections(seen: dict[UUID, datetime]) -> None:
    """Note when each connection last said something (batched; a display value)."""
    if not seen:
        return
    with system_transaction(), connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute(
            "UPDATE chargepoints_stationconnection c SET last_message_at = seen.at "
            "FROM unnest(%s::uuid[], %s::timestamptz[]) AS seen (connection_id, at) "
            "WHERE c.connection_id = seen.connection_id AND c.last_message_at < seen.at",
            [list(seen), list(seen.values())],
        )


def held_connections(gateway_id: UUID) -> dict[int, UUID]:
    """What the table says this gateway holds: charge point -> connection."""
    with system_transaction():
        rows = StationConnection.objects.filter(gateway_id=gateway_id)
        return dict(rows.values_list("charge_point_id", "connection_id"))


def reclaim(claim: Claim) -> bool:
    """Enter a live socket again whose row is gone (a sweep during an outage); False where another has the place."""
    with system_transaction():
        row, created = StationConnection.objects.get_or_create(
            charge_point_id=claim.charge_point_id,
            defaults={
                "tenant_id": claim.tenant_id,
                "connection_id": claim.connection_id,
                "gateway_id": claim.gateway_id,
                "remote_address": claim.remote_address,
                "ocpp_version": claim.ocpp_version,
                "connected_at": claim.at,
                "last_message_at": claim.at,
            },
        )
    return created or row.connection_id == claim.connection_id
