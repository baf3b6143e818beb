"""queued -> sent for the commands of many stations at once, just before their frames leave (DESIGN §4)."""

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from chargepoints.models import CommandState
from tenants.arrays import array_literal
from tenants.context import scope_connection, tenant_transaction

# A row that somebody has locked (to cancel it, for one) is left out: nobody else's command waits for that, and two
# statements that lock many rows can't wait for each other.
CLAIM = """
WITH wanted AS (
    SELECT c.id, asked.connection_id
    FROM chargepoints_command AS c
    JOIN unnest(%s::uuid[], %s::uuid[]) AS asked (id, connection_id) ON asked.id = c.id
    WHERE c.state = %s
    FOR NO KEY UPDATE OF c SKIP LOCKED
)
UPDATE chargepoints_command AS c SET state = %s, sent_at = %s, gateway_id = %s, connection_id = wanted.connection_id
FROM wanted WHERE c.id = wanted.id
RETURNING c.id
"""


def claim_many(*, tenant_id: int, gateway_id: UUID, wanted: Sequence[tuple[UUID, UUID]]) -> set[UUID]:
    """Of (command, connection) those that were claimed: each compared and set by itself, all committed together.

    One that is missing was cancelled, has expired, was taken elsewhere, or is locked now: `claim_for_sending` tells.
    """
    if not wanted:
        return set()
    commands, sockets = [array_literal(column) for column in zip(*wanted, strict=True)]
    with tenant_transaction(tenant_id), scope_connection().cursor() as cursor:
        cursor.execute(
            CLAIM, [commands, sockets, CommandState.QUEUED, CommandState.SENT, timezone.now(), str(gateway_id)]
        )
        return {command_id for (command_id,) in cursor.fetchall()}
