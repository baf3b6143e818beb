"""SampleWriter: what we acknowledge is on disk (DESIGN §4).

One per process, on its event loop. Messages of all sockets gather until METERING_FLUSH_VALUES values wait or
METERING_FLUSH_INTERVAL_MS have passed; then they are one transaction, and only after its commit do the
callers go on. While a transaction is under way the next batch gathers. Crash points:
- before the commit: nothing is stored, nothing was acknowledged, the station sends again;
- after the commit, before the reply: stored; the station sends again, the unique key absorbs it;
- PostgreSQL away or silent: the batch goes to the Redis stream (it may be in both: absorbed when drained);
- after the stream took it, before the reply: as after the commit;
- both away: IngestUnavailable, a CALLERROR, the station keeps its queue.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import redis
import structlog
from django.conf import settings

from metering.ingest.circuit import Circuit
from metering.ingest.connection import AWAY
from metering.ingest.message import MeterMessage, samples_kept, set_aside_bad_clocks
from metering.ingest.salvage import insert_what_can_be
from metering.ingest.spill import SpillFull, SpillStream
from metering.ingest.store import SampleStore, SeriesCache
from metering.metrics import BATCH_VALUES, INGEST_WAITING, INGESTED, REFUSED, SPILLED
from tenants.databases.names import MAIN

log = structlog.get_logger(__name__)

# Two transactions under way: while one waits for the disk, the next is being put together.
STORES = 2
LARGEST_BATCH = 2_000
SPILL_TIMEOUT_S = 10.0


class IngestUnavailable(Exception):
    """Neither PostgreSQL nor Redis takes readings: nothing was stored."""


class Waiting(NamedTuple):
    """A message and its caller."""

    message: MeterMessage
    done: asyncio.Future[None]


Stored = Callable[[list[MeterMessage]], None]


class SampleWriter:
    """`await write(message)` returns once the message is durable."""

    def __init__(self, on_stored: Stored | None = None, database: str = MAIN) -> None:
        series = SeriesCache()
        self._stores = [SampleStore(series, database) for _ in range(STORES)]
        self._free = list(self._stores)
        self._spill = SpillStream()
        self._circuit = Circuit(database)
        self._on_stored = on_stored
        self._waiting: list[Waiting] = []
        # Of all messages not yet answered, also those of transactions under way.
        self._values = self._gathered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Condition()
        self._interval = settings.METERING_FLUSH_INTERVAL_MS / 1000
        self._flush_values = settings.METERING_FLUSH_VALUES
        self._limit = settings.METERING_BUFFER_LIMIT
        self._kept = samples_kept()

    @property
    def is_spilling(self) -> bool:
        """PostgreSQL is away: nobody should wait for it."""
        return self._circuit.is_open

    async def write(self, message: MeterMessage) -> None:
        """Durable on return. IngestUnavailable, or the database's error for a message that can't be stored.

        Waits for room while METERING_BUFFER_LIMIT values wait. A caller that is cancelled leaves its message in
        the batch: it is stored, and nobody is told.
        """
        set_aside_bad_clocks(message, self._kept)
        if self._values >= self._limit:
            async with self._room:
                await self._room.wait_for(lambda: self._values < self._limit)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append(Waiting(message, done))
        self._values += message.size
        self._gathered += message.size
        if self._gathered >= self._flush_values:
            self._start_flush()
        elif self._timer is None:
            self._timer = loop.call_later(self._interval, self._on_time)
        await done

    async def close(self) -> None:
        """Write out what waits, then let go of the connections."""
        while self._waiting or self._tasks:
            self._start_flush()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._circuit.close()
        for store in self._stores:
            await store.close()
        await self._spill.close()

    def _on_time(self) -> None:
        self._timer = None
        self._start_flush()

    def _start_flush(self) -> None:
        """Begin a transaction if a connection is free; else the batch grows until one is."""
        if not self._waiting or not self._free:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        task = asyncio.create_task(self._flush(self._free.pop(), *self._take()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take(self) -> tuple[list[Waiting], int]:
        if self._gathered <= LARGEST_BATCH:
            batch, size = self._waiting, self._gathered
            self._waiting, self._gathered = [], 0
            return batch, size
        size = taken = 0
        for waiting in self._waiting:
            size += waiting.message.size
            taken += 1
            if size >= LARGEST_BATCH:
                break
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        self._gathered -= size
        return batch, size

    async def _flush(self, store: SampleStore, batch: list[Waiting], size: int) -> None:
        try:
            BATCH_VALUES.observe(size)
            await self._keep(store, batch)
        except Exception as error:
            log.exception("ingest failed")
            _refuse(batch, error)
        finally:
            self._free.append(store)
            full = self._values >= self._limit
            self._values -= size
            INGEST_WAITING.set(self._values)
            # Without a timer, what waits has waited long enough.
            if self._gathered >= self._flush_values or self._timer is None:
                self._start_flush()
            if full and self._values < self._limit:
                async with self._room:
                    self._room.notify_all()

    async def _keep(self, store: SampleStore, batch: list[Waiting]) -> None:
        if self._circuit.is_open:
            await self._spill_batch(batch)
            return
        try:
            refused = await insert_what_can_be(store, [waiting.message for waiting in batch])
        except AWAY as error:
            self._circuit.open(f"{type(error).__name__}: {error}")
            # The others' connections are as dead: they must not find out one after the other.
            await asyncio.gather(*(each.close() for each in (store, *self._free)), return_exceptions=True)
            await self._spill_batch(batch)
            return
        if refused:
            errors = {id(message): error for message, error in refused}
            for waiting in batch:
                if id(waiting.message) in errors:
                    _refuse([waiting], errors[id(waiting.message)])
            batch = [waiting for waiting in batch if id(waiting.message) not in errors]
        self._release(batch)

    async def _spill_batch(self, batch: list[Waiting]) -> None:
        try:
            async with asyncio.timeout(SPILL_TIMEOUT_S):
                await self._spill.add([waiting.message for waiting in batch])
        except (redis.RedisError, SpillFull, TimeoutError, OSError) as error:
            log.error("readings not taken", redis=f"{type(error).__name__}: {error}"[:200])
            _refuse(batch, IngestUnavailable("readings can't be stored now"))
            return
        SPILLED.inc(sum(waiting.message.size for waiting in batch))
        self._release(batch)

    def _release(self, batch: list[Waiting]) -> None:
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_result(None)
        INGESTED.inc(sum(waiting.message.size for waiting in batch))
        if self._on_stored is not None and batch:
            self._on_stored([waiting.message for waiting in batch])


def _refuse(batch: list[Waiting], error: Exception) -> None:
    REFUSED.inc(len(batch))
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_exception(error)
