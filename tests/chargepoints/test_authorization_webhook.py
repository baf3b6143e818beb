"""The tenant's own system decides about tags (OCPP.md "Authorize")."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from chargepoints.models import AuthorizationWebhook, IdTag, Transaction
from chargepoints.services.authorization_settings import set_webhook
from chargepoints.services.authorization_webhook import FAILURES, Breaker, NoAnswer, forget, read_answer
from tenants.models import Tenant
from tenants.outbound import InvalidUrl, RequestFailed, check_url, new_secret, post, resolve
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import PATIENCE_S, Connect, connect_to

SECRET = new_secret()


class System:
    """A tenant's system: answers as it is told, keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.answer: Any = {"status": "Accepted"}
        self.status = "200 OK"
        self.gate = asyncio.Event()
        self.gate.set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/tags"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.headers.append(headers)
            self.bodies.append(body)
            self.asked.append(json.loads(body))
            await self.gate.wait()
            text = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
            lines = [f"HTTP/1.1 {self.status}", f"Content-Length: {len(text)}", "Location: http://127.0.0.1:1/", "", ""]
            writer.write("\r\n".join(lines).encode() + text)
            await writer.drain()
        writer.close()


@pytest.fixture
async def system(tenant: Tenant, settings: Any) -> AsyncIterator[System]:
    settings.ALLOW_PRIVATE_HOOKS = True
    forget()
    system = System()
    server = await asyncio.start_server(system.serve, "127.0.0.1", 0)
    system.port = server.sockets[0].getsockname()[1]
    yield system
    system.gate.set()
    server.close()
    forget()


async def use(tenant: Tenant, system: System, **values: Any) -> None:
    def act() -> None:
        wish = {"url": system.url, "timeout_ms": 10_000, "cache_seconds": 0, **values}
        set_webhook(wish, actor="alice", origin="api", secret=SECRET)

    await stored(tenant, act)


async def make_tag(tenant: Tenant, token: str, **fields: Any) -> None:
    await stored(tenant, lambda: IdTag.objects.create(tenant=tenant, token=token, token_key=token.lower(), **fields))


async def test_an_unknown_tag_is_asked_about_and_the_answer_told(
    tenant: Tenant, connect: Connect, system: System
) -> None:
    await use(tenant, system)
    system.answer = {"status": "Accepted", "parentIdTag": "FLEET", "expiryDate": "2030-01-01T00:00:00Z", "more": 1}
    async with connect() as station:
        told = await station.call("Authorize", idTag="NEW")
    assert told["idTagInfo"] == {
        "status": "Accepted",
        "parentIdTag": "FLEET",
        "expiryDate": "2030-01-01T00:00:00.000Z",
    }
    asked = system.asked[0]
    assert asked.pop("requestId") == system.headers[0]["webhook-id"]
    assert asked == {
        "tenant": "acme",
        "chargePointId": "CP1",
        "connectorId": None,
        "idTag": "NEW",
        "purpose": "Authorize",
    }


