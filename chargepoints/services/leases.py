"""What keeps presence true: the lease of each gateway, and mending what outages and crashes left. Under the system role.

A gateway holds its lease in every database (`tenants.databases`): sockets are live by the lease that stands beside them.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from chargepoints.events import ChargePointConnected
from chargepoints.models import ChargePoint, Gateway, StationConnection
from chargepoints.services.closing import DELETED, SUPERSEDED
from chargepoints.services.connections import Claim, Departure, release_all
from tenants.arrays import array_literal
from tenants.context import system_connection, system_transaction, tenant_transaction
from tenants.databases.each import in_each_database
from tenants.events import publish_all

# So many stations at once when a gateway's sockets are taken down.
SWEPT_TOGETHER = 200
# A row is entered just before its socket is; past this, a row without one is a left-over.
SETTLED = timedelta(seconds=60)
# A display value: what a claim is just changing is passed over, for who waits for one of many rows may deadlock.
TOUCH = """
WITH seen AS (SELECT * FROM unnest(%s::uuid[], %s::timestamptz[]) AS s (connection_id, at)
), free AS (
    SELECT c.id, seen.at FROM chargepoints_stationconnection c JOIN seen USING (connection_id)
    WHERE c.last_message_at < seen.at FOR UPDATE OF c SKIP LOCKED
)
UPDATE chargepoints_stationconnection c SET last_message_at = free.at FROM free WHERE c.id = free.id
"""


def renew_lease(*, gateway_id: UUID, host: str, pid: int, channel: str, started_at: datetime) -> None:
    """Say that this process is alive."""
    said = {"host": host, "pid": pid, "channel": channel, "started_at": started_at, "seen_at": Now()}

    def renew() -> None:
        with system_transaction():
            Gateway.objects.update_or_create(id=gateway_id, defaults=said)

    in_each_database(renew, what="lease")


def end_gateway(gateway_id: UUID) -> None:
    """A clean stop: its sockets are closed, its row goes; what is left of them first, so that it counts as past."""
    in_each_database(lambda: _end(gateway_id), what="end of a gateway")


def _end(gateway_id: UUID) -> None:
    with system_transaction():
        left = _departures(StationConnection.objects.filter(gateway_id=gateway_id), "gateway stopped")
    _release_in_groups(left)
    with system_transaction():
        Gateway.objects.filter(id=gateway_id).delete()


def sweep_dead_gateways() -> int:
    """Take down the connections of gateways whose lease has run out for good; the number of stations affected.

    Waits twice the lease, so that gateways that only lost PostgreSQL for a while can come back first.
    """
    lease = timedelta(seconds=settings.GATEWAY_LEASE_SECONDS)
    with system_transaction():
        dead = list(Gateway.objects.filter(seen_at__lt=Now() - 2 * lease).values_list("id", flat=True))
        departures = _departures(
            StationConnection.objects.filter(gateway_id__in=dead), "gateway lost", until=F("gateway__seen_at")
        )
    gone = _release_in_groups(departures)
    with system_transaction():
        Gateway.objects.filter(id__in=dead, connections__isnull=True).delete()
    return gone


def touch_connections(seen: dict[UUID, datetime]) -> None:
    """Note when each connection last said something (batched; a display value)."""
    if not seen:
        return
    columns = [array_literal(list(seen)), array_literal(list(seen.values()))]

    def touch() -> None:
        with system_transaction(), system_connection().cursor() as cursor:
            cursor.execute(TOUCH, columns)

    in_each_database(touch, what="last messages")


def held_connections(gateway_id: UUID) -> dict[int, UUID]:
    """What the table says this gateway holds: charge point -> connection. Nothing of a database that is away."""

    def held() -> list[tuple[int, UUID]]:
        with system_transaction():
            rows = StationConnection.objects.filter(gateway_id=gateway_id)
            return list(rows.values_list("charge_point_id", "connection_id"))

    return dict(pair for pairs in in_each_database(held, what="held sockets") for pair in pairs)


def release_left_over(gateway_id: UUID, connection_ids: Collection[UUID]) -> int:
    """Give up places of this gateway whose sockets it doesn't have, but for those just taken; how many."""
    return sum(in_each_database(lambda: _release_left_over(gateway_id, connection_ids), what="left-over sockets"))


def _release_left_over(gateway_id: UUID, connection_ids: Collection[UUID]) -> int:
    with system_transaction():
        rows = StationConnection.objects.filter(gateway_id=gateway_id, connection_id__in=list(connection_ids))
        departures = _departures(rows.filter(connected_at__lt=Now() - SETTLED), "socket lost")
    return _release_in_groups(departures)


def reclaim(claim: Claim) -> str:
    """Enter a live socket again whose row is gone (a sweep during an outage).

    Empty; or why not: another has the place, or the station was deleted (as `closing` names it). The sweep has said
    that it is offline: now it is said to be online.
    """
    with tenant_transaction(claim.tenant_id):
        # Locked: a deletion in between would fail the insert, and with it the gateway's whole beat.
        if not ChargePoint.objects.select_for_update(no_key=True).filter(pk=claim.charge_point_id).exists():
            return DELETED
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
        if created:
            publish_all(
                [ChargePointConnected(charge_point=claim.identity, at=timezone.now(), gateway_id=str(claim.gateway_id))]
            )
    return "" if created or row.connection_id == claim.connection_id else SUPERSEDED


def _departures(rows: QuerySet[StationConnection], reason: str, until: F | None = None) -> list[Departure]:
    """`until`: how long the socket was there, where more is known than when it was last heard of."""
    online_until = F("last_message_at") if until is None else Greatest("last_message_at", until)
    found = rows.order_by("charge_point_id").values_list(
        *("tenant_id", "charge_point_id", "charge_point__identity", "connection_id", "last_message_at"), online_until
    )
    return [
        Departure(tenant_id, charge_point_id, identity, connection_id, at, reason, last)
        for tenant_id, charge_point_id, identity, connection_id, at, last in found
    ]


def _release_in_groups(departures: list[Departure]) -> int:
    return sum(
        release_all(departures[first : first + SWEPT_TOGETHER]) for first in range(0, len(departures), SWEPT_TOGETHER)
    )
