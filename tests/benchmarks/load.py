"""Many stations on one event loop, as cheaply as possible: the load must not cost what is to be measured.

A socket speaks just enough of RFC 6455: text frames under 64 KiB, masked with zeros (which is allowed and
costs nothing), pings answered.
"""

import asyncio
import base64
import os
import struct
import time
from collections.abc import Callable
from typing import cast

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
Answered = Callable[["StationSocket", bytes], None]


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One masked frame."""
    size = len(payload)
    head = (
        struct.pack("!BB", 0x80 | opcode, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x80 | opcode, 0xFE, size)
    )
    return head + b"\0\0\0\0" + payload


class StationSocket(asyncio.Protocol):
    """One websocket; `on_text` is called with each text that the server sends."""

    def __init__(self, path: str, headers: str = "") -> None:
        """`headers`: lines of the request beside those that every upgrade has."""
        self._path, self._headers = path, headers
        self._buffer = b""
        self._upgraded = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_text: Answered = lambda _socket, _text: None
        self.on_lost: Callable[[], None] = lambda: None
        self.sent_at = 0.0
        self.number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: csms\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"
            f"{self._headers}\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded and not self._upgrade():
            return
        while self._next_frame():
            pass

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionError("closed while opening"))
        else:
            self.on_lost()

    def send(self, text: bytes) -> None:
        self.transport.write(frame(text))

    def _upgrade(self) -> bool:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        if b" 101 " not in head.split(b"\r\n")[0]:
            if not self.opened.done():
                self.opened.set_exception(ConnectionError(head[:80].decode("latin-1")))
            self.transport.close()
            return False
        self._buffer, self._upgraded = rest, True
        self.opened.set_result(None)
        return True

    def _next_frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        opcode, size, start = buffer[0] & 0x0F, buffer[1], 2
        if size == 126:
            if len(buffer) < 4:
                return False
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        if len(buffer) < start + size:
            return False
        payload, self._buffer = buffer[start : start + size], buffer[start + size :]
        if opcode == TEXT:
            self.on_text(self, payload)
        elif opcode == PING:
            self.transport.write(frame(payload, PONG))
        elif opcode == CLOSE:
            self.transport.close()
        return True


async def connect(port: int, paths: list[str], at_once: int = 50) -> list[StationSocket]:
    """Open a socket for each path."""
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(at_once)

    async def one(path: str) -> StationSocket:
        async with gate:
            _, socket = await loop.create_connection(lambda: StationSocket(path), "127.0.0.1", port)
            await asyncio.wait_for(socket.opened, 60)
            return socket

    return list(await asyncio.gather(*(one(path) for path in paths)))


class Load:
    """Sends a message per socket, waits for its answer, sends the next: at once, or when its time has come."""

    def __init__(self, sockets: list[StationSocket], make: Callable[[StationSocket], bytes], rate: float = 0) -> None:
        self._sockets, self._make = sockets, make
        # Seconds between two messages of one socket; 0: as fast as answers come.
        self._period = len(sockets) / rate if rate else 0.0
        self.waits: list[float] = []
        self.errors: list[bytes] = []
        self.seconds = 0.0
        self._running = True

    async def run(self, seconds: float) -> None:
        """Load for so long. A paced message counts from when it was due, so that a stall is not hidden."""
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        for index, socket in enumerate(self._sockets):
            socket.on_text = self._answered
            if self._period:
                delay = self._period * index / len(self._sockets)
                socket.sent_at = started + delay
                loop.call_later(delay, self._send, socket)
            else:
                socket.sent_at = time.perf_counter()
                self._send(socket)
        await asyncio.sleep(seconds)
        self._running = False
        self.seconds = time.perf_counter() - started
        for socket in self._sockets:
            socket.on_text = lambda _socket, _text: None

    def _send(self, socket: StationSocket) -> None:
        if self._running:
            socket.number += 1
            socket.send(self._make(socket))

    def _answered(self, socket: StationSocket, text: bytes) -> None:
        now = time.perf_counter()
        if text[:2] == b"[4":
            self.errors.append(text)
        elif text[:2] == b"[2" and b'"MeterValues"' not in text:
            return
        self.waits.append(now - socket.sent_at)
        if not self._period:
            socket.sent_at = now
            self._send(socket)
            return
        socket.sent_at += self._period
        if socket.sent_at > now:
            asyncio.get_running_loop().call_later(socket.sent_at - now, self._send, socket)
        else:
            self._send(socket)

    def percentile(self, share: float) -> float:
        """Milliseconds that `share` of the messages stayed under."""
        waits = sorted(self.waits)
        return waits[min(int(len(waits) * share), len(waits) - 1)] * 1000 if waits else float("nan")