async def test_requests_are_signed_as_standard_webhooks_are(tenant: Tenant, connect: Connect, system: System) -> None:
    await use(tenant, system)
    async with connect() as station:
        await station.call("Authorize", idTag="NEW")
    headers, body = system.headers[0], system.bodies[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    kept = await stored(tenant, lambda: AuthorizationWebhook.objects.get().secret)
    assert SECRET not in kept
    assert kept.startswith("v1.")


async def test_a_start_is_stored_with_its_verdict_and_a_stop_is_not_asked_about(
    tenant: Tenant, connect: Connect, system: System
) -> None:
    await use(tenant, system)
    async with connect() as station:
        started = await station.start(idTag="NEW", connectorId=2)
        stopped = await station.stop(started["transactionId"], idTag="NEW")
    assert started["idTagInfo"]["status"] == stopped["idTagInfo"]["status"] == "Accepted"
    assert [(one["purpose"], one["connectorId"]) for one in system.asked] == [("StartTransaction", 2)]
    assert await stored(tenant, lambda: Transaction.objects.get().verdict) == "Accepted"


async def test_a_refused_start_keeps_its_driver_and_the_tag_is_asked_about_again(
    tenant: Tenant, connect: Connect, system: System
) -> None:
    await use(tenant, system)
    system.answer = {"status": "Invalid"}
    async with connect() as station:
        refused = await station.start(idTag="NEW")
        system.answer = {"status": "Accepted"}
        told = await station.call("Authorize", idTag="NEW")
    assert (refused["idTagInfo"]["status"], told["idTagInfo"]["status"]) == ("Invalid", "Accepted")
    assert await stored(tenant, lambda: IdTag.objects.get().seen_offline)


async def test_known_tags_are_asked_about_only_where_all_are(tenant: Tenant, connect: Connect, system: System) -> None:
    await make_tag(tenant, "OURS")
    await use(tenant, system)
    system.answer = {"status": "Blocked"}
    async with connect() as station:
        assert (await station.call("Authorize", idTag="OURS"))["idTagInfo"]["status"] == "Accepted"
        await use(tenant, system, asks_about="all")
        assert (await station.call("Authorize", idTag="OURS"))["idTagInfo"]["status"] == "Blocked"
    assert len(system.asked) == 1


async def test_a_limit_of_sessions_at_once_stays_ours(tenant: Tenant, connect: Connect, system: System) -> None:
    await make_tag(tenant, "OURS")
    await use(tenant, system, asks_about="all")
    async with connect() as station:
        assert (await station.start(idTag="OURS"))["idTagInfo"]["status"] == "Accepted"
        second = await station.start(idTag="OURS", connectorId=2, meterStart=5)
    assert second["idTagInfo"]["status"] == "ConcurrentTx"


FAULTS: list[tuple[str, Any]] = [
    ("500 Internal Server Error", {"status": "Accepted"}),
    ("302 Found", {"status": "Accepted"}),
    ("200 OK", {"status": "Perhaps"}),
    ("200 OK", {"status": "ConcurrentTx"}),
    ("200 OK", {"status": ["Accepted"]}),
    ("200 OK", {"status": "Accepted", "expiryDate": "tomorrow"}),
    ("200 OK", {"status": "Accepted", "parentIdTag": "P" * 21}),
    ("200 OK", ["Accepted"]),
    ("200 OK", b"<html>"),
    ("200 OK", b"[" * 10_000),
    ("200 OK", b'{"status": "Accepted", "x": "' + b"y" * 20_000 + b'"}'),
]


@pytest.mark.parametrize(("status", "answer"), FAULTS)
async def test_an_answer_that_does_not_count_gives_the_fallback(
    tenant: Tenant, connect: Connect, system: System, status: str, answer: Any
) -> None:
    await use(tenant, system, fallback="reject")
    system.status, system.answer = status, answer
    async with connect() as station:
        assert (await station.call("Authorize", idTag="NEW"))["idTagInfo"] == {"status": "Invalid"}


@pytest.mark.parametrize(
    ("fallback", "unknown", "ours", "blocked"),
    [
        ("own", "Invalid", "Accepted", "Blocked"),
        ("accept", "Accepted", "Accepted", "Blocked"),
        ("reject", "Invalid", "Invalid", "Invalid"),
    ],
)
async def test_the_fallback_is_the_one_that_was_chosen(
    tenant: Tenant, connect: Connect, system: System, fallback: str, unknown: str, ours: str, blocked: str
) -> None:
    await make_tag(tenant, "OURS")
    await make_tag(tenant, "BLOCKED", status="Blocked")
    await use(tenant, system, asks_about="all", fallback=fallback)
    system.status = "503 Service Unavailable"
    async with connect() as station:
        told = [
            (await station.call("Authorize", idTag=token))["idTagInfo"]["status"]
            for token in ("NEW", "OURS", "BLOCKED")
        ]
        assert told == [unknown, ours, blocked]
        assert (await station.start(idTag="NEW"))["idTagInfo"]["status"] == unknown


async def test_answers_are_kept_for_the_time_that_was_chosen(tenant: Tenant, connect: Connect, system: System) -> None:
    await use(tenant, system, cache_seconds=60)
    async with connect() as station:
        for token in ("NEW", "new", "NEW"):
            assert (await station.call("Authorize", idTag=token))["idTagInfo"]["status"] == "Accepted"
        assert len(system.asked) == 1
        system.status = "500 Oops"
        await station.call("Authorize", idTag="OTHER")
        await station.call("Authorize", idTag="OTHER")
    assert len(system.asked) == 3


async def test_a_system_that_keeps_failing_is_left_alone(tenant: Tenant, connect: Connect, system: System) -> None:
    await use(tenant, system, fallback="accept")
    system.status = "500 Oops"
    async with connect() as station:
        for _ in range(FAILURES + 3):
            assert (await station.call("Authorize", idTag="NEW"))["idTagInfo"]["status"] == "Accepted"
    assert len(system.asked) == FAILURES


def test_after_its_rest_one_question_goes_through() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        assert breaker.allows(0)
        breaker.note(0, answered=False)
    assert not breaker.allows(29)
    assert breaker.allows(30)
    breaker.running = 1
    assert not breaker.allows(30)
    breaker.running = 0
    breaker.note(30, answered=True)
    assert breaker.allows(31)


async def test_while_it_thinks_nobody_waits_and_no_transaction_is_open(
    tenant: Tenant, connect: Connect, gateway: str, system: System
) -> None:
    await use(tenant, system)
    system.gate.clear()
    async with contextlib.AsyncExitStack() as stack:
        waiting = [await stack.enter_async_context(connect(f"/ocpp/acme/W{number}")) for number in range(12)]
        other = await stack.enter_async_context(connect_to(gateway, "/ocpp/acme/OTHER"))
        starts = [asyncio.create_task(station.start(idTag="NEW")) for station in waiting]
        await eventually(lambda: len(system.asked) == len(waiting))
        assert (await other.call("Authorize", idTag=""))["idTagInfo"]["status"] == "Invalid"
        # The gateway's own, for its log and its lease, come and go.
        await eventually(nobody_is_in_a_transaction)
        assert not any(start.done() for start in starts)
        system.gate.set()
        answers = await asyncio.gather(*starts)
    assert {answer["idTagInfo"]["status"] for answer in answers} == {"Accepted"}


async def nobody_is_in_a_transaction() -> bool:
    return await sync_to_async(open_transactions, thread_sensitive=False)() == 0


def open_transactions() -> int:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in trans%'"
        )
        found = int(cursor.fetchone()[0])
    connections["owner"].close()
    return found


