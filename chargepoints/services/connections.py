"""Presence: who holds which charge point's socket. Each change has its event, in the same transaction of the tenant.

Claim and release are keyed by connection, so that at most one socket per charge point counts, a newer one
takes over from an older one wherever it is, and an old one's late close never touches the new one.

Both take the station's row first, so that a reconnect at this instant waits instead of deadlocking. For many stations
at once they pass over rows that are taken: one station's long transaction must not hold up the others, and who waits
while holding many rows may deadlock. Those passed over are done by themselves.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet

from chargepoints.events import ChargePointConnected, ChargePointDisconnected
from chargepoints.models import Command, CommandState
from chargepoints.services.command_ends import end_commands
from tenants.arrays import array_literal
from tenants.context import scope_connection, tenant_transaction
from tenants.events import publish_all
from tenants.stored_words import stored

log = structlog.get_logger(__name__)

# As much of it as a past connection holds.
LONGEST_REASON = 120
CLOSED_BEFORE = stored("The connection closed before the answer came.")
# Returns the sockets that held the places before: the statement reads `previous` before it writes.
CLAIM = """
WITH asked AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[])
        AS a (tenant_id, charge_point_id, connection_id, gateway_id, remote_address, version, at)
), previous AS (
    SELECT c.*, g.channel, g.seen_at FROM chargepoints_stationconnection c
    JOIN asked USING (charge_point_id) JOIN chargepoints_gateway g ON g.id = c.gateway_id
), past AS (
    INSERT INTO chargepoints_pastconnection
        (tenant_id, charge_point_id, connection_id, connected_at, ended_at, remote_address, reason)
    -- Where its gateway was gone, it was offline from then on, whoever comes now.
    SELECT p.tenant_id, p.charge_point_id, p.connection_id, p.connected_at,
           GREATEST(p.connected_at, LEAST(asked.at, p.seen_at + make_interval(secs => %s))), p.remote_address, 'superseded'
    FROM previous p JOIN asked USING (charge_point_id)
), claimed AS (
    INSERT INTO chargepoints_stationconnection
        (tenant_id, charge_point_id, connection_id, gateway_id, remote_address, ocpp_version,
         connected_at, last_message_at)
    SELECT tenant_id, charge_point_id, connection_id, gateway_id, remote_address, version, at, at FROM asked
    ON CONFLICT (charge_point_id) DO UPDATE SET
        connection_id = excluded.connection_id, gateway_id = excluded.gateway_id,
        remote_address = excluded.remote_address, ocpp_version = excluded.ocpp_version,
        connected_at = excluded.connected_at, last_message_at = excluded.last_message_at
), seen AS (
    UPDATE chargepoints_chargepoint c SET last_seen_at = asked.at, ocpp_version = asked.version
    FROM asked WHERE c.id = asked.charge_point_id
)
SELECT asked.connection_id, previous.connection_id, previous.channel FROM asked LEFT JOIN previous USING (charge_point_id)
"""
RELEASE = """
WITH asked AS (
    SELECT * FROM unnest(%s::bigint[], %s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::text[])
        AS a (charge_point_id, connection_id, at, online_until, reason)
), gone AS (
    DELETE FROM chargepoints_stationconnection c USING asked
    WHERE c.charge_point_id = asked.charge_point_id AND c.connection_id = asked.connection_id
    RETURNING c.*, asked.at, asked.online_until, asked.reason
), past AS (
    INSERT INTO chargepoints_pastconnection
        (tenant_id, charge_point_id, connection_id, connected_at, ended_at, remote_address, reason)
    SELECT tenant_id, charge_point_id, connection_id, connected_at, GREATEST(connected_at, online_until),
           remote_address, reason
    FROM gone
), seen AS (
    UPDATE chargepoints_chargepoint c SET last_seen_at = gone.at FROM gone WHERE c.id = gone.charge_point_id
)
SELECT connection_id FROM gone
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


@dataclass(frozen=True, slots=True)
class Departure:
    """A socket that is no more, since `at`. `online_until`: how long it counts as online, where that isn't the same."""

    tenant_id: int
    charge_point_id: int
    identity: str
    connection_id: UUID
    at: datetime
    reason: str
    online_until: datetime | None = None


def claim_connection(claim: Claim) -> Superseded | None:
    """Take the charge point's place; the socket that held it before, if any."""
    return _take_places(claim.tenant_id, [claim], wait=True)[claim.connection_id]


def claim_all(claims: Iterable[Claim]) -> dict[UUID, Superseded | None]:
    """The same for different stations at once: connection -> the socket that held its place.

    Those are missing whose station's row is taken, or that the database did not take: for `claim_connection`.
    """
    by_tenant: defaultdict[int, list[Claim]] = defaultdict(list)
    for claim in claims:
        by_tenant[claim.tenant_id].append(claim)
    places: dict[UUID, Superseded | None] = {}
    for tenant_id, of_tenant in by_tenant.items():
        try:
            places |= _take_places(tenant_id, of_tenant)
        except (DatabaseError, InterfaceError) as error:
            log.warning("places not taken together", sockets=len(of_tenant), error=str(error)[:200])
    return places


