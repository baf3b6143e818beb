"""Live statistics as the API shows them: base and merged fields of all hashes in the window, put together."""

import functools
from collections.abc import Iterable
from datetime import UTC, datetime
from time import time
from typing import Any

import orjson
import redis
from django.conf import settings

from metering.live.keys import BASE, BUCKET_S, BUCKETS, Statistics, hash_key
from tenants.redis_servers import connect


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
                    pipeline.hgetall(hash_key(charge_point_id, bucket))
            hashes: list[dict[bytes, bytes]] = pipeline.execute()
    except redis.RedisError:
        return {charge_point_id: [] for charge_point_id in ids}
    width = len(buckets)
    return {one: _merged(hashes[index * width : (index + 1) * width]) for index, one in enumerate(ids)}


@functools.cache
def _client() -> redis.Redis:
    return connect(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def _merged(hashes: list[dict[bytes, bytes]]) -> list[dict[str, Any]]:
    merged: dict[str, Statistics] = {}
    for fields in hashes:
        for field, packed in fields.items():
            if not field:
                # The epoch's name.
                continue
            name = field.decode().removeprefix(BASE)
            new = orjson.loads(packed)
            old = merged.get(name)
            if old is not None:
                new[:4] = [min(old[0], new[0]), max(old[1], new[1]), old[2] + new[2], old[3] + new[3]]
                if old[5] > new[5]:
                    new[4:6] = old[4:6]
            merged[name] = new
    return [_row(name, merged[name]) for name in sorted(merged)]


def _row(name: str, statistics: Statistics) -> dict[str, Any]:
    evse, measurand, phase, location, _ = name.split("|", 4)
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
