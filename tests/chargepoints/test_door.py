"""Thousands at the door: who is turned away, who gets in, and what it costs (issue: all come back after a restart)."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets

from chargepoints.gateway import door
from chargepoints.gateway.runtime import get_gateway
from chargepoints.metrics import SIGN_INS_ABANDONED, SIGN_INS_TURNED_AWAY
from chargepoints.models import ChargePoint, StationConnection
from chargepoints.services.entering import EntryRequest, enter_together
from chargepoints.services.provisioning import create_charge_point
from tenants.context import tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import Connect, connect_to

UPGRADE = (
    "GET /ocpp/acme/{} HTTP/1.1\r\nHost: csms\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)


class Porter:
    """Stands in the way of the groups until it steps aside; notes who was in each."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.steps_aside = threading.Event()

    def enter_together(self, requests: list[EntryRequest]) -> Any:
        self.groups.append([request.address.identity for request in requests])
        assert self.steps_aside.wait(60)
        return enter_together(requests)


@pytest.fixture
async def porter(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Porter]:
    one = Porter()
    monkeypatch.setattr(door, "enter_together", one.enter_together)
    yield one
    one.steps_aside.set()


class Entrants:
    """Stations that connect at the same time, and what became of each."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self.leave = asyncio.Event()

    def send(self, *identities: str) -> None:
        for identity in identities:
            self._tasks[identity] = asyncio.create_task(self._go(identity))

    async def _go(self, identity: str) -> None:
        async with connect_to(self._gateway, f"/ocpp/acme/{identity}") as station:
            await station.call("Heartbeat")
            await self.leave.wait()

    async def refusal(self, identity: str) -> Any:
        """The answer to the one that was turned away."""
        with pytest.raises(websockets.InvalidStatus) as caught:
            await self._tasks.pop(identity)
        return caught.value.response

    async def close(self) -> None:
        self.leave.set()
        await asyncio.gather(*self._tasks.values())


@pytest.fixture
async def entrants(gateway: str, porter: Porter) -> AsyncIterator[Entrants]:
    some = Entrants(gateway)
    yield some
    porter.steps_aside.set()
    await some.close()


async def occupy(tenant: Tenant, entrants: Entrants, porter: Porter) -> None:
    """Both groups that may be under way are."""
    await stored(tenant, lambda: [make_station(name) for name in ("CP1", "CP2")])
    for number, name in enumerate(("CP1", "CP2"), 1):
        entrants.send(name)
        await eventually(lambda number=number: len(porter.groups) == number)


def make_station(name: str) -> ChargePoint:
    station, _ = create_charge_point(identity=name, security_profile=0)
    return station


def online(tenant: Tenant) -> set[str]:
    with tenant_transaction(tenant.pk):
        return set(StationConnection.objects.live().values_list("charge_point__identity", flat=True))


async def waiting() -> int:
    return len((await get_gateway()).door._together)


async def hang_up(gateway: str, identity: str, condition: Any) -> None:
    """Ask for the upgrade, wait for `condition`, close without having got an answer."""
    host, _, port = gateway.removeprefix("ws://").partition(":")
    _reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(UPGRADE.format(identity).encode())
    await eventually(condition)
    writer.close()


async def test_a_full_gateway_turns_away_at_once_with_retry_after_and_those_before_get_in(
    tenant: Tenant, entrants: Entrants, porter: Porter, settings: Any
) -> None:
    settings.GATEWAY_SIGN_IN_WAIT_SECONDS = 0.05
    turned_away = SIGN_INS_TURNED_AWAY._value.get()
    await occupy(tenant, entrants, porter)
    line = (await get_gateway()).door._together
    await eventually(lambda: line.wait_s > 0.05)
    entrants.send("CP3")
    answer = await entrants.refusal("CP3")
    assert answer.status_code == 503
    assert 5 <= int(answer.headers["Retry-After"]) <= 120
    assert SIGN_INS_TURNED_AWAY._value.get() == turned_away + 1
    porter.steps_aside.set()
    await eventually(lambda: asyncio.to_thread(lambda: online(tenant) == {"CP1", "CP2"}))
    assert porter.groups == [["CP1"], ["CP2"]]


def test_those_turned_away_do_not_come_again_together() -> None:
    waits = {door.retry_after(30) for _ in range(200)}
    assert len(waits) > 10
    assert min(waits) >= 30
    assert max(waits) <= 60


async def test_who_has_hung_up_while_it_waited_costs_no_query(
    tenant: Tenant, gateway: str, entrants: Entrants, porter: Porter
) -> None:
    await occupy(tenant, entrants, porter)
    abandoned = SIGN_INS_ABANDONED._value.get()

    async def is_in_line() -> bool:
        return await waiting() == 1

    await hang_up(gateway, "GONE", is_in_line)
    await eventually(lambda: SIGN_INS_ABANDONED._value.get() == abandoned + 1)
    porter.steps_aside.set()
    await eventually(lambda: asyncio.to_thread(lambda: online(tenant) == {"CP1", "CP2"}))
    assert porter.groups == [["CP1"], ["CP2"]]


async def test_who_hangs_up_while_it_is_let_in_gives_its_place_up(
    tenant: Tenant, gateway: str, entrants: Entrants, porter: Porter
) -> None:
    await stored(tenant, lambda: make_station("GONE"))
    await hang_up(gateway, "GONE", lambda: porter.groups == [["GONE"]])
    porter.steps_aside.set()

    def told() -> list[str]:
        return list(OutboxEvent.objects.order_by("id").values_list("event_type", flat=True))

    came_and_went = ["chargepoint.online", "chargepoint.offline"]
    await eventually(lambda: stored(tenant, lambda: told() == came_and_went))
    assert not await stored(tenant, StationConnection.objects.exists)


async def test_those_who_come_meanwhile_are_let_in_together(tenant: Tenant, entrants: Entrants, porter: Porter) -> None:
    names = [f"MANY-{number}" for number in range(8)]
    await stored(tenant, lambda: [make_station(name) for name in names])
    await occupy(tenant, entrants, porter)
    entrants.send(*names)

    async def all_wait() -> bool:
        return await waiting() == len(names)

    await eventually(all_wait)
    porter.steps_aside.set()
    await eventually(lambda: asyncio.to_thread(lambda: online(tenant) == {"CP1", "CP2", *names}))
    assert [sorted(group) for group in porter.groups] == [["CP1"], ["CP2"], names]


async def test_a_station_whose_row_is_taken_does_not_hold_up_those_beside_it(
    tenant: Tenant, entrants: Entrants, porter: Porter
) -> None:
    await stored(tenant, lambda: [make_station(name) for name in ("BUSY", "FREE")])
    may_end, has_begun = threading.Event(), threading.Event()

    def hold() -> None:
        with tenant_transaction(tenant.pk):
            ChargePoint.objects.select_for_update().get(identity="BUSY")
            has_begun.set()
            assert may_end.wait(60)

    holding = asyncio.create_task(asyncio.to_thread(hold))
    await asyncio.to_thread(has_begun.wait, 60)
    await occupy(tenant, entrants, porter)
    entrants.send("BUSY", "FREE")

    async def both_wait() -> bool:
        return await waiting() == 2

    await eventually(both_wait)
    porter.steps_aside.set()
    await eventually(lambda: asyncio.to_thread(lambda: online(tenant) == {"CP1", "CP2", "FREE"}))
    may_end.set()
    await holding
    await eventually(lambda: asyncio.to_thread(lambda: "BUSY" in online(tenant)))


async def test_a_new_station_is_let_in_by_itself(tenant: Tenant, connect: Connect) -> None:
    async with connect("/ocpp/acme/NEW") as station:
        assert (await station.boot())["status"] == "Accepted"
