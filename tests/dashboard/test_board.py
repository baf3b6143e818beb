"""What the live board shows, to whom, and what its pages are told."""

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import REGISTRY

from chargepoints.models import ChargePoint, Connector, Registration, Site, Transaction
from csms.asgi import application
from csms.dashboard import board_socket
from csms.dashboard.board import Board, Place, Tile, board_of
from csms.dashboard.board_access import is_from_our_pages, session_key_of
from csms.dashboard.feed import BoardFeed
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Membership, Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import bring_online, make_session, make_station

PATIENCE_S = 30


def test_a_tile_says_what_its_connector_does(tenant: Tenant) -> None:
    station = make_station(tenant)
    session = make_session(station)
    bring_online(station)
    with tenant_transaction(tenant.pk):
        site = Site.objects.create(tenant=tenant, name="Depot")
        ChargePoint.objects.update(site=site)
        Connector.objects.update(status="Charging", error_code="NoError")
        Transaction.objects.update(last_power_w=Decimal("7200.4"), last_register_wh=session.meter_start_wh + 1500)
    tiles, sites = board_of(tenant.pk)
    tile = next(tile for tile in tiles.values() if tile.session)
    assert (tile.station, tile.evse, tile.status, tile.error, tile.site_id) == (
        station.identity,
        1,
        "Charging",
        "",
        site.pk,
    )
    assert tile.session is not None
    assert (tile.session.id, tile.session.energy_wh, tile.session.power_w) == (session.pk, 1500, 7200)
    assert sites == {site.pk: Place("Depot", None)}


def test_sites_come_with_where_they_are_and_only_where_something_stands(tenant: Tenant) -> None:
    make_station(tenant)
    with tenant_transaction(tenant.pk):
        depot = Site.objects.create(
            tenant=tenant, name="Depot", latitude=Decimal("53.550341"), longitude=Decimal("9.993682")
        )
        Site.objects.create(tenant=tenant, name="Half", latitude=Decimal(1))
        ChargePoint.objects.update(site=depot)
    assert board_of(tenant.pk).sites == {depot.pk: Place("Depot", (53.550341, 9.993682))}


