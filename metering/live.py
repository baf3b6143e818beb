"""Live statistics: minimum, maximum, mean, sum, count and last value of the past 24 hours.

Per EVSE, measurand, phase and location, off the reply path. They live in Redis and may be lost. A hash holds
four hours of one charge point, so that old extremes fall out by TTL while the station goes on reporting.
What a flush gathered is merged by a few script calls in one round trip; hash tags keep the keys of a call
in one slot of a Redis Cluster.
"""

import asyncio
import functools
import itertools
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from time import time
from typing import Any

import orjson
import redis
import redis.asyncio
from django.conf import settings

from metering.ingest.message import MeterMessage
from metering.metrics import LIVE_FAILED
from metering.periodic import Coalesced
from metering.readings import Kind

WINDOW_S = 24 * 3600
BUCKET_S = 4 * 3600
BUCKETS = WINDOW_S // BUCKET_S + 1
INTERVAL_S = 2.0
# Stations per round trip, and the pause after each.
SLICE = 100
BREATH_S = 0.01
# Groups of charge points that share a hash tag, and a script call.
TAGS = 32
# Merges {field: [min, max, sum, count, last, at, unit]} into the hash of each key.
MERGE = """
for i, key in ipairs(KEYS) do
  for field, new in pairs(cjson.decode(ARGV[i * 2 - 1])) do
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
  redis.call('EXPIREAT', key, ARGV[i * 2])
end
"""

Statistics = list[Any]  # [min, max, sum, count, last, at (epoch seconds), unit]
# (charge point, bucket, EVSE number)
Place = tuple[int, int, int]


class LiveStatistics:
    """Gathers for a second, then merges into Redis."""

    def __init__(self) -> None:
        self._gathered: dict[Place, dict[Kind, Statistics]] = {}
        self._redis = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2)
        self._merge = self._redis.register_script(MERGE)
        self._coalesced = Coalesced(INTERVAL_S, lambda: bool(self._gathered), self._flush)

    def note(self, messages: list[MeterMessage]) -> None:
        """Take stored readings; never waits."""
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
        self._coalesced.wake()

    async def close(self) -> None:
        await self._coalesced.close()
        await self._redis.aclose()

    async def _flush(self) -> None:
        """In slices with a breath between: a gateway with thousands of stations must not stall its answers."""
        gathered, self._gathered = self._gathered, {}
        places = iter(gathered.items())
        while part := dict(itertools.islice(places, SLICE)):
            try:
                await self._merge_part(part)
            except (redis.RedisError, OSError):
                LIVE_FAILED.inc()
            await asyncio.sleep(BREATH_S)

    async def _merge_part(self, part: dict[Place, dict[Kind, Statistics]]) -> None:
        """One round trip."""
        hashes: defaultdict[tuple[int, int], dict[str, Statistics]] = defaultdict(dict)
        for (charge_point_id, bucket, evse_number), kinds in part.items():
            fields = hashes[charge_point_id, bucket]
            for kind, statistics in kinds.items():
                fields[f"{evse_number}|{kind.measurand}|{kind.phase}|{kind.location}"] = statistics
        calls: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for charge_point_id, bucket in hashes:
            calls[charge_point_id % TAGS].append((charge_point_id, bucket))
        async with self._redis.pipeline(transaction=False) as pipeline:
            for places in calls.values():
                arguments: list[Any] = []
                for place in places:
                    arguments += [orjson.dumps(hashes[place]), (place[1] + 1) * BUCKET_S + WINDOW_S]
                await self._merge(keys=[_key(*place) for place in places], args=arguments, client=pipeline)
            await pipeline.execute()


def live_statistics(charge_point_id: int) -> list[dict[str, Any]]:
    """`{connectorId, measurand, phase, location, min, max, avg, sum, count, lastValue, lastTime, unit}` each.

    Empty without Redis.
    """
    return live_statistics_of([charge_point_id])[charge_point_id]


def live_statistics_of(charge_point_ids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """As `live_statistics`, of many charge points in one round trip."""
    ids = list(charge_point_ids)
    newest = int(time()) // BUCKET_S + 1
    # The oldest bucket overlaps the window's edge; the newest is for clocks that are a little ahead.
    buckets = range(newest - BUCKETS, newest + 1)
    try:
        with _client().pipeline(transaction=False) as pipeline:
            for charge_point_id in ids:
                for bucket in buckets:
                    pipeline.hgetall(_key(charge_point_id, bucket))
            hashes: list[dict[bytes, bytes]] = pipeline.execute()
    except redis.RedisError:
        return {charge_point_id: [] for charge_point_id in ids}
    width = len(buckets)
    return {one: _merged(hashes[index * width : (index + 1) * width]) for index, one in enumerate(ids)}


@functools.cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def _key(charge_point_id: int, bucket: int) -> str:
    return f"{{csms:live:{charge_point_id % TAGS}}}:{charge_point_id}:{bucket}"


def _merged(hashes: list[dict[bytes, bytes]]) -> list[dict[str, Any]]:
    merged: dict[bytes, Statistics] = {}
    for fields in hashes:
        for name, packed in fields.items():
            new = orjson.loads(packed)
            old = merged.get(name)
            if old is not None:
                new[:4] = [min(old[0], new[0]), max(old[1], new[1]), old[2] + new[2], old[3] + new[3]]
                if old[5] > new[5]:
                    new[4:6] = old[4:6]
            merged[name] = new
    return [_row(name.decode(), merged[name]) for name in sorted(merged)]


def _row(name: str, statistics: Statistics) -> dict[str, Any]:
    evse, measurand, phase, location = name.split("|", 3)
    low, high, total, count, last, at, unit = statistics
    return {
        "connectorId": int(evse),
        "measurand": measurand,
        "phase": phase,
        "location": location,
        "min": low,
        "max": high,
        "avg": round(total / count, 6),
        "sum": total,
        "count": count,
        "lastValue": last,
        "lastTime": datetime.fromtimestamp(at, UTC),
        "unit": unit,
    }
