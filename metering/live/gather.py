"""A process's part of the live statistics: readings are gathered in memory, and merged into Redis every two seconds."""

import asyncio
import itertools
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any

import orjson
import redis
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from metering.ingest.message import MeterMessage
from metering.live.keys import (
    BEGIN,
    BUCKET_S,
    EPOCH,
    MERGE,
    SETTLE_S,
    WINDOW_S,
    Epoch,
    Statistics,
    expiry,
    field_name,
    hash_key,
)
from metering.metrics import LIVE_FAILED, LIVE_LATE
from metering.periodic import Coalesced
from metering.readings import Kind
from tenants.redis_servers import connect_async

INTERVAL_S = 2.0
# Hashes per round trip, and the pause after each; hashes per script call, so that Redis serves others in between.
SLICE, CALL = 100, 10
BREATH_S = 0.01
# (charge point, bucket, EVSE number)
Place = tuple[int, int, int]
Gathered = dict[Place, dict[Kind, Statistics]]
EVER, NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class LiveStatistics:
    """One per process, on its event loop. How epochs keep it exact: see the package."""

    def __init__(self) -> None:
        self._gathered: Gathered = {}
        # A merge that is sent again would count twice.
        self._redis = connect_async(
            settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
        )
        self._begin = self._redis.register_script(BEGIN)
        # None until Redis has named it.
        self._epoch: Epoch | None = None
        # Readings received earlier are the base's; NEVER while it isn't known what Redis has of ours.
        self._since = EVER
        self._oldest, self._newest = NEVER, EVER
        self._coalesced = Coalesced(INTERVAL_S, lambda: bool(self._gathered) or self._is_blind, self._flush)

    @property
    def _is_blind(self) -> bool:
        return self._since is NEVER

    def note(self, messages: list[MeterMessage]) -> None:
        """Take stored readings; never waits."""
        received = [message.received_at for message in messages]
        if min(received) < self._since:
            messages = self._without_the_bases(messages)
            received = [message.received_at for message in messages]
        if messages:
            self._oldest = min(self._oldest, *received)
            self._newest = max(self._newest, *received)
            self._gather(messages)
            self._coalesced.wake()

    async def close(self) -> None:
        await self._coalesced.close()
        await self._redis.aclose()

    def _without_the_bases(self, messages: list[MeterMessage]) -> list[MeterMessage]:
        kept = [message for message in messages if message.received_at >= self._since]
        if not self._is_blind and datetime.now(UTC) > self._since + timedelta(seconds=SETTLE_S):
            LIVE_LATE.inc(len(messages) - len(kept))
        return kept

    def _gather(self, messages: list[MeterMessage]) -> None:
        oldest = time() - WINDOW_S
        for message in messages:
            moment: datetime | None = None
            at, kinds = 0.0, {}
            for reading in message.readings:
                if reading.at is not moment:
                    moment, at = reading.at, reading.at.timestamp()
                    place = (message.charge_point_id, int(at) // BUCKET_S, message.evse_number)
                    kinds = self._gathered.setdefault(place, {}) if at > oldest else {}
                value = float(reading.value)
                known = kinds.get(reading.kind)
                if known is None:
                    kinds[reading.kind] = [value, value, value, 1, value, at, reading.kind.unit]
                    continue
                if value < known[0]:
                    known[0] = value
                elif value > known[1]:
                    known[1] = value
                known[2] += value
                known[3] += 1
                if at >= known[5]:
                    known[4], known[5] = value, at

    async def _flush(self) -> None:
        """In slices with a breath between: a gateway with thousands of stations must not stall its answers."""
        try:
            if self._is_blind:
                await self._see_again()
            gathered, self._gathered = self._gathered, {}
            places = iter(gathered.items())
            while part := dict(itertools.islice(places, SLICE)):
                while (current := await self._merge_part(part)) is not None:
                    if not await self._meet(current):
                        return
                await asyncio.sleep(BREATH_S)
        except (redis.RedisError, OSError):
            LIVE_FAILED.inc()
            self._gathered, self._since = {}, NEVER

    async def _merge_part(self, part: Gathered) -> str | None:
        """One round trip. The current epoch where it is not ours: then (some of) the part was not merged."""
        hashes: defaultdict[tuple[int, int], dict[str, Statistics]] = defaultdict(dict)
        for (charge_point_id, bucket, evse_number), kinds in part.items():
            fields = hashes[charge_point_id, bucket]
            for kind, statistics in kinds.items():
                fields[field_name(evse_number, *kind)] = statistics
        known = "" if self._epoch is None else self._epoch.text
        async with self._redis.pipeline(transaction=False) as pipeline:
            waiting = iter(hashes.items())
            while call := list(itertools.islice(waiting, CALL)):
                keys: list[str] = [EPOCH]
                arguments: list[Any] = [known]
                for (charge_point_id, bucket), fields in call:
                    keys.append(hash_key(charge_point_id, bucket))
                    arguments += [orjson.dumps(fields), expiry(bucket)]
                # By its text: redis-py asks first whether the server knows a registered script, a second round trip.
                pipeline.eval(MERGE, len(keys), *keys, *arguments)
            answers: list[Any] = await pipeline.execute()
        current = answers[-1].decode()
        return None if current and current == known else current

    async def _meet(self, current: str) -> bool:
        """Another epoch. Whether what is gathered still has to be merged; else the base counts it, and it is dropped."""
        while True:
            if current:
                epoch = Epoch.read(current)
                if self._newest < epoch.since:
                    self._enter(epoch)
                    self._gathered = {}
                    return False
                if self._epoch is None and self._oldest >= epoch.since:
                    self._enter(epoch)
                    return True
            current = await self._begin_after(current)

    async def _see_again(self) -> None:
        """Redis is back, and whether it has our last merge is unknown: all that was noted so far must be the base's."""
        named: Any = await self._redis.get(EPOCH)
        current: str = (named or b"").decode()
        # One that another gateway has just begun, for the same reason, does.
        while not current or Epoch.read(current).since <= datetime.now(UTC):
            current = await self._begin_after(current)
        self._enter(Epoch.read(current))

    async def _begin_after(self, current: str) -> str:
        """Begin an epoch, unless another has; the current one."""
        server: Any = await self._redis.info("server")
        epoch = Epoch.begin(datetime.now(UTC), server.get("run_id", ""))
        answer: bytes = await self._begin(keys=[EPOCH], args=[current, epoch.text])
        return answer.decode()

    def _enter(self, epoch: Epoch) -> None:
        self._epoch, self._since = epoch, epoch.since
