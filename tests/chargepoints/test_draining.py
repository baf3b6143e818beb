"""A gateway that is told to end: what it has begun is finished first."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

import psycopg
import pytest
import websockets
from django.conf import settings

from chargepoints.gateway import runtime
from chargepoints.models import StationConnection, Transaction
from csms.draining import SIGNALS, Drained
from tenants.models import Tenant
from tests.chargepoints.test_commands import ends, send, state_of
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import PATIENCE_S, Connect, SecondGateway, connect_to

SERVICE_RESTART = 1012
# Tables of the other workers' databases have the same numbers.
BLOCKED = """
SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database AND datname = current_database()
WHERE NOT granted AND relation = %s::regclass
"""
SESSIONS, PLACES = "chargepoints_transaction", "chargepoints_stationconnection"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is under way may take its time."""
    monkeypatch.setattr(runtime, "DRAIN_S", PATIENCE_S)


def owner() -> "psycopg.Connection[Any]":
    named = {name.lower(): settings.DATABASES["owner"][name] for name in ("USER", "PASSWORD", "HOST", "PORT")}
    return psycopg.connect(dbname=settings.DATABASES["owner"]["NAME"], **named)


@contextmanager
def locked(table: str) -> Iterator[None]:
    """Nobody can write to it meanwhile: start a session, take a station's place."""
    with owner() as other:
        other.execute(f"LOCK TABLE {table} IN SHARE MODE")
        yield
        other.rollback()


async def waits_for(table: str) -> None:
    with owner() as looking:
        looking.autocommit = True
        await eventually(lambda: looking.execute(BLOCKED, [table]).fetchone() != (0,))


async def turns_away(connect: Connect, identity: str = "CP2") -> bool:
    """Another station is told to come later."""
    try:
        async with connect(f"/ocpp/acme/{identity}"):
            return False
    except websockets.InvalidStatus as refused:
        return refused.response.status_code == 503 and int(refused.response.headers["Retry-After"]) > 0


async def test_what_is_being_handled_is_answered_before_the_station_is_sent_away(
    tenant: Tenant, connect: Connect
) -> None:
    async with connect() as station:
        await station.boot()
        with locked(SESSIONS):
            start = asyncio.create_task(station.start())
            await waits_for(SESSIONS)
            draining = asyncio.create_task(runtime.drain_gateway())
            await eventually(lambda: turns_away(connect))
        assert (await start)["transactionId"] > 0
        assert await station.closed() == SERVICE_RESTART
        await draining
    assert await stored(tenant, Transaction.objects.count) == 1


async def test_who_is_just_coming_in_is_turned_away_and_holds_no_place(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.boot()
    await eventually(lambda: stored(tenant, lambda: not StationConnection.objects.exists()))
    with locked(PLACES):
        coming = asyncio.create_task(turns_away(connect, "CP1"))
        await waits_for(PLACES)
        await runtime.drain_gateway()
    assert await coming
    await eventually(lambda: stored(tenant, lambda: not StationConnection.objects.exists()))


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_the_wait_and_the_server_is_told_once(second: signal.Signals) -> None:
    told: list[int] = []
    go_on = asyncio.Event()

    def end(number: int, frame: FrameType | None) -> None:
        told.append(number)

    async def drain() -> None:
        await go_on.wait()

    drained = Drained(drain, dict.fromkeys(SIGNALS, end), asyncio.get_running_loop())
    drained(signal.SIGTERM, None)
    await asyncio.sleep(0)
    assert told == []
    drained(second, None)
    assert told == [second]
    go_on.set()
    await eventually(lambda: drained.is_over)
    assert told == [second]
    # Whoever asks once more means it.
    drained(second, None)
    assert told == [second, second]


async def test_a_station_is_waited_for_that_owes_an_answer_and_asked_nothing_more(
    tenant: Tenant, connect: Connect
) -> None:
    async with connect() as station:
        first = await send(tenant)
        await eventually(lambda: station.asked)
        waiting = await send(tenant, "ClearCache", payload={})
        draining = asyncio.create_task(runtime.drain_gateway())
        await station.send(f'[3,"{first.pk}",{{"status":"Accepted"}}]')
        assert await station.closed() == SERVICE_RESTART
        await draining
        await ends(tenant, first, "accepted")
        assert len(station.asked) == 1
    assert await state_of(tenant, waiting) == "queued"


async def test_a_station_that_never_answers_does_not_keep_the_process(
    tenant: Tenant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "DRAIN_S", 0.2)
    async with connect() as station:
        command = await send(tenant)
        await eventually(lambda: station.asked)
        await runtime.drain_gateway()
        assert await station.closed() == SERVICE_RESTART
        await ends(tenant, command, "failed")


async def test_the_signal_drains_first(tenant: Tenant, second_gateway: SecondGateway) -> None:
    async with connect_to(second_gateway.address, "/ocpp/acme/CP1") as station:
        await station.boot()
        with locked(SESSIONS):
            start = asyncio.create_task(station.start())
            await waits_for(SESSIONS)
            second_gateway.process.send_signal(signal.SIGTERM)
            await eventually(lambda: turns_away(partial(connect_to, second_gateway.address)))
        assert (await start)["transactionId"] > 0
        assert await station.closed() == SERVICE_RESTART
    await asyncio.to_thread(second_gateway.process.wait, PATIENCE_S)
