"""Refused sign-ins, counted in a bounded list of each tenant, from which an operator can accept a charge point."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tenants.arrays import array_literal
from tenants.context import in_database, system_connection, system_transaction
from tenants.databases.placement import database_of

ATTEMPTS_KEPT = 200
# In one order, so that two gateways wait for each other instead of deadlocking.
COUNT = """
INSERT INTO chargepoints_signinattempt AS a
    (tenant_id, identity, identity_key, reason, count, first_at, last_at, remote_address)
SELECT tenant_id, identity, lower(identity), reason, count, %s, %s, remote_address
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::int[], %s::text[])
    AS told (tenant_id, identity, reason, count, remote_address)
ORDER BY tenant_id, lower(identity)
ON CONFLICT (tenant_id, identity_key) DO UPDATE SET
    count = LEAST(a.count::bigint + excluded.count, 2147483647), reason = excluded.reason,
    last_at = excluded.last_at, remote_address = excluded.remote_address
RETURNING tenant_id, xmax = 0
"""
# The longest silent ones make room; what another gateway is just counting is left to it.
MAKE_ROOM = """
DELETE FROM chargepoints_signinattempt WHERE id IN (
    SELECT id FROM chargepoints_signinattempt WHERE tenant_id = %s AND id IN (
        SELECT id FROM chargepoints_signinattempt WHERE tenant_id = %s ORDER BY last_at DESC, id DESC OFFSET %s
    ) ORDER BY id FOR UPDATE SKIP LOCKED
)
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An identity of a tenant that was turned away. `reason`: SignInAttempt.Reason."""

    tenant_id: int
    identity: str
    reason: str
    remote_address: str
    count: int = 1


def count_refusals(refusals: Iterable[Refusal], now: datetime) -> None:
    """Count them, in transactions of their own under the system role."""
    told: dict[tuple[int, str], Refusal] = {}
    for one in refusals:
        key = (one.tenant_id, one.identity.lower())
        before = told.get(key)
        told[key] = one if before is None else replace(one, count=before.count + one.count)
    if not told:
        return
    by_database: dict[str, list[Refusal]] = {}
    for one in told.values():
        by_database.setdefault(database_of(one.tenant_id), []).append(one)
    for database, refused in by_database.items():
        with in_database(database):
            _count(refused, now)


def _count(refused: Sequence[Refusal], now: datetime) -> None:
    rows = [(one.tenant_id, one.identity, one.reason, one.count, one.remote_address) for one in refused]
    with system_transaction(), system_connection().cursor() as cursor:
        cursor.execute(COUNT, [now, now, *(array_literal(column) for column in zip(*rows, strict=True))])
        for tenant_id in sorted({tenant_id for tenant_id, is_new in cursor.fetchall() if is_new}):
            cursor.execute(MAKE_ROOM, [tenant_id, tenant_id, ATTEMPTS_KEPT])