def release_connection(
    *, tenant_id: int, charge_point_id: int, identity: str, connection_id: UUID, at: datetime, reason: str
) -> bool:
    """Give the place up, if it is still this connection's; False where a newer socket has it."""
    departure = Departure(tenant_id, charge_point_id, identity, connection_id, at, reason)
    return bool(_release([departure], wait=True)[0])


def release_all(departures: Iterable[Departure]) -> int:
    """The same for many; commands that were sent over these sockets have failed. How many places were given up."""
    by_tenant: defaultdict[int, list[Departure]] = defaultdict(list)
    for one in departures:
        by_tenant[one.tenant_id].append(one)
    released = 0
    for tenant_id, leaving in by_tenant.items():
        _fail_sent(tenant_id, leaving)
        gone, passed_over = _release(leaving)
        released += gone + sum(_release([one], wait=True)[0] for one in passed_over)
    return released


def fail_sent_commands(*, tenant_id: int, connection_id: UUID, at: datetime) -> int:
    """The answers to commands sent over a socket that closed will not come."""
    with tenant_transaction(tenant_id):
        return _fail(Command.objects.filter(connection_id=connection_id, state=CommandState.SENT), at)


def _fail_sent(tenant_id: int, departures: Sequence[Departure]) -> None:
    with tenant_transaction(tenant_id):
        # By station too: that is what open commands have an index for.
        sent = Command.objects.filter(
            charge_point__in=[one.charge_point_id for one in departures],
            connection_id__in=[one.connection_id for one in departures],
            state=CommandState.SENT,
        )
        _fail(sent, max(one.at for one in departures))


def _fail(sent: QuerySet[Command], at: datetime) -> int:
    failed = end_commands(
        sent,
        CommandState.FAILED,
        at=at,
        error_code="ConnectionLost",
        description=CLOSED_BEFORE,
    )
    return len(failed)


def _take_places(tenant_id: int, claims: Sequence[Claim], *, wait: bool = False) -> dict[UUID, Superseded | None]:
    # With their events, or not at all: a process that is killed in between would leave a station online that nobody was
    # told of.
    with tenant_transaction(tenant_id), scope_connection().cursor() as cursor:
        free = _lock_stations(cursor, [claim.charge_point_id for claim in claims], wait=wait)
        rows = [_row_of(claim) for claim in claims if claim.charge_point_id in free or wait]
        if not rows:
            return {}
        # A statement of its own: it must see what was committed while the lock was waited for.
        columns = [array_literal(column) for column in zip(*rows, strict=True)]
        cursor.execute(CLAIM, [*columns, settings.GATEWAY_LEASE_SECONDS])
        places = {
            connection_id: None if previous is None else Superseded(previous, channel)
            for connection_id, previous, channel in cursor.fetchall()
        }
        publish_all(
            ChargePointConnected(charge_point=claim.identity, at=claim.at, gateway_id=str(claim.gateway_id))
            for claim in claims
            if places.get(claim.connection_id, claim) is None
        )
    return places


def _row_of(claim: Claim) -> tuple[object, ...]:
    return (
        claim.tenant_id,
        claim.charge_point_id,
        claim.connection_id,
        claim.gateway_id,
        claim.remote_address,
        claim.ocpp_version,
        claim.at,
    )


def _release(departures: Sequence[Departure], *, wait: bool = False) -> tuple[int, list[Departure]]:
    """Of one tenant: how many places were given up, and those passed over."""
    with tenant_transaction(departures[0].tenant_id), scope_connection().cursor() as cursor:
        free = _lock_stations(cursor, [one.charge_point_id for one in departures], wait=wait)
        passed_over = [] if wait else [one for one in departures if one.charge_point_id not in free]
        rows = [
            (one.charge_point_id, one.connection_id, one.at, one.online_until or one.at, one.reason[:LONGEST_REASON])
            for one in departures
            if one.charge_point_id in free
        ]
        if not rows:
            return 0, passed_over
        cursor.execute(RELEASE, [array_literal(column) for column in zip(*rows, strict=True)])
        gone = {connection_id for (connection_id,) in cursor.fetchall()}
        publish_all(
            ChargePointDisconnected(charge_point=one.identity, at=one.at, reason=one.reason)
            for one in departures
            if one.connection_id in gone
        )
    return len(gone), passed_over


def _lock_stations(cursor: CursorWrapper, charge_point_ids: Collection[int], *, wait: bool) -> set[int]:
    """Serialises what happens to a station's place. Without `wait`, those that are free only."""
    statement = "SELECT id FROM chargepoints_chargepoint WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
    cursor.execute(statement + ("" if wait else " SKIP LOCKED"), [sorted(set(charge_point_ids))])
    return {pk for (pk,) in cursor.fetchall()}
