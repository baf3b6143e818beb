"""Servers go away under load; every acknowledged value is in the table afterwards, once (DESIGN §7.1).

Run with `scripts/test chaos`; `-s` shows the figures. Each test has a fleet of its own on one set of servers.
"""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis
from celery import Celery

from metering.ingest.spill import GROUP, STREAM, VALUES
from tests.conftest import eventually
from tests.e2e.charging import TENANT, Fleet
from tests.e2e.stack import Stack, running_stack

pytestmark = pytest.mark.chaos

STATIONS = 500
AWAY_S = 60
WORKER_KILLS = 5
# The beat flushes every 30 s, and takes over what a dead worker held after a minute.
DRAINED_S = 180
LIVE_COUNTS = """
from tenants.context import system_transaction
from chargepoints.models import ChargePoint
from metering.live import live_statistics_of
with system_transaction():
    ids = list(ChargePoint.objects.filter(identity__startswith="{}-").values_list("pk", flat=True))
print(sum(row["count"] for rows in live_statistics_of(ids).values() for row in rows))
"""
STORED_COUNT = """
SELECT count(*) FROM metering_sample m JOIN metering_series s ON s.id = m.series_id
JOIN chargepoints_chargepoint c ON c.id = s.charge_point_id WHERE c.identity LIKE '{}-%'
"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(TENANT) as stack:
        yield stack


@pytest.fixture
async def fleet(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Fleet]:
    await eventually(stack.gateway_listens, 60)
    fleet = Fleet(stack, f"F{abs(hash(request.node.name)) % 10**8}", STATIONS)
    supervising = asyncio.create_task(supervise(stack))
    await fleet.start()
    yield fleet
    await fleet.stop()
    supervising.cancel()
    await asyncio.gather(supervising, return_exceptions=True)


@pytest.fixture
def redis_client(stack: Stack) -> Iterator[Any]:
    with redis.Redis.from_url(stack.redis.url(), socket_timeout=5) as client:
        yield client


async def supervise(stack: Stack) -> None:
    while True:
        await asyncio.sleep(1)
        stack.supervise()


async def revive(stack: Stack, server: Any) -> None:
    # From the main thread: a server dies with the thread that started it.
    stack.restart(server)
    await asyncio.to_thread(server.wait_ready)


async def finish(fleet: Fleet, client: Any) -> None:
    """Let the stations go on for a while, end, and wait until worker and beat have drained the stream."""
    await asyncio.sleep(10)
    await fleet.stop()
    loop = asyncio.get_running_loop()
    started = loop.time()
    while client.xlen(STREAM):
        assert loop.time() - started < DRAINED_S
        await asyncio.sleep(0.5)
    print(f"\ndrained {loop.time() - started:.0f} s after the last message")  # noqa: T201
    assert int(client.get(VALUES) or 0) == 0
    await asyncio.to_thread(fleet.check)


@pytest.mark.parametrize("way", ["stopped", "killed"])
async def test_postgres_away_for_a_minute_loses_nothing(
    stack: Stack, fleet: Fleet, redis_client: Any, way: str
) -> None:
    before = fleet.acknowledged
    if way == "stopped":
        await asyncio.to_thread(stack.postgres.stop)
    else:
        await asyncio.to_thread(stack.kill, stack.postgres)
    await asyncio.sleep(AWAY_S)
    meanwhile = fleet.acknowledged - before
    print(f"\n{meanwhile} messages acknowledged while PostgreSQL was away for {AWAY_S} s")  # noqa: T201
    await revive(stack, stack.postgres)
    await finish(fleet, redis_client)
    # Nobody was kept waiting: half of the usual rate at least.
    assert meanwhile > STATIONS * AWAY_S / 2


async def test_redis_killed_and_emptied_loses_nothing_and_live_statistics_come_back(
    stack: Stack, fleet: Fleet, redis_client: Any
) -> None:
    await asyncio.sleep(10)
    before = fleet.acknowledged
    await asyncio.to_thread(stack.kill, stack.redis)
    await asyncio.sleep(20)
    meanwhile = fleet.acknowledged - before
    for part in ("appendonlydir", "appendonly.aof", "dump.rdb"):
        path = stack.redis.folder / part
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    await revive(stack, stack.redis)
    back = asyncio.get_running_loop().time()
    await finish(fleet, redis_client)
    assert meanwhile > STATIONS * 20 / 2
    ((stored,),) = stack.query(STORED_COUNT.format(fleet.name))
    while int(await asyncio.to_thread(stack.shell, LIVE_COUNTS.format(fleet.name))) != stored:
        assert asyncio.get_running_loop().time() - back < 90
    seconds = asyncio.get_running_loop().time() - back
    print(f"\nlive statistics of all {stored} values {seconds:.0f} s after Redis was back, empty")  # noqa: T201


async def test_a_gateway_killed_under_load_loses_nothing(stack: Stack, fleet: Fleet, redis_client: Any) -> None:
    for _ in range(3):
        await asyncio.sleep(random.uniform(5, 8))
        stack.kill_process("gateway")
        stack.start_gateway()
    await asyncio.sleep(20)
    await finish(fleet, redis_client)


async def test_workers_killed_in_the_middle_of_flushes_lose_nothing_and_double_nothing(
    stack: Stack, fleet: Fleet, redis_client: Any
) -> None:
    await asyncio.to_thread(stack.kill, stack.postgres)
    await asyncio.sleep(AWAY_S / 2)
    celery = Celery(broker=stack.redis.url(), set_as_current=False)
    stack.kill_process("worker")
    await revive(stack, stack.postgres)
    killed = 0
    while killed < WORKER_KILLS and redis_client.xlen(STREAM):
        stack.start_worker()
        celery.send_task("metering.tasks.flush_spilled")
        await _until_draining(redis_client)
        await asyncio.sleep(random.uniform(0, 0.3))
        stack.kill_process("worker")
        killed += 1
        held = redis_client.xpending(STREAM, GROUP)["pending"]
        print(f"\nworker killed: {held} entries in its hands, {redis_client.xlen(STREAM)} in the stream")  # noqa: T201
    # One that had just finished a transaction holds nothing.
    assert killed >= 2
    assert redis_client.xpending(STREAM, GROUP)["pending"] > 0
    stack.start_worker()
    await finish(fleet, redis_client)


async def _until_draining(client: Any) -> None:
    """A worker has entries in its hands that no dead one held."""
    known = {one["name"] for one in _consumers(client)}
    async with asyncio.timeout(60):
        while not any(one["pending"] for one in _consumers(client) if one["name"] not in known):
            await asyncio.sleep(0.002)


def _consumers(client: Any) -> list[Any]:
    try:
        return list(client.xinfo_consumers(STREAM, GROUP))
    except redis.ResponseError:
        # No worker has looked at the stream yet.
        return []


async def test_everything_killed_one_after_the_other_and_together_loses_nothing(
    stack: Stack, fleet: Fleet, redis_client: Any
) -> None:
    """A gateway just before PostgreSQL: its sockets are new, and have met no session yet."""
    stack.kill_process("gateway")
    stack.start_gateway()
    await asyncio.sleep(8)
    await asyncio.to_thread(stack.kill, stack.postgres)
    await asyncio.sleep(8)
    await asyncio.to_thread(stack.kill, stack.redis)
    await asyncio.sleep(3)
    await revive(stack, stack.redis)
    await asyncio.sleep(3)
    stack.kill_process("gateway")
    await revive(stack, stack.postgres)
    stack.start_gateway()
    await asyncio.sleep(15)
    await finish(fleet, redis_client)
