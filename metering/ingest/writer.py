"""SampleWriter: what we acknowledge is on disk (DESIGN §4).

One per process, on its event loop. Messages of all sockets gather until METERING_FLUSH_VALUES values wait or
METERING_FLUSH_INTERVAL_MS have passed; then they are one transaction, and only after its commit do the
callers go on. Crash points:
- before the commit: nothing is stored, nothing was acknowledged, the station sends again;
- after the commit, before the reply: stored; the station sends again, the unique key absorbs it;
- PostgreSQL away or silent: the batch goes to the Redis stream (it may be in both: absorbed when drained);
- both away: IngestUnavailable, a CALLERROR, the station keeps its queue.
"""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import psycopg
import redis
import structlog
from django.conf import settings

from metering.ingest.message import MeterMessage, set_aside_bad_clocks
from metering.ingest.spill import SpillFull, SpillStream
from metering.ingest.store import SampleStore, SeriesKey
from metering.metrics import BATCH_VALUES, INGEST_WAITING, INGESTED, REFUSED, SPILLED

log = structlog.get_logger(__name__)

# Two transactions under way: while one waits for the disk, the next is being put together.
STORES = 2
LARGEST_BATCH = 2_000
STORE_TIMEOUT_S = 10.0
# After a failure PostgreSQL is left alone for this long; batches go straight to the stream.
PROBE_S = 1.0


class IngestUnavailable(Exception):
    """Neither PostgreSQL nor Redis takes readings: nothing was stored."""


class Waiting(NamedTuple):
    message: MeterMessage
    done: asyncio.Future[None]


Stored = Callable[[list[MeterMessage]], None]


class SampleWriter:
    """`await write(message)` returns once the message is durable."""

    def __init__(self, on_stored: Stored | None = None) -> None:
        self._series: dict[SeriesKey, int] = {}
        self._stores = [SampleStore(self._series) for _ in range(STORES)]
        self._spill = SpillStream()
        self._on_stored = on_stored
        self._waiting: list[Waiting] = []
        self._values = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Condition()
        self._away_until = 0.0
        self._interval = settings.METERING_FLUSH_INTERVAL_MS / 1000

    async def write(self, message: MeterMessage) -> None:
        """Durable on return. IngestUnavailable, or psycopg.Error for a message that can't be stored."""
        set_aside_bad_clocks(message)
        if self._values >= settings.METERING_BUFFER_LIMIT:
            async with self._room:
                await self._room.wait_for(lambda: self._values < settings.METERING_BUFFER_LIMIT)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append(Waiting(message, done))
        self._values += message.size
        if self._values >= settings.METERING_FLUSH_VALUES:
            self._start_flush()
        elif self._timer is None:
            self._timer = loop.call_later(self._interval, self._on_time)
        # A caller that goes away leaves its message in the batch.
        await done

    async def close(self) -> None:
        """Write out what waits, then let go of the connections."""
        while self._waiting or self._tasks:
            self._start_flush()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for store in self._stores:
            await store.close()
        await self._spill.close()

    def _on_time(self) -> None:
        self._timer = None
        self._start_flush()

    def _start_flush(self) -> None:
        """Begin a transaction if a connection is free; else the batch grows until one is."""
        if not self._waiting or not self._stores:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, size = self._take()
        store = self._stores.pop()
        task = asyncio.create_task(self._flush(store, batch, size))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take(self) -> tuple[list[Waiting], int]:
        size = taken = 0
        for waiting in self._waiting:
            size += waiting.message.size
            taken += 1
            if size >= LARGEST_BATCH:
                break
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        self._values -= size
        return batch, size

    async def _flush(self, store: SampleStore, batch: list[Waiting], size: int) -> None:
        try:
            BATCH_VALUES.observe(size)
            await self._keep(store, batch)
        except Exception as error:
            log.exception("ingest failed")
            _refuse(batch, error)
        finally:
            self._stores.append(store)
            INGEST_WAITING.set(self._values)
            if self._values >= settings.METERING_FLUSH_VALUES or (self._waiting and self._timer is None):
                self._start_flush()
            if self._values < settings.METERING_BUFFER_LIMIT and size:
                async with self._room:
                    self._room.notify_all()

    async def _keep(self, store: SampleStore, batch: list[Waiting]) -> None:
        """Store a batch, or each part of it that can be."""
        if time.monotonic() < self._away_until:
            await self._spill_batch(batch, "PostgreSQL away")
            return
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                await store.insert([waiting.message for waiting in batch])
        except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError, OSError) as error:
            self._away_until = time.monotonic() + PROBE_S
            await asyncio.gather(store.close(), return_exceptions=True)
            await self._spill_batch(batch, str(error))
        except psycopg.Error as error:
            store.forget_series()
            await self._keep_parts(store, batch, error)
        else:
            self._release(batch)

    async def _keep_parts(self, store: SampleStore, batch: list[Waiting], error: psycopg.Error) -> None:
        """One bad message must not fail the others: halve until it stands alone."""
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._keep(store, batch[:middle])
            await self._keep(store, batch[middle:])
            return
        message = batch[0].message
        if isinstance(error, psycopg.errors.CheckViolation) and message.readings:
            # No partition for the day: set aside, so that ingest goes on and nothing is lost.
            log.error("no partition for readings", at=message.readings[0].at.isoformat())
            message.quarantined += [("no_partition", reading) for reading in message.readings]
            message.readings = []
            await self._keep(store, batch)
            return
        log.error("readings refused by the database", charge_point_id=message.charge_point_id, error=str(error)[:200])
        _refuse(batch, error)

    async def _spill_batch(self, batch: list[Waiting], reason: str) -> None:
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                await self._spill.add([waiting.message for waiting in batch])
        except (redis.RedisError, SpillFull, TimeoutError, OSError) as error:
            log.error("readings not taken", reason=reason[:200], redis=str(error)[:200])
            _refuse(batch, IngestUnavailable("readings can't be stored now"))
            return
        SPILLED.inc(sum(waiting.message.size for waiting in batch))
        self._release(batch)

    def _release(self, batch: list[Waiting]) -> None:
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_result(None)
        INGESTED.inc(sum(waiting.message.size for waiting in batch))
        if self._on_stored is not None:
            self._on_stored([waiting.message for waiting in batch])


def _refuse(batch: list[Waiting], error: Exception) -> None:
    REFUSED.inc(len(batch))
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_exception(error)