async def test_a_slow_system_is_given_up_in_time(tenant: Tenant, connect: Connect, system: System) -> None:
    await use(tenant, system, timeout_ms=100, fallback="accept")
    system.gate.clear()
    async with connect() as station:
        assert (await station.call("Authorize", idTag="NEW"))["idTagInfo"]["status"] == "Accepted"


async def test_a_webhook_of_another_tenant_is_not_asked(
    tenant: Tenant, other_tenant: Tenant, connect: Connect, system: System
) -> None:
    await use(other_tenant, system)
    async with connect() as station:
        assert (await station.call("Authorize", idTag="NEW"))["idTagInfo"]["status"] == "Invalid"
    assert system.asked == []


# --- where requests may go ---


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://10.0.0.8/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://user:secret@example.com/",
        "https:///path",
        "https://example.com:99999/",
        "ftp://example.com/",
        "https://exa mple.com/",
        "nonsense",
    ],
)
def test_addresses_that_are_not_public_are_refused(url: str) -> None:
    with pytest.raises(InvalidUrl):
        check_url(url)


@pytest.mark.parametrize("url", ["https://example.com/tags?a=1", "https://8.8.8.8:8443/", "https://[2606:4700::1]/"])
def test_public_addresses_are_taken(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize("found", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:10.0.0.1"]])
async def test_a_name_that_leads_anywhere_private_is_refused(monkeypatch: pytest.MonkeyPatch, found: list[str]) -> None:
    async def look_up(*_arguments: Any, **_options: Any) -> list[Any]:
        return [(0, 0, 0, "", (address, 443)) for address in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    with pytest.raises(RequestFailed, match="private"):
        await resolve("https://tags.example.com/")


async def test_the_request_goes_to_the_address_that_was_looked_at(
    monkeypatch: pytest.MonkeyPatch, system: System
) -> None:
    """A name that changes its mind between check and use gains nothing: it is looked up once."""
    looked_up: list[str] = []
    real = asyncio.get_running_loop().getaddrinfo

    async def look_up(host: str, *arguments: Any, **options: Any) -> Any:
        if host != "127.0.0.1":
            looked_up.append(host)
        return await real("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    url = f"http://tags.example.com:{system.port}/x"
    assert (await post(url, b"{}", {}, timeout_s=PATIENCE_S, most_bytes=1000))[0] == 200
    assert looked_up == ["tags.example.com"]
    assert system.headers[0]["host"] == f"tags.example.com:{system.port}"


def test_concurrent_tx_counts_only_for_a_start() -> None:
    assert read_answer(b'{"status": "ConcurrentTx"}', "StartTransaction").status == "ConcurrentTx"
    with pytest.raises(NoAnswer):
        read_answer(b'{"status": "ConcurrentTx"}', "Authorize")
