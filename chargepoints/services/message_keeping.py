"""The message log of tenants that keep less of it than its partitions do: deleted row by row, a batch at a time.

A day past everybody's keeping is dropped whole (`keep_message_log`). Within the days that stay, a tenant that has just
asked for less may have millions of frames: each batch is a transaction of its own, so that no lock, no snapshot and no
burst of WAL lasts, and a run that is out of time or killed has lost nothing: the next one goes on with what is left.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError

from tenants.context import hold_tenant, system_connection, system_transaction
from tenants.databases.fence import is_elsewhere

log = structlog.get_logger(__name__)

AT_ONCE = 5_000
INSTANT = timedelta(microseconds=1)
OLDEST = "SELECT min(at) FROM chargepoints_message WHERE tenant_id = %s AND at < %s"
# Along the index, whatever is known of a partition that has just been filled: sorting would read all that is left of it.
ALONG_THE_INDEX = "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"
BORDER = """
SELECT at FROM chargepoints_message WHERE tenant_id = %s AND at >= %s AND at < %s ORDER BY at OFFSET %s LIMIT 1
"""
DELETE = "DELETE FROM chargepoints_message WHERE tenant_id = %s AND at >= %s AND at < %s"


def trim_messages(*, keep_from: Mapping[int, datetime], seconds: float) -> int:
    """Delete what these tenants (ids) logged before their times, in turns, for about `seconds`; the rows deleted."""
    until = time.monotonic() + seconds
    turns = deque(_batches(tenant_id, before) for tenant_id, before in keep_from.items())
    deleted = 0
    while turns and time.monotonic() < until:
        turn = turns.popleft()
        if (number := next(turn, None)) is not None:
            deleted += number
            turns.append(turn)
    if turns:
        log.info("message log is trimmed further in the next run", tenants=len(turns), deleted=deleted)
    return deleted


def _batches(tenant_id: int, before: datetime) -> Iterator[int]:
    """Delete a batch with each step; how many rows it was."""
    try:
        first = _oldest(tenant_id, before)
        # From where the last batch ended: none walks over the remains of those before it.
        while first is not None and first < before:
            number, first = _delete(tenant_id, first, before)
            yield number
    except DatabaseError as error:
        # On the move, or gone to another database, whose run it is then.
        if not is_elsewhere(error):
            raise


def _oldest(tenant_id: int, before: datetime) -> datetime | None:
    with system_transaction(), system_connection().cursor() as cursor:
        cursor.execute(OLDEST, [tenant_id, before])
        found: datetime | None = cursor.fetchone()[0]
    return found


def _delete(tenant_id: int, first: datetime, before: datetime) -> tuple[int, datetime]:
    """(rows deleted, where the next batch begins), in a transaction of its own. More than AT_ONCE only of one instant."""
    with system_transaction():
        hold_tenant(tenant_id)
        with system_connection().cursor() as cursor:
            cursor.execute(ALONG_THE_INDEX)
            cursor.execute(BORDER, [tenant_id, first, before, AT_ONCE])
            found = cursor.fetchone()
            end: datetime = max(found[0], first + INSTANT) if found else before
            cursor.execute(DELETE, [tenant_id, first, end])
            return cursor.rowcount, end
