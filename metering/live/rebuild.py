"""Live statistics from the samples, after Redis was lost. Run by the beat; why it is exact: see the package.

A pass over 24 hours of samples, four hours at a time and the newest first, each one statement over the whole fleet
(a hash aggregate of one row per series), read by a server-side cursor and written in slices: memory stays flat.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import redis
import structlog
from django.conf import settings

from metering.ingest.message import AHEAD
from metering.ingest.spill import STREAM
from metering.live.keys import (
    BASE,
    BEGIN,
    BUCKET_S,
    BUILT,
    EPOCH,
    SETTLE_S,
    WINDOW_S,
    WRITE,
    Epoch,
    expiry,
    field_name,
    hash_key,
)
from tenants.context import directory_transaction, in_database, system_connection, system_transaction
from tenants.databases.names import all_databases
from tenants.redis_servers import connect

log = structlog.get_logger(__name__)

LOCK = "csms_live_rebuild"
# Series per script call, and the longest that one statement may take.
SLICE = 200
STATEMENT_TIMEOUT_S = 300
# The last value by the primary key: an ordered aggregate would sort all samples.
AGGREGATE = """
SELECT s.charge_point_id, s.evse_number, s.measurand, s.phase, s.location, s.unit, g.low, g.high, g.total, g.count,
       last.value::float8, extract(epoch FROM g.last_at)::float8
FROM (
    SELECT series_id, min(value)::float8 AS low, max(value)::float8 AS high, sum(value)::float8 AS total,
           count(*) AS count, max(at) AS last_at
    FROM metering_sample
    WHERE at > %(start)s AND at < %(end)s AND received_at < %(since)s
    GROUP BY series_id
) g
JOIN metering_series s ON s.id = g.series_id
CROSS JOIN LATERAL (
    SELECT value FROM metering_sample l
    WHERE l.series_id = g.series_id AND l.at = g.last_at AND l.at > %(start)s AND l.at < %(end)s
        AND l.received_at < %(since)s
    ORDER BY context DESC LIMIT 1
) last
"""


def rebuild_live_statistics() -> int:
    """Rebuild them if that is due; the number of series and four hours written.

    redis.RedisError or the database's error: the next run tries again. At most one at a time.
    """
    with connect(settings.REDIS_URL, socket_timeout=10, socket_connect_timeout=2) as client:
        epoch = _due(client, datetime.now(UTC))
        if epoch is None:
            return 0
        with directory_transaction():
            if not _lock():
                return 0
            written = _written_everywhere(client, epoch)
        if written is None:
            log.info("live statistics: overtaken by a newer epoch")
            return 0
        client.set(BUILT, epoch.text)
    log.warning("live statistics rebuilt", series=written)
    return written


def _written_everywhere(client: "redis.Redis", epoch: Epoch) -> int | None:
    """From each database's samples; None where a newer epoch has begun. A database that is away has to be waited for."""
    total = 0
    for database in all_databases():
        with in_database(database), system_transaction():
            with system_connection().cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT_S}s'")
            written = _write_base(client, epoch)
        if written is None:
            return None
        total += written
    return total


def _due(client: "redis.Redis", now: datetime) -> Epoch | None:
    """The epoch that has no base yet, once its base can be read. Begins one where Redis was lost."""
    named: Any = client.mget([EPOCH, BUILT])
    text, built = ((value or b"").decode() for value in named)
    server: Any = client.info("server")
    run_id = server.get("run_id", "")
    if not text or Epoch.read(text).run_id != run_id:
        client.register_script(BEGIN)(keys=[EPOCH], args=[text, Epoch.begin(now, run_id).text])
        return None
    epoch = Epoch.read(text)
    settled = epoch.since + timedelta(seconds=SETTLE_S)
    if text == built or now < settled:
        return None
    with connect(settings.REDIS_SPILL_URL, socket_timeout=10, socket_connect_timeout=2) as spill:
        waiting: Any = spill.xrange(STREAM, count=1)
    if waiting and int(waiting[0][0].partition(b"-")[0]) < settled.timestamp() * 1000:
        log.info("live statistics wait for the spill to be drained")
        return None
    return epoch


def _lock() -> bool:
    """Until the transaction ends, also by the death of this process."""
    with system_connection().cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [LOCK])
        (taken,) = cursor.fetchone()
    return bool(taken)


def _write_base(client: "redis.Redis", epoch: Epoch) -> int | None:
    """The number of series written; None where a newer epoch has begun."""
    write = client.register_script(WRITE)
    written = 0
    for bucket in _buckets(epoch.since):
        for rows in _series(epoch.since, bucket):
            hashes: defaultdict[int, dict[str, str]] = defaultdict(dict)
            for charge_point_id, evse_number, *kind, low, high, total, number, last, at in rows:
                packed = orjson.dumps([low, high, total, number, last, at, kind[3]]).decode()
                hashes[charge_point_id][BASE + field_name(evse_number, *kind)] = packed
            arguments: list[Any] = [epoch.text]
            for fields in hashes.values():
                arguments += [orjson.dumps(fields), expiry(bucket)]
            current: Any = write(keys=[EPOCH, *(hash_key(one, bucket) for one in hashes)], args=arguments)
            if current.decode() != epoch.text:
                return None
            written += len(rows)
    return written


def _buckets(since: datetime) -> Iterator[int]:
    """Newest first; also those of clocks that are ahead, as far as ingest takes them."""
    oldest = (int(since.timestamp()) - WINDOW_S) // BUCKET_S
    newest = int((since + AHEAD).timestamp()) // BUCKET_S
    return iter(range(newest, oldest - 1, -1))


def _series(since: datetime, bucket: int) -> Iterator[list[tuple[Any, ...]]]:
    """Statistics of all series in a bucket, in slices."""
    begin = datetime.fromtimestamp(bucket * BUCKET_S, UTC)
    arguments = {
        # `at >` would miss a reading on the very edge of a bucket.
        "start": max(begin - timedelta(microseconds=1), since - timedelta(seconds=WINDOW_S)),
        "end": begin + timedelta(seconds=BUCKET_S),
        "since": since,
    }
    connection = system_connection()
    connection.ensure_connection()
    with connection.connection.cursor(name=f"live_{bucket}") as cursor:
        cursor.execute(AGGREGATE, arguments)
        while rows := cursor.fetchmany(SLICE):
            yield rows
