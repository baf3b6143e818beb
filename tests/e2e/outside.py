"""What integrators run: a receiver of webhooks, a reader of the feed, a program that gives orders. All try again."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

# A receiver that is overloaded now and then.
REFUSED_SHARE = 0.003
PAUSE_S = 0.3
WAITS = timedelta(minutes=20)
RETRIED = {409, 429, 500, 502, 503, 504}


class Receiver:
    """An HTTP server for webhooks. `order`: event ids of each charge point as they first came."""

    def __init__(self) -> None:
        self.port, self.secret = 0, ""
        self.got: Counter[str] = Counter()
        self.order: defaultdict[str, list[str]] = defaultdict(list)
        self.refused = self.forged = 0
        self._random = random.Random(5)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers["content-length"]))
            status = self._take(headers, body)
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            # The sender was killed.
            pass
        finally:
            writer.close()

    def _take(self, headers: dict[str, str], body: bytes) -> str:
        if self._random.random() < REFUSED_SHARE:
            self.refused += 1
            return "503 Busy"
        text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        wanted = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        self.forged += wanted != headers["webhook-signature"]
        event = json.loads(body)
        if not self.got[event["event_id"]]:
            self.order[event["charge_point_id"] or ""].append(event["event_id"])
        self.got[event["event_id"]] += 1
        return "204 No Content"


class Program:
    """A client of the REST API, with a key, at whichever web process answers."""

    def __init__(self, ports: list[int], key: str) -> None:
        self._urls = itertools.cycle([f"http://127.0.0.1:{port}/api/v1" for port in ports])
        self._client = httpx.AsyncClient(headers={"Authorization": f"Api-Key {key}"}, timeout=20, trust_env=False)
        self.retried: Counter[str] = Counter()

    async def close(self) -> None:
        await self._client.aclose()

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        """The body of the first answer that counts, however long that takes. AssertionError for a refusal."""
        answer = await self.request(method, path, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The first answer that is not about the moment."""
        while True:
            try:
                answer = await self._client.request(method, next(self._urls) + path, **options)
            except httpx.HTTPError as error:
                self.retried[type(error).__name__] += 1
            else:
                if answer.status_code not in RETRIED:
                    return answer
                self.retried[str(answer.status_code)] += 1
            await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))


class Orders:
    """Commands to random stations, each under a key of its own until it is acknowledged: (id -> what the echo says)."""

    def __init__(self, program: Program, identities: list[str], seed: int) -> None:
        self._program, self._identities, self._random = program, identities, random.Random(seed)
        self._numbers = itertools.count()
        self.acknowledged: dict[str, str] = {}

    async def give(self, until: asyncio.Event, pause_s: float) -> None:
        """Go on until the event is set; the last one is waited for. Several may give side by side."""
        while not until.is_set():
            await self._give_one(f"order-{next(self._numbers)}")
            await asyncio.sleep(self._random.uniform(0, 2 * pause_s))

    async def _give_one(self, key: str) -> None:
        station = self._random.choice(self._identities)
        echo: dict[str, Any] = {"vendorId": "Simulated", "messageId": "Echo", "data": key}
        others: list[tuple[str, dict[str, Any]]] = [("clear-cache", {}), ("unlock-connector", {"connectorId": 1})]
        kind, fields = self._random.choice([*[("data-transfer", echo)] * 6, *others])
        # It may wait: in the middle of this most stations are away for a while.
        body = {**fields, "expiresAt": (datetime.now(UTC) + WAITS).isoformat()}
        answer = await self._program.ask(
            "POST", f"/chargepoints/{station}/{kind}", json=body, headers={"Idempotency-Key": key}
        )
        self.acknowledged[answer["data"]["commandId"]] = key if kind == "data-transfer" else ""


class FeedReader:
    """Polls the feed; its cursor moves when it has an answer."""

    def __init__(self, program: Program) -> None:
        self._program, self._cursor = program, "0"
        self.seen: list[str] = []

    async def read(self, until: asyncio.Event) -> None:
        while not until.is_set():
            if not await self.read_page():
                await asyncio.sleep(PAUSE_S)

    async def read_page(self) -> int:
        """How many events it brought."""
        answer = await self._program.ask("GET", f"/events?limit=500&after={self._cursor}")
        self._cursor = answer["meta"]["next"]
        self.seen += [event["eventId"] for event in answer["data"]]
        return len(answer["data"])
