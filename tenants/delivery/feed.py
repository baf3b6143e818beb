"""The feed of events, as readers with a cursor need it: in the order of ids, and without one that commits behind them.

An event has its id before its transaction commits, and transactions commit in any order. So a reader goes no further than
the *settled* id: below it, every transaction that was given an id has ended. How that is known, by two rows of FeedCursor:

- `pending` says: the newest id was N when this row was written, by the transaction W (the row's xmin). Whoever held an id up to N
  then had the number of their transaction already (`publish` sees to that), so it is smaller than W.
- Once all transactions older than W that may have written events have ended, N is settled, and the next N is pending. They
  are those that hold the lock on the table that every INSERT takes first: what writes to other tables, or in another database of
  the server, holds nothing back however long it takes.
"""

from typing import Any

from django.db.models import F, QuerySet, Value
from django.db.models.functions import Greatest

from tenants.context import system_connection, system_transaction
from tenants.models import FeedCursor, OutboxEvent

PENDING, SETTLED = "feed pending", "feed settled"
NEWEST = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('tenants_outboxevent', 'id')), 0)"
# Ages, which are right also where the 32 bits of a transaction's number have wrapped around. Locks are looked at only where
# something older is under way. A transaction holds both of its own from before it has an id until its rows can be seen.
IS_OVER = """
WITH held AS MATERIALIZED (
    SELECT virtualtransaction, locktype, database, relation, mode, transactionid FROM pg_locks WHERE granted
)
SELECT cursor, xmin::text, CASE
    WHEN age(xmin) > age(pg_snapshot_xmin(pg_current_snapshot())::xid) THEN true
    ELSE NOT EXISTS (
        SELECT FROM held AS writing JOIN held AS number USING (virtualtransaction)
        WHERE writing.locktype = 'relation' AND writing.mode = 'RowExclusiveLock'
            AND writing.relation = 'tenants_outboxevent'::regclass
            AND writing.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND number.locktype = 'transactionid' AND number.mode = 'ExclusiveLock'
            AND age(number.transactionid) > age(tenants_feedcursor.xmin)
    )
END
FROM tenants_feedcursor WHERE sink = %s
"""


def settled_events(upto: int) -> QuerySet[OutboxEvent]:
    """Events that a reader may see; `upto` is `settled_id()`, asked for outside of the reader's transaction."""
    return OutboxEvent.objects.filter(pk__lte=upto)


def settled_id() -> int:
    """The end of the feed for now. In short transactions of its own; none is written where nothing is new."""
    settled, newest = _advance()
    if settled < newest:
        # What the first has noted is settled at once where nothing older is under way.
        settled, _ = _advance()
    return settled


def _advance() -> tuple[int, int]:
    """(settled id, newest id)."""
    with system_transaction(), system_connection().cursor() as cursor:
        # First of all: this transaction has no number yet, and gets it by writing, after this was read.
        cursor.execute(NEWEST)
        newest = int(cursor.fetchone()[0])
        cursor.execute(IS_OVER, [PENDING])
        row = cursor.fetchone()
        settled = FeedCursor.objects.filter(sink=SETTLED).values_list("cursor", flat=True).first()
        if row is None or settled is None:
            rows = [FeedCursor(sink=PENDING, cursor=newest), FeedCursor(sink=SETTLED, cursor=0)]
            FeedCursor.objects.bulk_create(rows, ignore_conflicts=True)
            return settled or 0, newest
        pending, written_by, is_over = row
        if is_over and settled < newest and _note(newest, written_by):
            FeedCursor.objects.filter(sink=SETTLED).update(cursor=Greatest(F("cursor"), Value(pending)))
            return max(settled, pending), newest
        return settled, newest


def _note(newest: int, written_by: str) -> bool:
    """The next pending id, unless another reader was quicker."""
    unchanged = FeedCursor.objects.filter(sink=PENDING).extra(where=["xmin::text = %s"], params=[written_by])
    return bool(unchanged.update(cursor=Greatest(F("cursor"), Value(newest))))


def envelope(event: OutboxEvent, tenant: str) -> dict[str, Any]:
    """What receivers get (API.md "Events"); `event_id` is what they deduplicate by."""
    body = {
        "event_id": str(event.event_id),
        "event_type": event.event_type,
        "timestamp": event.at.isoformat().replace("+00:00", "Z"),
        "tenant_id": tenant,
        "charge_point_id": event.charge_point or None,
        "data": event.data,
    }
    if "sessionId" in event.data:
        body["session_id"] = event.data["sessionId"]
    return body