def test_open_boards_and_what_they_are_told_are_counted(tenant: Tenant) -> None:
    def count(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    async def look() -> float:
        async def read(tenant_id: int) -> Board:
            return Board({"c1": tile(1)}, {})

        async def send(message: dict[str, Any]) -> None:
            pass

        feed = BoardFeed(tenant.pk, read)
        page = feed.open(1)
        async with asyncio.timeout(PATIENCE_S):
            await page.changed.wait()
        await board_socket._tell(feed, page, send)
        opened = count("csms_boards_open")
        feed.close(page)
        feed.close(page)
        return opened

    before = count("csms_boards_open"), count("csms_board_pushes_total", type="full"), count("csms_board_seconds_count")
    assert asyncio.run(look()) == before[0] + 1
    assert count("csms_boards_open") == before[0]
    assert count("csms_board_pushes_total", type="full") == before[1] + 1
    assert count("csms_board_seconds_count") == before[2] + 1


def test_what_is_offline_says_what_it_was(tenant: Tenant) -> None:
    make_station(tenant)
    with tenant_transaction(tenant.pk):
        Connector.objects.update(status="Available")
        ChargePoint.objects.update(last_seen_at=timezone.now() - timedelta(hours=3))
    tiles, _ = board_of(tenant.pk)
    assert {(tile.status, tile.reported) for tile in tiles.values()} == {("Offline", "Available")}


def test_a_station_that_never_came_and_one_that_waits_have_a_tile_each(tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.create(tenant=tenant, identity="NEW", identity_key="new")
        ChargePoint.objects.create(
            tenant=tenant, identity="WAITS", identity_key="waits", registration=Registration.PENDING
        )
    tiles, _ = board_of(tenant.pk)
    assert {(tile.station, tile.status) for tile in tiles.values()} == {("NEW", "NeverConnected"), ("WAITS", "Pending")}


def test_a_board_takes_as_many_queries_for_three_stations_as_for_one(tenant: Tenant) -> None:
    counts = []
    for number in range(3):
        make_session(make_station(tenant, f"CP{number}"), str(number))
        with CaptureQueriesContext(connections["default"]) as queries:
            board_of(tenant.pk)
        counts.append(len(queries))
    assert len(set(counts)) == 1


def test_another_tenants_stations_are_not_on_it(tenant: Tenant, other_tenant: Tenant) -> None:
    make_station(tenant)
    assert board_of(other_tenant.pk) == ({}, {})


@pytest.mark.parametrize(
    ("origin", "ours"),
    [
        ("http://office.example", True),
        ("https://office.example", True),
        ("http://office.example:8000", False),
        ("http://evil.example", False),
        ("null", False),
        ("", False),
        ("http://office.example.evil.example", False),
    ],
)
def test_only_our_own_pages_may_open_the_socket(origin: str, ours: bool) -> None:
    assert is_from_our_pages([(b"host", b"office.example"), (b"origin", origin.encode())]) is ours


@pytest.mark.parametrize("cookie", [b"", b"a=b", b"csms_session=", b"\xff=\xfe; ;;;", b"csms_session"])
def test_a_socket_without_a_session_has_no_key(cookie: bytes) -> None:
    assert session_key_of([(b"cookie", cookie)]) is None


def socket_of(session: str, origin: str = "http://testserver") -> WebsocketCommunicator:
    headers = [
        (b"host", b"testserver"),
        (b"origin", origin.encode()),
        (b"cookie", f"{settings.SESSION_COOKIE_NAME}={session}".encode()),
    ]
    return WebsocketCommunicator(application, board_socket.PATH, headers=headers)


def session_of(user: User) -> str:
    return office(user).cookies[settings.SESSION_COOKIE_NAME].value


async def heard(socket: WebsocketCommunicator, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message: dict[str, Any] = await socket.receive_json_from(PATIENCE_S)
            if message["type"] == kind:
                return message


def test_a_page_is_told_everything_and_then_what_changes(alice: User, tenant: Tenant) -> None:
    station, session = make_station(tenant), session_of(alice)

    async def look() -> tuple[dict[str, Any], dict[str, Any]]:
        socket = socket_of(session)
        assert (await socket.connect(PATIENCE_S))[0]
        full = await heard(socket, "full")
        await asyncio.to_thread(rename, station)
        changes = await heard(socket, "changes")
        await socket.disconnect()
        return full, changes

    def rename(station: ChargePoint) -> None:
        with tenant_transaction(tenant.pk):
            ChargePoint.objects.filter(pk=station.pk).update(identity="RENAMED")
        connections.close_all()

    full, changes = asyncio.run(look())
    assert {tile["station"] for tile in full["tiles"].values()} == {station.identity}
    assert {tile["station"] for tile in changes["tiles"].values()} == {"RENAMED"}


def test_strangers_and_pages_of_others_are_refused(alice: User, tenant: Tenant) -> None:
    session = session_of(alice)

    async def look() -> list[bool]:
        return [
            (await socket.connect(PATIENCE_S))[0]
            for socket in (socket_of("unknown"), socket_of(""), socket_of(session, "http://evil.example"))
        ]

    assert asyncio.run(look()) == [False, False, False]


def test_a_board_closes_when_its_person_no_longer_belongs_to_the_tenant(
    alice: User, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(alice)
    monkeypatch.setattr(board_socket, "ACCESS_S", 0.05)

    async def look() -> int:
        socket = socket_of(session)
        assert (await socket.connect(PATIENCE_S))[0]
        await heard(socket, "full")
        await asyncio.to_thread(leave)
        async with asyncio.timeout(PATIENCE_S):
            while (output := await socket.receive_output(PATIENCE_S))["type"] != "websocket.close":
                pass
        return int(output["code"])

    def leave() -> None:
        with system_transaction():
            Membership.objects.filter(user=alice).delete()
        connections.close_all()

    assert asyncio.run(look()) == board_socket.NO_ACCESS


@pytest.mark.parametrize(("limit", "colleague_gets_in"), [("MOST_OF_PERSON", True), ("MOST_OF_TENANT", False)])
def test_nobody_opens_so_many_boards_that_others_get_none(
    alice: User, bob: User, charlie: User, monkeypatch: pytest.MonkeyPatch, limit: str, colleague_gets_in: bool
) -> None:
    monkeypatch.setattr(board_socket, limit, 2)
    hers, his, strangers = (session_of(user) for user in (alice, bob, charlie))

    async def closed_at_once(socket: WebsocketCommunicator) -> bool:
        assert (await socket.connect(PATIENCE_S))[0]
        first = await socket.receive_output(PATIENCE_S)
        return bool(first["type"] == "websocket.close" and first["code"] == board_socket.TRY_LATER)

    async def look() -> list[bool]:
        sockets = [socket_of(session) for session in (hers, hers, hers, his, strangers)]
        closed = [await closed_at_once(socket) for socket in sockets]
        for socket, refused in zip(sockets, closed, strict=True):
            if not refused:
                await socket.disconnect()
        return closed

    assert asyncio.run(look()) == [False, False, True, not colleague_gets_in, False]


def test_a_page_that_was_slow_gets_the_newest_only(tenant: Tenant) -> None:
    """Three changes while it could not be told: one message, with the last of them."""
    boards = iter(range(4))

    async def look() -> list[dict[str, Any]]:
        async def never(tenant_id: int) -> Any:
            await asyncio.Event().wait()

        feed, said = BoardFeed(tenant.pk, never), []

        async def send(message: dict[str, Any]) -> None:
            said.append(message)

        page = feed.open(1)
        for number in boards:
            feed._take({"c1": tile(number)}, {})
            if number == 0:
                await board_socket._tell(feed, page, send)
        await board_socket._tell(feed, page, send)
        feed.close(page)
        return said

    first, last = [json.loads(one["text"]) for one in asyncio.run(look())]
    assert (first["type"], first["tiles"]["c1"]["error"]) == ("full", "0")
    assert (last["type"], last["tiles"]["c1"]["error"]) == ("changes", "3")


def tile(number: int) -> Tile:
    return Tile(1, "CP", 1, 1, None, "Faulted", "", str(number), None, None)
