"""The readings of `csms.health.system`: one statement, or one round trip to Redis, for each."""

import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings

from chargepoints.tasks import MESSAGE_TABLE
from csms.celery import app as celery_app
from metering.ingest.drain import DEAD_LETTERS
from metering.ingest.spill import STREAM, VALUES
from metering.tasks import SAMPLE_TABLE
from tenants.context import directory_transaction, system_connection, system_transaction
from tenants.databases.each import in_each_database
from tenants.redis_servers import connect

# name, label values, value.
Value = tuple[str, tuple[str, ...], float]

FAMILIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "csms_system_readable": ("1 where the queues and lags in it could be read.", ("source",)),
    "csms_gateways": ("Gateways whose lease holds.", ()),
    "csms_charge_points_connected": ("Charge points with a socket at a living gateway.", ()),
    "csms_commands_open": ("Commands that have not ended, at most 10,000.", ("state", "station")),
    "csms_command_oldest_seconds": (
        "Age of the oldest open command to a connected charge point, from when it could be sent.",
        ("state",),
    ),
    "csms_events_lag_seconds": ("Age of the oldest event that a sink has not looked at.", ("sink",)),
    "csms_webhook_deliveries_waiting": ("Events that wait to be posted, at most 10,000.", ("tried",)),
    "csms_webhook_oldest_delivery_seconds": ("Age of the oldest event that waits to be posted.", ("tried",)),
    "csms_webhooks": ("Webhooks by how they do: answering, failing, disabled by failing.", ("state",)),
    "csms_aggregation_lag_seconds": ("How far behind the last full hour the aggregation is.", ()),
    "csms_late_readings_waiting": ("Stretches of late readings to be aggregated again, at most 10,000.", ()),
    "csms_partition_days_ahead": ("Days after today that a table has partitions for.", ("table",)),
    "csms_system_alerts_open": ("Open alerts of the system itself.", ("kind",)),
    "csms_spill_values": ("Readings in Redis that wait for PostgreSQL.", ()),
    "csms_spill_oldest_seconds": ("Age of the oldest of them.", ()),
    "csms_spill_limit_values": ("As many may wait there.", ()),
    "csms_spill_refused": ("Batches of readings that not even quarantine took, kept for a person to look at.", ()),
    "csms_task_queue_length": ("Background tasks that no worker has taken yet.", ("queue",)),
}
# What a reading may cost the database.
SLOWEST_MS = 3000
MOST = 10_000
PATIENCE: dict[str, Any] = {"socket_timeout": 2, "socket_connect_timeout": 2}

CONNECTED = """
SELECT count(DISTINCT g.id), count(c.id) FROM chargepoints_gateway g
LEFT JOIN chargepoints_stationconnection c ON c.gateway_id = g.id WHERE g.seen_at > now() - %(lease)s::interval
"""
# By the partial index on open commands.
COMMANDS = """
SELECT o.state, g.id IS NOT NULL AS connected, count(*), extract(epoch FROM now() - min(greatest(o.since, s.connected_at)))
FROM (
    SELECT state, charge_point_id, coalesce(sent_at, created_at) AS since FROM chargepoints_command
    WHERE state IN ('queued', 'sent') LIMIT %(most)s
) o
LEFT JOIN chargepoints_stationconnection s ON s.charge_point_id = o.charge_point_id
LEFT JOIN chargepoints_gateway g ON g.id = s.gateway_id AND g.seen_at > now() - %(lease)s::interval
GROUP BY 1, 2
"""
# One step into the feed's index for each webhook that is not left alone for having failed.
WEBHOOK_LAG = """
SELECT coalesce(extract(epoch FROM now() - min(e.created_at)), 0) FROM tenants_webhook w
JOIN tenants_tenant t ON t.id = w.tenant_id AND t.status = 'active'
CROSS JOIN LATERAL (
    SELECT created_at FROM tenants_outboxevent WHERE tenant_id = w.tenant_id AND id > w.cursor ORDER BY id LIMIT 1
) e
WHERE w.enabled AND (w.rests_until IS NULL OR w.rests_until <= now())
"""
MQTT_LAG = """
SELECT coalesce((
    SELECT extract(epoch FROM now() - created_at) FROM tenants_outboxevent WHERE id > c.cursor ORDER BY id LIMIT 1
), 0) FROM tenants_feedcursor c WHERE sink = 'mqtt'
"""
# Ordered as the partial index on what waits is.
DELIVERIES = """
SELECT attempts > 0, count(*), extract(epoch FROM now() - min(created_at)) FROM (
    SELECT attempts, created_at FROM tenants_webhookdelivery WHERE state = 'pending'
    ORDER BY webhook_id, event_id LIMIT %(most)s
) waiting GROUP BY 1
"""
WEBHOOKS = """
SELECT count(*) FILTER (WHERE enabled AND failing_since IS NULL),
       count(*) FILTER (WHERE enabled AND failing_since IS NOT NULL),
       count(*) FILTER (WHERE NOT enabled AND disabled_reason <> '') FROM tenants_webhook
"""
# An hour's readings have two minutes to arrive.
AGGREGATION = """
SELECT greatest(extract(epoch FROM date_trunc('hour', now() - interval '2 minutes') - max(complete_until)), 0)
FROM metering_aggregationstate
"""
LATE = "SELECT count(*) FROM (SELECT FROM metering_dirtyrange LIMIT %(most)s) late"
PARTITIONS = "SELECT max(day) - (now() AT TIME ZONE 'UTC')::date FROM csms_partition_days(%(table)s) AS day"
SYSTEM_ALERTS = "SELECT kind, count(*) FROM tenants_systemalert WHERE resolved_at IS NULL GROUP BY kind"


