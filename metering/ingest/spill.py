"""The Redis stream that takes readings while PostgreSQL is away."""

import redis.asyncio
from django.conf import settings

from metering.ingest.message import MeterMessage, pack

STREAM = "csms:spill"
# Entries are batches; past this the charge points must keep their queues themselves.
LONGEST = 100_000


class SpillFull(Exception):
    """The stream is as long as it may get."""


class SpillStream:
    """The writing side; lives on the gateway's event loop."""

    def __init__(self) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2, health_check_interval=15
        )

    async def add(self, messages: list[MeterMessage]) -> None:
        """Returns once Redis has taken the batch; redis.RedisError or SpillFull otherwise."""
        if await self._redis.xlen(STREAM) >= LONGEST:
            raise SpillFull
        await self._redis.xadd(STREAM, {"batch": pack(messages)})

    async def close(self) -> None:
        await self._redis.aclose()
