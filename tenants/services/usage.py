"""Counting what tenants make use of, by day (UTC).

What happens often is counted in memory and in Redis on the way, and written down once a minute; events and deliveries are
counted where they lie, a minute's worth at a time. Figures for planning, not for bills: a process that is killed, or a Redis
that comes back empty, may cost a minute of them; where an answer of Redis or of a commit is lost on its way, a minute may be
counted twice.
"""

import functools
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
import structlog
from django.conf import settings

from tenants.context import current_database, system_connection, system_transaction
from tenants.databases.each import in_each_database
from tenants.databases.placement import database_of
from tenants.models import FeedCursor, UsageDay
from tenants.redis_servers import connect

log = structlog.get_logger(__name__)

Kind = UsageDay.Kind
MESSAGES = Kind.MESSAGES.value
# A hash of `day|tenant|kind` to the number since the last minute.
KEY = "csms:usage"
SINK = "usage"
# Rows are stamped before they are committed; a transaction that takes longer escapes the count.
SETTLED = timedelta(minutes=2)
# After days without a worker: no more at a time than a few seconds' work.
MOST_AT_ONCE = timedelta(hours=6)
KEPT = timedelta(days=400)
ADD = """
INSERT INTO tenants_usageday (tenant_id, day, kind, number)
SELECT t.id, given.day, given.kind, given.number
FROM unnest(%s::bigint[], %s::date[], %s::text[], %s::bigint[]) AS given (tenant_id, day, kind, number)
JOIN tenants_tenant t ON t.id = given.tenant_id ORDER BY 1, 2, 3
ON CONFLICT (tenant_id, day, kind) DO UPDATE SET number = tenants_usageday.number + excluded.number
"""
COUNT_EVENTS = """
SELECT tenant_id, (created_at AT TIME ZONE 'UTC')::date, count(*) FROM tenants_outboxevent
WHERE created_at > %s AND created_at <= %s GROUP BY 1, 2
"""
COUNT_DELIVERIES = """
SELECT w.tenant_id, (d.created_at AT TIME ZONE 'UTC')::date, count(*) FROM tenants_webhook w
JOIN tenants_webhookdelivery d ON d.webhook_id = w.id AND d.created_at > %s AND d.created_at <= %s GROUP BY 1, 2
"""

_counted: "Counter[tuple[int, str]]" = Counter()


def count(tenant_id: int, kind: str) -> None:
    """One more, in memory. For the event loop of a process that hands over now and then."""
    _counted[tenant_id, kind] += 1


async def hand_over(run: Callable[..., Awaitable[Any]]) -> None:
    """Give to Redis what was counted; `run` calls in a thread. Without Redis it is kept for the next time."""
    taken = dict(_counted)
    _counted.clear()
    if not taken:
        return
    try:
        await run(_add_to_redis, taken)
    except redis.RedisError as error:
        _counted.update(taken)
        log.info("usage not handed over", error=str(error)[:100])


def field_of(tenant_id: int, kind: str, now: datetime) -> str:
    """The field of the hash at `KEY`."""
    return f"{now.astimezone(UTC).date().isoformat()}|{tenant_id}|{kind}"


def _add_to_redis(taken: Mapping[tuple[int, str], int]) -> None:
    now = datetime.now(UTC)
    with _pipeline() as pipe:
        for (tenant_id, kind), number in taken.items():
            pipe.hincrby(KEY, field_of(tenant_id, kind, now), number)
        pipe.execute()


def keep_usage(now: datetime) -> int:
    """Write down what was counted since the last time; the number of tenants, days and kinds that were added to."""
    counted = _take_from_redis()

    def keep() -> int:
        mine = [row for row in counted if database_of(row[0]) == current_database()]
        with system_transaction(), system_connection().cursor() as cursor:
            rows = [*mine, *_count_rows(cursor, now)]
            if rows:
                cursor.execute(ADD, [list(column) for column in zip(*_summed(rows), strict=True)])
        counted[:] = [row for row in counted if row not in mine]
        return len(rows)

    try:
        return sum(in_each_database(keep, what="usage"))
    finally:
        # Of databases that are away.
        _put_back(counted)


def forget_old_usage(now: datetime) -> int:
    """Days that no page shows any more."""
    with system_transaction():
        return UsageDay.objects.filter(day__lt=(now - KEPT).date()).delete()[0]


Row = tuple[int, str, str, int]


def _take_from_redis() -> list[Row]:
    try:
        with _pipeline(transaction=True) as pipe:
            pipe.hgetall(KEY)
            pipe.delete(KEY)
            stored: Mapping[bytes, bytes] = pipe.execute()[0]
    except redis.RedisError as error:
        log.info("usage waits for Redis", error=str(error)[:100])
        return []
    rows = []
    for name, number in stored.items():
        day, tenant_id, kind = name.decode().split("|")
        rows.append((int(tenant_id), day, kind, int(number)))
    return rows


def _put_back(rows: list[Row]) -> None:
    """PostgreSQL is away: the next run has them."""
    if not rows:
        return
    try:
        with _pipeline() as pipe:
            for tenant_id, day, kind, number in rows:
                pipe.hincrby(KEY, f"{day}|{tenant_id}|{kind}", number)
            pipe.execute()
    except redis.RedisError as error:
        log.warning("usage lost", rows=len(rows), error=str(error)[:100])


def _count_rows(cursor: Any, now: datetime) -> list[Row]:
    """Events and deliveries since the last time. In the transaction that writes them down: none twice."""
    until = now - SETTLED
    row, made = FeedCursor.objects.get_or_create(sink=SINK, defaults={"cursor": int(until.timestamp())})
    if made:
        return []
    row = FeedCursor.objects.select_for_update().get(pk=row.pk)
    since = datetime.fromtimestamp(row.cursor, UTC)
    until = datetime.fromtimestamp(int(min(until, since + MOST_AT_ONCE).timestamp()), UTC)
    if until <= since:
        return []
    rows: list[Row] = []
    for kind, query in ((Kind.EVENTS, COUNT_EVENTS), (Kind.DELIVERIES, COUNT_DELIVERIES)):
        cursor.execute(query, [since, until])
        rows += [(tenant_id, day.isoformat(), str(kind), number) for tenant_id, day, number in cursor.fetchall()]
    row.cursor = int(until.timestamp())
    row.save(update_fields=["cursor", "updated_at"])
    return rows


def _summed(rows: list[Row]) -> list[Row]:
    """One row for each tenant, day and kind: a statement may touch a row once only."""
    sums: Counter[tuple[int, str, str]] = Counter()
    for tenant_id, day, kind, number in rows:
        sums[tenant_id, day, kind] += number
    return [(*key, number) for key, number in sums.items()]


@functools.cache
def _connected(url: str) -> "redis.Redis":
    return connect(url, socket_timeout=2, socket_connect_timeout=2)


def _pipeline(*, transaction: bool = False) -> Any:
    return _connected(settings.REDIS_URL).pipeline(transaction=transaction)
