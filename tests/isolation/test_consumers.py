"""Every websocket consumer: a station of B's that sends A's ids, and one that knocks at A's door."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from channels.consumer import AsyncConsumer, SyncConsumer
from channels.testing import WebsocketCommunicator
from django.conf import settings

from chargepoints.consumers import ChargePointConsumer
from chargepoints.protocol.actions import actions_from_station
from csms import asgi
from csms.dashboard import board_socket
from tenants.middleware import SESSION_KEY
from tests.chargepoints.test_connection import refused
from tests.chargepoints.test_every_action import INBOUND
from tests.conftest import superuser
from tests.isolation.conftest import Cast, where_b_lives
from tests.isolation.marks import NOBODY, A, B, Marks
from tests.stations import Connect, Station

HERE = "tests/isolation/test_consumers.py"
OF_B = f"/ocpp/{B.slug}/{B.key}"
# Of each answer anew.
_OF_THE_MOMENT = {"currentTime", "transactionId"}


@pytest.fixture
def db(both: Cast) -> None:
    """The gateway's fixtures ask for it: here, the tenants' rows."""


@pytest.fixture
def redis_clean() -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


def consumers(base: type[Any]) -> set[type[Any]]:
    below: list[type[Any]] = base.__subclasses__()
    ours = {one for one in below if not one.__module__.startswith("channels.")}
    return ours.union(*map(consumers, below))


def test_there_is_one_consumer_and_all_websockets_go_there() -> None:
    known = f"{HERE}: a consumer without tests of its isolation"
    assert consumers(AsyncConsumer) | consumers(SyncConsumer) == {ChargePointConsumer}, known
    assert asgi.charge_point_application.consumer_class is ChargePointConsumer
    assert asgi.page_sockets == {board_socket.PATH: board_socket.board_socket}, known


def in_tenant_of_a(both: Cast) -> Any:
    session = both.office().session
    session[SESSION_KEY] = A.slug
    session.save()
    return session


async def test_a_live_board_shows_b_and_nothing_of_a(both: Cast) -> None:
    """B's administrator, whose session asks for A's tenant: it is given B's."""
    session = await asyncio.to_thread(in_tenant_of_a, both)
    cookie = f"{settings.SESSION_COOKIE_NAME}={session.session_key}".encode()
    headers = [(b"host", b"office"), (b"origin", b"http://office"), (b"cookie", cookie)]
    board = WebsocketCommunicator(asgi.application, board_socket.PATH, headers=headers)
    try:
        assert (await board.connect(60))[0]
        told = await board.receive_from(60)
    finally:
        await board.disconnect()
        session[SESSION_KEY] = B.slug
        await asyncio.to_thread(session.save)
    assert B.key in told
    assert not A.known_to(told)


def test_every_action_of_stations_is_tried() -> None:
    assert set(INBOUND) == actions_from_station("1.6")


def filled(example: Any, marks: Marks, name: str = "") -> Any:
    """The payload with that tenant's ids wherever one may stand."""
    if isinstance(example, dict):
        return {key: filled(value, marks, key) for key, value in example.items()}
    if isinstance(example, list):
        return [filled(value, marks, name) for value in example]
    numbers = dict.fromkeys(("transactionId", "reservationId", "requestId"), marks.number)
    return {**numbers, **dict.fromkeys(("idTag", "data", "messageId"), marks.key)}.get(name, example)


# What may name something besides.
ADDED: dict[str, dict[str, Any]] = {
    "LogStatusNotification": {"requestId": 1},
    "MeterValues": {"transactionId": 1},
    "SignedFirmwareStatusNotification": {"requestId": 1},
    "StartTransaction": {"reservationId": 1},
    "StopTransaction": {"idTag": "TAG"},
}


async def tell(station: Station, action: str, marks: Marks) -> Any:
    payload = filled({**INBOUND[action], **ADDED.get(action, {})}, marks)
    kind, _, *rest = await station.frame(action, payload)
    answer = {key: value for key, value in rest[-1].items() if key not in _OF_THE_MOMENT}
    return json.loads(json.dumps([kind, rest[:-1], answer]).replace(marks.key, "").replace(str(marks.number), ""))


async def test_ids_of_a_from_a_station_of_b_are_answered_as_those_of_nobody(both: Cast, connect: Connect) -> None:
    async with connect(OF_B) as station:
        await station.boot()
        for action in sorted(INBOUND):
            to_a, to_nobody = await tell(station, action, A), await tell(station, action, NOBODY)
            assert to_a == to_nobody, action
        assert not any(A.known_to(json.dumps(asked)) for asked in station.asked), station.asked
    assert await asyncio.to_thread(both.stock.put_back, A) == set()


async def test_a_station_of_b_is_not_let_in_as_one_of_a(both: Cast, connect: Connect) -> None:
    """Its refusal is written in A's list, as A's people expect; nothing else of A's is touched."""
    for identity in (A.key, B.key):
        assert await refused(connect(f"/ocpp/{A.slug}/{identity}", password="0123456789abcdef0123")) in {401, 404}
    assert await asyncio.to_thread(both.stock.put_back, A) == {"chargepoints_signinattempt"}


async def test_a_station_of_the_same_name_in_both_is_bs_own(both: Cast, connect: Connect) -> None:
    """What it boots as, sends and is sent is B's."""
    rename = "UPDATE chargepoints_chargepoint SET identity = %s, identity_key = lower(%s) WHERE tenant_id = %s"
    await asyncio.to_thread(where_b_lives().execute, rename, [A.key, A.key, B.number])
    async with connect(f"/ocpp/{B.slug}/{A.key}") as station:
        await station.boot()
        await station.call("StatusNotification", connectorId=1, status="Faulted", errorCode="GroundFailure")
        await station.call("MeterValues", **INBOUND["MeterValues"])
        assert not any(A.hidden in json.dumps(asked) for asked in station.asked)
    assert await asyncio.to_thread(both.stock.put_back, A) == set()


async def test_a_suspended_tenants_stations_are_refused(both: Cast, connect: Connect) -> None:
    suspend = "UPDATE tenants_tenant SET status = 'suspended' WHERE id = %s"
    await asyncio.to_thread(superuser().execute, suspend, [B.number])
    assert await refused(connect(OF_B)) == 403
