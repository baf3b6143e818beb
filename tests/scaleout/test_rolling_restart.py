"""Gateways, web processes, workers and senders are restarted one after the other by SIGTERM, under load: nothing is lost.

Run with `scripts/test chaos`.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.scaleout.worlds import TENANT, World, world_of
from tests.stations import connect_to

pytestmark = pytest.mark.chaos

STATIONS = 40
PATIENCE_S = 300
SERVICE_RESTART = 1012
# Longer than a handler and the grace that a process is given.
DRAINED_S = 60


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with world_of(stations=STATIONS, trouble=False, gateways=2, webs=2, workers=2, senders=2) as world:
        yield world


async def restart(world: World, name: str) -> None:
    """As a deployment does it: ask, wait for its end, start the next."""
    status = await asyncio.to_thread(world.cluster.terminate, name, DRAINED_S)
    # uvicorn ends by the signal that it was sent, once it has drained.
    assert status in {0, -15}, f"{name} ended with {status}"
    world.cluster.start(name)
    await world.until(lambda: asyncio.to_thread(world.cluster.all_listen), True, PATIENCE_S)


async def close_code_at(world: World, port: int, restarting: Any) -> int:
    """What a station of this gateway is told when it goes."""
    async with connect_to(f"ws://127.0.0.1:{port}", f"/ocpp/{TENANT}/WATCH") as station:
        await station.boot()
        code, _ = await asyncio.gather(station.closed(), restarting)
        return code


async def test_every_process_restarted_in_turn_under_load_loses_nothing(world: World) -> None:
    await world.open(order_pause_s=0.05)
    for number, port in enumerate(world.cluster.gateway_ports):
        assert await close_code_at(world, port, restart(world, f"gateway-{number}")) == SERVICE_RESTART
    for name in ("web-0", "web-1", "worker-0", "worker-1", "sender-0", "sender-1", "beat"):
        await restart(world, name)
    await world.end(PATIENCE_S, leaving_out="WATCH")
    # A program that asks a process on its way out gets an answer, or none at all: never a refusal of its order.
    assert not {status for status in world.program.retried if status in {"500", "502"}}