# Of several databases: the same gateways hold sockets of all; the longest lag and the fewest days count. The rest is added.
LARGEST = {"csms_gateways", "csms_events_lag_seconds", "csms_aggregation_lag_seconds", "csms_command_oldest_seconds"}
LARGEST |= {"csms_webhook_oldest_delivery_seconds"}
SMALLEST = {"csms_partition_days_ahead"}


def read_database() -> Iterator[Value]:
    """All of PostgreSQL, each database in one transaction of the system role. DatabaseError where the main one is away or slow.

    Of another one that is away there is nothing in the sums (see `/health/ready`).
    """
    yield from _together(in_each_database(_read_one, what="metrics"))
    with directory_transaction():
        for kind, count in _ask(SYSTEM_ALERTS):
            yield "csms_system_alerts_open", (kind,), count


def _read_one() -> list[Value]:
    with system_transaction():
        _ask(f"SET LOCAL statement_timeout = {SLOWEST_MS}")
        return [*_stations(), *_commands(), *_events(), *_housekeeping()]


def _together(read: list[list[Value]]) -> list[Value]:
    if len(read) == 1:
        return read[0]
    found: dict[tuple[str, tuple[str, ...]], float] = {}
    for name, labels, value in (one for values in read for one in values):
        known = found.get((name, labels))
        if known is None:
            found[name, labels] = value
        elif name in LARGEST:
            found[name, labels] = max(known, value)
        else:
            found[name, labels] = min(known, value) if name in SMALLEST else known + value
    return [(*key, value) for key, value in found.items()]


def _stations() -> Iterator[Value]:
    ((gateways, connected),) = _ask(CONNECTED)
    yield "csms_gateways", (), gateways
    yield "csms_charge_points_connected", (), connected


def _commands() -> Iterator[Value]:
    counts = {(state, where): 0 for state in ("queued", "sent") for where in ("connected", "offline")}
    oldest = {"queued": 0.0, "sent": 0.0}
    for state, connected, count, age in _ask(COMMANDS):
        counts[state, "connected" if connected else "offline"] = count
        if connected:
            oldest[state] = float(age)
    for labels, count in counts.items():
        yield "csms_commands_open", labels, count
    for state, age in oldest.items():
        yield "csms_command_oldest_seconds", (state,), age


def _events() -> Iterator[Value]:
    ((lag,),) = _ask(WEBHOOK_LAG)
    yield "csms_events_lag_seconds", ("webhook",), float(lag)
    if settings.MQTT_URL:
        for (lag,) in _ask(MQTT_LAG):
            yield "csms_events_lag_seconds", ("mqtt",), float(lag)
    waiting = {tried: (count, age) for tried, count, age in _ask(DELIVERIES)}
    for tried, word in ((False, "no"), (True, "yes")):
        count, age = waiting.get(tried, (0, 0))
        yield "csms_webhook_deliveries_waiting", (word,), count
        yield "csms_webhook_oldest_delivery_seconds", (word,), float(age)
    (states,) = _ask(WEBHOOKS)
    for word, count in zip(("answering", "failing", "disabled"), states, strict=True):
        yield "csms_webhooks", (word,), count


def _housekeeping() -> Iterator[Value]:
    for (lag,) in _ask(AGGREGATION):
        # Nothing where the aggregation has never run.
        if lag is not None:
            yield "csms_aggregation_lag_seconds", (), float(lag)
    ((late,),) = _ask(LATE)
    yield "csms_late_readings_waiting", (), late
    for table in (SAMPLE_TABLE, MESSAGE_TABLE):
        ((days,),) = _ask(PARTITIONS, table=table)
        yield "csms_partition_days_ahead", (table,), -1 if days is None else days


def read_redis() -> Iterator[Value]:
    """The spill and the queue of background tasks. redis.RedisError where Redis is away."""
    yield "csms_spill_limit_values", (), settings.METERING_SPILL_LIMIT
    with (
        connect(settings.REDIS_SPILL_URL, **PATIENCE) as client,
        client.pipeline(transaction=False) as pipe,
    ):
        pipe.get(VALUES)
        pipe.xrange(STREAM, count=1)
        pipe.xlen(DEAD_LETTERS)
        values, oldest, refused = pipe.execute()
    yield "csms_spill_values", (), int(values or 0)
    yield "csms_spill_oldest_seconds", (), _age(oldest)
    yield "csms_spill_refused", (), refused
    queue = celery_app.conf.task_default_queue
    with connect(settings.REDIS_BROKER_URL, **PATIENCE) as client:
        yield "csms_task_queue_length", (queue,), int(client.llen(queue))


def _age(entries: list[tuple[bytes, Any]]) -> float:
    """Of a stream's first entry, whose id begins with its time in milliseconds."""
    if not entries:
        return 0.0
    return max(0.0, time.time() - int(entries[0][0].partition(b"-")[0]) / 1000)


def _ask(statement: str, **parameters: str) -> list[tuple[Any, ...]]:
    given: dict[str, str | int] = {"lease": f"{settings.GATEWAY_LEASE_SECONDS} seconds", "most": MOST, **parameters}
    with system_connection().cursor() as cursor:
        cursor.execute(statement, given)
        return cursor.fetchall() if cursor.description else []
