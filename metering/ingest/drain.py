"""Bringing the spilled readings into PostgreSQL: in order, resumable, safe with several workers.

A consumer group hands each entry to one worker. It is removed only after the commit; an entry of a worker that
died is taken over after a minute. Twice stored is once stored: the samples' key absorbs it.
Crash points: before the commit, the entry is pending and taken over; after it and before the removal, it is
taken over and absorbed.
"""

import asyncio
import os
import socket
import uuid
import zlib
from typing import Any

import redis.asyncio
import structlog
from django.conf import settings

from chargepoints.gateway.threads import DatabaseThreads
from metering.alerts.watch import Watch
from metering.ingest.connection import AWAY
from metering.ingest.message import MeterMessage, pack, unpack
from metering.ingest.salvage import Refused, insert_what_can_be
from metering.ingest.spill import GROUP, STREAM, remove_entries
from metering.ingest.store import SampleStore
from metering.metrics import DRAINED
from tenants.databases import placement
from tenants.databases.fence import TenantMoving, is_elsewhere
from tenants.databases.names import MAIN, own_databases
from tenants.redis_servers import connect_async

log = structlog.get_logger(__name__)

# Entries that share a transaction; each holds 100 values and more.
ENTRIES = 20
ABANDONED_MS = 60_000
# What not even quarantine takes (readings of a deleted charge point), for a person to look at.
DEAD_LETTERS, DEAD_LETTERS_KEPT = "csms:spill:refused", 1000

Entry = tuple[bytes, dict[bytes, bytes]]


class Stores:
    """A store for each database, opened when it is needed."""

    def __init__(self) -> None:
        self._stores: dict[str, SampleStore] = {}
        self._threads: DatabaseThreads | None = None
        placement.forget()

    async def insert(self, messages: list[MeterMessage]) -> Refused:
        """As `insert_what_can_be`, each where its tenant lives. TenantMoving where one is on the way."""
        refused: Refused = []
        for database, of_database in (await self._by_database(messages)).items():
            store = self._stores.setdefault(database, SampleStore(database=database))
            refused += await insert_what_can_be(store, of_database)
        for message, error in refused:
            if is_elsewhere(error):
                placement.forget()
                raise TenantMoving(f"readings of tenant {message.tenant_id} wait until it has been moved")
        return refused

    async def _by_database(self, messages: list[MeterMessage]) -> dict[str, list[MeterMessage]]:
        if not own_databases():
            return {MAIN: messages}
        self._threads = self._threads or DatabaseThreads(1, "placement")
        found: dict[str, list[MeterMessage]] = {}
        for message in messages:
            database = await self._threads.run(placement.database_of, message.tenant_id)
            found.setdefault(database, []).append(message)
        return found

    async def close(self) -> None:
        await asyncio.gather(*(store.close() for store in self._stores.values()))
        if self._threads is not None:
            self._threads.close()


async def drain_spill(*, abandoned_ms: int = ABANDONED_MS) -> int:
    """Drain what is there; the number of readings stored. One of `connection.AWAY` while PostgreSQL is away.

    TenantMoving: what is left waits until a tenant has come to its new place.
    """
    client = connect_async(settings.REDIS_SPILL_URL, socket_timeout=10, socket_connect_timeout=2)
    stores = Stores()
    # Their gateway has compared them already, if it lived; what is seen twice is one alert.
    watch = Watch(clocks=False)
    worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    total = 0
    try:
        if not await client.exists(STREAM):
            return 0
        await _ensure_group(client)
        while entries := await _next_entries(client, worker, abandoned_ms):
            try:
                stored = await _store_entries(client, stores, watch, entries)
            except (*AWAY, TenantMoving):
                await _give_back(client, worker, entries)
                raise
            total += stored
            DRAINED.inc(stored)
        await _forget_workers(client)
    finally:
        await asyncio.gather(watch.close(), return_exceptions=True)
        await stores.close()
        await client.aclose()
    return total


async def _ensure_group(client: "redis.asyncio.Redis") -> None:
    try:
        await client.xgroup_create(STREAM, GROUP, id="0")
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


async def _next_entries(client: Any, worker: str, abandoned_ms: int) -> list[Entry]:
    """Abandoned entries first: they are the older ones."""
    claimed = await client.xautoclaim(STREAM, GROUP, worker, min_idle_time=abandoned_ms, count=ENTRIES)
    # Redis 6.2 names entries that another worker has removed meanwhile, without content.
    entries = [entry for entry in claimed[1] if entry and entry[1]]
    if entries:
        return entries
    read = await client.xreadgroup(GROUP, worker, {STREAM: ">"}, count=ENTRIES)
    return list(read[0][1]) if read else []


async def _store_entries(client: "redis.asyncio.Redis", stores: Stores, watch: Watch, entries: list[Entry]) -> int:
    """Store the entries together, take them out of the stream; the number of values they held."""
    messages: list[MeterMessage] = []
    for entry_id, fields in entries:
        try:
            messages += unpack(fields[b"batch"])
        except (zlib.error, ValueError, TypeError) as fault:
            # A newer version's, or spoilt: it must not hold up all that comes after it.
            log.error("spilled readings can't be read", entry=entry_id.decode(), error=str(fault)[:200])
            await _lay_aside(client, fields[b"batch"], fault)
    refused = await stores.insert(messages)
    for message, error in refused:
        await _lay_aside(client, pack([message]), error)
    try:
        await watch.compare_now(messages)
    except Exception as fault:
        # No reason to keep readings back that are stored.
        log.warning("drained readings not compared", error=str(fault)[:200])
    await remove_entries(client, [(entry_id, int(fields[b"values"])) for entry_id, fields in entries])
    return sum(message.size for message in messages) - sum(message.size for message, _ in refused)


async def _give_back(client: Any, worker: str, entries: list[Entry]) -> None:
    """As if abandoned already: the next run need not wait to take them over."""
    identifiers = [entry_id for entry_id, _ in entries]
    await client.xclaim(STREAM, GROUP, worker, 0, identifiers, idle=ABANDONED_MS, justid=True)


async def _lay_aside(client: "redis.asyncio.Redis", batch: bytes, error: Exception) -> None:
    fields: Any = {"batch": batch, "error": str(error)[:500]}
    await client.xadd(DEAD_LETTERS, fields, maxlen=DEAD_LETTERS_KEPT)


async def _forget_workers(client: Any) -> None:
    """Every run is a consumer of its own; those that left nothing behind are struck off."""
    for consumer in await client.xinfo_consumers(STREAM, GROUP):
        if consumer["pending"] == 0 and consumer["idle"] > ABANDONED_MS:
            await client.xgroup_delconsumer(STREAM, GROUP, consumer["name"])
