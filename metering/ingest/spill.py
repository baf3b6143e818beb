"""The Redis stream that takes readings while PostgreSQL is away.

Bounded by METERING_SPILL_LIMIT values (about 15 bytes each): the count is kept beside the stream, in the same
script as each change, so the two never part. Past it, the charge points must keep their queues themselves.
"""

from typing import Any

import redis.asyncio
from django.conf import settings

from metering.ingest.message import MeterMessage, pack
from tenants.redis_servers import connect_async

# One slot of a Redis Cluster, for the scripts' sake.
STREAM = "{csms:spill}"
VALUES = "{csms:spill}:values"
GROUP = "drain"

ADD = """
local values = tonumber(ARGV[2])
if tonumber(redis.call('GET', KEYS[2]) or '0') + values > tonumber(ARGV[3]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'batch', ARGV[1], 'values', values)
redis.call('INCRBY', KEYS[2], values)
return 1
"""
# ARGV: group, then id and number of values of each entry. One that another worker removed counts no second time.
REMOVE = """
for i = 2, #ARGV, 2 do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 then redis.call('DECRBY', KEYS[2], ARGV[i + 1]) end
end
"""


class SpillFull(Exception):
    """The stream holds as many values as it may."""


class SpillStream:
    """The writing side; lives on the gateway's event loop."""

    def __init__(self) -> None:
        self._redis = connect_async(
            settings.REDIS_SPILL_URL, socket_timeout=5, socket_connect_timeout=2, health_check_interval=15
        )
        self._add = self._redis.register_script(ADD)

    async def add(self, messages: list[MeterMessage]) -> None:
        """Returns once Redis has taken the batch; redis.RedisError, OSError or SpillFull otherwise."""
        values = sum(message.size for message in messages)
        arguments: list[bytes | int] = [pack(messages), values, settings.METERING_SPILL_LIMIT]
        if not await self._add(keys=[STREAM, VALUES], args=arguments):
            raise SpillFull(f"{settings.METERING_SPILL_LIMIT} values wait already")

    async def close(self) -> None:
        await self._redis.aclose()


async def remove_entries(client: "redis.asyncio.Redis", entries: list[tuple[Any, int]]) -> None:
    """Take stored entries, (id, number of values) each, out of the stream."""
    arguments = [item for entry in entries for item in entry]
    await client.register_script(REMOVE)(keys=[STREAM, VALUES], args=[GROUP, *arguments])
