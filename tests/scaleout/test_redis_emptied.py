"""Redis is killed and comes back empty in the middle of the day: what lived there is rebuilt within a minute.

Run with `scripts/test chaos`.
"""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.e2e.cluster import REDIS, Cluster
from tests.scaleout.worlds import World, world_of

pytestmark = pytest.mark.chaos

STATIONS = 30
PATIENCE_S = 300
AWAY_S = 10
REBUILT_WITHIN_S = 60
# By the channel layer a command is out at once; by the gateway's beat it takes up to three seconds.
AT_ONCE_S = 1.0


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with world_of(stations=STATIONS, trouble=False, gateways=2, webs=1, workers=1, senders=1) as world:
        yield world


def empty(cluster: Cluster) -> None:
    """Nothing of it is left on the disk."""
    for part in ("appendonlydir", "appendonly.aof", "dump.rdb"):
        path = cluster.redis.folder / part
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


async def order_takes_s(world: World) -> float:
    """From the order to the station's answer, of a command to a station that is connected elsewhere."""
    began = time.monotonic()
    answer = await world.program.ask("POST", "/chargepoints/SIM-0000/clear-cache?wait=10", json={})
    world.orders.acknowledged[answer["data"]["commandId"]] = ""
    assert answer["data"]["status"] == "accepted", answer
    return time.monotonic() - began


async def readings_shown_live(world: World) -> int:
    """Of one station, by the API."""
    answer = await world.program.ask("GET", "/chargepoints/SIM-0000/meter-values/latest")
    return sum(row["count"] for row in answer["data"])


async def readings_stored(world: World) -> int:
    return await world.count(
        "metering_sample m JOIN metering_series s ON s.id = m.series_id "
        "JOIN chargepoints_chargepoint c ON c.id = s.charge_point_id WHERE c.identity = 'SIM-0000'"
    )


async def requests_left(world: World) -> int:
    """Of the tenant's limit; absent while nothing counts them."""
    answer = await world.program.request("GET", "/chargepoints?limit=1")
    return int(answer.headers.get("X-RateLimit-Remaining", -1))


async def within(world: World, seconds: float, holds: Callable[[], Any]) -> float:
    """Seconds until it held. AssertionError after so long."""
    began = time.monotonic()
    while not await holds():
        assert time.monotonic() - began < seconds
        world.cluster.supervise()
        await asyncio.sleep(0.5)
    return time.monotonic() - began


async def test_redis_restarted_empty_is_rebuilt_within_a_minute_and_no_command_is_stuck(world: World) -> None:
    await world.open()
    await asyncio.sleep(15)
    assert await requests_left(world) > 0
    world.cluster.kill_hard(REDIS)
    # Without Redis: commands come by the gateways' beat, requests pass uncounted.
    assert await order_takes_s(world) < 10
    assert await requests_left(world) == -1
    await asyncio.sleep(AWAY_S)
    empty(world.cluster)
    world.cluster.start(REDIS)
    back = time.monotonic()
    await asyncio.to_thread(world.cluster.redis.wait_ready)

    async def subscribed() -> bool:
        return await order_takes_s(world) < AT_ONCE_S

    async def live() -> bool:
        return await readings_shown_live(world) == await readings_stored(world) > 0

    async def counted() -> bool:
        return await requests_left(world) > 0

    async def tasks_run() -> bool:
        made_since = "metering_chargedetailrecord WHERE created_at > now() - interval '10 s'"
        return await world.count(made_since) > 0

    took = {
        check.__name__: await within(world, REBUILT_WITHIN_S, check) for check in (counted, subscribed, live, tasks_run)
    }
    # One after the other: together they took no longer than a minute and the beat's own.
    print(f"\nafter Redis was back, empty: { ({name: f'{s:.1f} s' for name, s in took.items()}) }")  # noqa: T201
    assert time.monotonic() - back < REBUILT_WITHIN_S + 30
    clients = await world.program.ask("GET", "/clients?limit=100")
    assert len(clients["data"]) == STATIONS
    await world.end(PATIENCE_S)
