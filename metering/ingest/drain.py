"""Bringing the spilled readings into PostgreSQL: in order, resumable, safe with several workers.

A consumer group hands each entry to one worker. It is removed only after the commit; an entry of a worker that
died is taken over after a minute. Twice stored is once stored: the samples' key absorbs it.
"""

import os
import socket
import uuid
from typing import Any

import psycopg
import redis.asyncio
import structlog
from django.conf import settings

from metering.ingest.message import MeterMessage, pack, unpack
from metering.ingest.spill import STREAM
from metering.ingest.store import SampleStore
from metering.metrics import DRAINED

log = structlog.get_logger(__name__)

GROUP = "drain"
ENTRIES = 50
ABANDONED_MS = 60_000
DEAD_LETTERS = "csms:spill:refused"


async def drain_spill() -> int:
    """Drain what is there; the number of readings stored. psycopg.OperationalError while PostgreSQL is away."""
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=10)
    store = SampleStore()
    worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    total = 0
    try:
        if not await client.exists(STREAM):
            return 0
        await _ensure_group(client)
        while entries := await _next_entries(client, worker):
            for entry_id, fields in entries:
                # An entry that another worker removed meanwhile comes without content.
                if fields:
                    total += await _store_entry(client, store, fields[b"batch"])
                await client.xack(STREAM, GROUP, entry_id)
                await client.xdel(STREAM, entry_id)
        await client.xgroup_delconsumer(STREAM, GROUP, worker)
    finally:
        await store.close()
        await client.aclose()
    DRAINED.inc(total)
    return total


async def _ensure_group(client: Any) -> None:
    try:
        await client.xgroup_create(STREAM, GROUP, id="0")
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


async def _next_entries(client: Any, worker: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Abandoned entries first: they are the older ones."""
    claimed = await client.xautoclaim(STREAM, GROUP, worker, min_idle_time=ABANDONED_MS, count=ENTRIES)
    if claimed[1]:
        return list(claimed[1])
    read = await client.xreadgroup(GROUP, worker, {STREAM: ">"}, count=ENTRIES)
    return list(read[0][1]) if read else []


async def _store_entry(client: Any, store: SampleStore, packed: bytes) -> int:
    """Store a batch, or each message of it that can be; what can't is set aside, never lost."""
    messages = unpack(packed)
    try:
        await store.insert(messages)
        return sum(message.size for message in messages)
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        store.forget_series()
    return sum([await _store_one(client, store, message) for message in messages])


async def _store_one(client: Any, store: SampleStore, message: MeterMessage) -> int:
    try:
        await store.insert([message])
    except psycopg.OperationalError:
        raise
    except psycopg.errors.CheckViolation:
        message.quarantined += [("no_partition", reading) for reading in message.readings]
        message.readings = []
        await store.insert([message])
    except psycopg.Error as error:
        log.error("spilled readings refused", charge_point_id=message.charge_point_id, error=str(error)[:200])
        await client.xadd(DEAD_LETTERS, {"batch": pack([message]), "error": str(error)[:500]})
        return 0
    return message.size
