"""Processes die at random for minutes, PostgreSQL and Redis too; afterwards everything is as the stations know it.

Three gateways without affinity, two web processes, two workers, two senders of events, one beat; stations that charge, a
program that gives orders, a receiver of webhooks and a reader of the feed. Every few seconds one of the processes is killed
(SIGKILL) and comes back. Then: nothing acknowledged is lost, nothing is doubled, every event was delivered.

Run with `scripts/test chaos`; `-s` shows the figures. CSMS_CHAOS_STATIONS, CSMS_CHAOS_SECONDS, CSMS_CHAOS_PERIOD_S and
CSMS_CHAOS_SEED make it smaller, or play it again.
"""

import os
import random
from collections.abc import AsyncIterator

import pytest

from tests.e2e.cluster import Killer
from tests.scaleout.worlds import World, world_of

pytestmark = pytest.mark.chaos

STATIONS = int(os.environ.get("CSMS_CHAOS_STATIONS", "300"))
SECONDS = float(os.environ.get("CSMS_CHAOS_SECONDS", "300"))
PERIOD_S = float(os.environ.get("CSMS_CHAOS_PERIOD_S", "4"))
SEED = int(os.environ.get("CSMS_CHAOS_SEED") or random.randrange(10**6))
# A lease runs out, a task is taken over, a pause is slept through: none of them takes longer.
PATIENCE_S = 300


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with world_of(stations=STATIONS, seed=SEED, gateways=3, webs=2, workers=2, senders=2) as world:
        yield world


async def test_random_processes_die_and_all_is_as_the_stations_know_it(world: World) -> None:
    killer = Killer(world.cluster, period_s=PERIOD_S, seed=SEED)
    await world.open()
    await killer.run(SECONDS)
    print(f"\nseed {SEED}; {len(killer.log)} killed: {killer.told()}")  # noqa: T201
    await world.end(PATIENCE_S)
    # There was something to lose.
    assert len(world.journal.sessions) > STATIONS / 2
    assert world.journal.energy_wh > 0
    assert len(world.orders.acknowledged) > SECONDS / 20
