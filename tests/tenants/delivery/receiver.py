"""A tenant's server that events are posted to."""

import asyncio
import contextlib
import json
from typing import Any


class Receiver:
    """Answers 204, or what `answers` says for an event; keeps what it got, in order."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.status = 204
        # By charge point, or by event id.
        self.answers: dict[str, int] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    def numbers(self, charge_point: str | None = None) -> list[int]:
        """The `n` of what came, as the tests number their events."""
        return [one["data"]["n"] for one in self.got if charge_point in (None, one["charge_point_id"])]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = (line.partition(":") for line in head.split("\r\n")[1:])
            headers = {name.lower(): value.strip() for name, _, value in lines}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            event = json.loads(body)
            await self.gate.wait()
            status = self.answers.get(event["charge_point_id"] or "", self.answers.get(event["event_id"], self.status))
            self.got.append(event)
            self.headers.append(headers)
            self.bodies.append(body)
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:1/\r\n\r\n".encode())
            await writer.drain()
        writer.close()
