"""Live statistics: minimum, maximum, mean, sum, count and last value per EVSE, measurand and phase.

They live in Redis for 24 hours after the last reading, may be lost, and are merged there by one script
call per flush. Off the reply path.
"""

import functools
from datetime import UTC, datetime
from typing import Any

import orjson
import redis
import redis.asyncio
from django.conf import settings

from metering.ingest.message import MeterMessage
from metering.metrics import LIVE_FAILED
from metering.periodic import Coalesced

KEY = "csms:live:{}"
KEPT_S = 24 * 3600
INTERVAL_S = 1.0
# Merges {key: {field: [min, max, sum, count, last, at, unit]}} into hashes of the same shape.
MERGE = """
for key, fields in pairs(cjson.decode(ARGV[1])) do
  for field, new in pairs(fields) do
    local stored = redis.call('HGET', key, field)
    if stored then
      local old = cjson.decode(stored)
      new[1] = math.min(new[1], old[1])
      new[2] = math.max(new[2], old[2])
      new[3] = new[3] + old[3]
      new[4] = new[4] + old[4]
      if old[6] > new[6] then new[5] = old[5]; new[6] = old[6] end
    end
    redis.call('HSET', key, field, cjson.encode(new))
  end
  redis.call('EXPIRE', key, tonumber(ARGV[2]))
end
"""

Statistics = list[Any]  # [min, max, sum, count, last, at (epoch seconds), unit]


class LiveStatistics:
    """Gathers for a second, then merges into Redis in one round trip."""

    def __init__(self) -> None:
        self._gathered: dict[str, dict[str, Statistics]] = {}
        self._redis = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2)
        self._merge = self._redis.register_script(MERGE)
        self._coalesced = Coalesced(INTERVAL_S, lambda: bool(self._gathered), self._flush)

    def note(self, messages: list[MeterMessage]) -> None:
        """Take stored readings; never waits."""
        for message in messages:
            fields = self._gathered.setdefault(KEY.format(message.charge_point_id), {})
            for reading in message.readings:
                name = f"{message.evse_number}|{reading[0]}|{reading[1]}"
                value, at = float(reading[6]), reading[4].timestamp()
                known = fields.get(name)
                if known is None:
                    fields[name] = [value, value, value, 1, value, at, reading[3]]
                    continue
                known[0] = min(known[0], value)
                known[1] = max(known[1], value)
                known[2] += value
                known[3] += 1
                if at >= known[5]:
                    known[4], known[5] = value, at
        self._coalesced.wake()

    async def close(self) -> None:
        await self._coalesced.close()
        await self._redis.aclose()

    async def _flush(self) -> None:
        gathered, self._gathered = self._gathered, {}
        try:
            await self._merge(args=[orjson.dumps(gathered), KEPT_S])
        except (redis.RedisError, OSError):
            LIVE_FAILED.inc()


@functools.cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def live_statistics(charge_point_id: int) -> list[dict[str, Any]]:
    """`{connectorId, measurand, phase, min, max, avg, sum, count, lastValue, lastTime, unit}` each; [] without Redis."""
    try:
        stored: dict[bytes, bytes] = _client().hgetall(KEY.format(charge_point_id))  # type: ignore[assignment]
    except redis.RedisError:
        return []
    rows = []
    for name, packed in sorted(stored.items()):
        evse, measurand, phase = name.decode().split("|", 2)
        low, high, total, count, last, at, unit = orjson.loads(packed)
        rows.append(
            {
                "connectorId": int(evse),
                "measurand": measurand,
                "phase": phase,
                "min": low,
                "max": high,
                "avg": round(total / count, 6) if count else None,
                "sum": total,
                "count": count,
                "lastValue": last,
                "lastTime": datetime.fromtimestamp(at, UTC),
                "unit": unit,
            }
        )
    return rows
