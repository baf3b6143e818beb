"""A gateway that is told to end: what it has begun is finished first."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest
import websockets
from django.conf import settings

from chargepoints.gateway import runtime
from chargepoints.models import Transaction
from tenants.models import Tenant
from tests.chargepoints.test_commands import ends, send, state_of
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import Connect, SecondGateway, connect_to

SERVICE_RESTART = 1012
BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'chargepoints_transaction'::regclass"


def owner() -> "psycopg.Connection[Any]":
    named = {name.lower(): settings.DATABASES["owner"][name] for name in ("USER", "PASSWORD", "HOST", "PORT")}
    return psycopg.connect(dbname=settings.DATABASES["owner"]["NAME"], **named)


@contextmanager
def sessions_locked() -> Iterator[None]:
    """Nobody can start a session meanwhile."""
    with owner() as other:
        other.execute("LOCK TABLE chargepoints_transaction IN SHARE MODE")
        yield
        other.rollback()


async def waits_for_a_lock() -> None:
    with owner() as looking:
        looking.autocommit = True
        await eventually(lambda: looking.execute(BLOCKED).fetchone() != (0,))


async def turns_away(connect: Connect) -> bool:
    """Another station is told to come later."""
    try:
        async with connect("/ocpp/acme/CP2"):
            return False
    except websockets.InvalidStatus as refused:
        return refused.response.status_code == 503 and int(refused.response.headers["Retry-After"]) > 0


async def test_what_is_being_handled_is_answered_before_the_station_is_sent_away(
    tenant: Tenant, connect: Connect
) -> None:
    async with connect() as station:
        await station.boot()
        with sessions_locked():
            start = asyncio.create_task(station.start())
            await waits_for_a_lock()
            draining = asyncio.create_task(runtime.drain_gateway())
            await eventually(lambda: turns_away(connect))
        assert (await start)["transactionId"] > 0
        assert await station.closed() == SERVICE_RESTART
        await draining
    assert await stored(tenant, Transaction.objects.count) == 1


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
        with sessions_locked():
            start = asyncio.create_task(station.start())
            await waits_for_a_lock()
            second_gateway.process.send_signal(signal.SIGTERM)
            await eventually(lambda: turns_away(partial(connect_to, second_gateway.address)))
        assert (await start)["transactionId"] > 0
        assert await station.closed() == SERVICE_RESTART
    await asyncio.to_thread(second_gateway.process.wait, 60)
