"""A gateway in this process on a real socket, another in a process of its own, and a station that speaks plain OCPP-J."""

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import websockets

from chargepoints.gateway import runtime
from csms.asgi import application
from csms.local.ports import choose

ROOT = Path(__file__).resolve().parents[1]
TIME = "2026-11-20T10:00:00Z"
# How long a test waits for what must come; a machine that is busy with other things is no failure.
PATIENCE_S = 60
# What handlers have to end in when the gateway goes.
GRACE_S = 5


# A process of its own, that gives what is under way as long as the tests do.
PATIENT_GATEWAY = """
import sys
import uvicorn
from csms.asgi import application
from chargepoints.gateway import runtime
runtime.DRAIN_S = float(sys.argv[2])
uvicorn.run(application, port=int(sys.argv[1]), ws="websockets-sansio", log_level="error")
"""


class Station:
    """A scripted charge point. Answers the server's calls from `answers` (action -> payload)."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.answers: dict[str, Any] = {"GetConfiguration": {"configurationKey": [], "unknownKey": []}}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.asked_ids: list[str] = []
        self.news = asyncio.Event()
        self._replies: dict[str, asyncio.Future[list[Any]]] = {}
        self._number = 0
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                frame = json.loads(text)
                if frame[0] == 2:
                    self.asked.append((frame[2], frame[3]))
                    self.asked_ids.append(frame[1])
                    if frame[2] in self.answers:
                        await self.socket.send(json.dumps([3, frame[1], self.answers[frame[2]]]))
                elif frame[1] in self._replies:
                    self._replies.pop(frame[1]).set_result(frame)
                self.news.set()
        except websockets.ConnectionClosed:
            pass

    async def send(self, text: str) -> None:
        await self.socket.send(text)

    async def frame(self, action: str, payload: Any, message_id: str | None = None) -> list[Any]:
        """The whole answering frame."""
        self._number += 1
        message_id = message_id or f"m{self._number}"
        future = self._replies[message_id] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        return await asyncio.wait_for(future, PATIENCE_S)

    async def call(self, action: str, **payload: Any) -> dict[str, Any]:
        """The payload of the CALLRESULT; fails on a CALLERROR."""
        answer = await self.frame(action, payload)
        assert answer[0] == 3, answer
        return dict(answer[2])

    async def boot(self) -> dict[str, Any]:
        return await self.call("BootNotification", chargePointVendor="V", chargePointModel="M")

    async def start(self, **changes: Any) -> dict[str, Any]:
        payload = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": TIME, **changes}
        return await self.call("StartTransaction", **payload)

    async def stop(self, transaction_id: int, **changes: Any) -> dict[str, Any]:
        payload = {"transactionId": transaction_id, "meterStop": 8500, "timestamp": "2026-11-20T11:00:00Z", **changes}
        return await self.call("StopTransaction", **payload)

    async def closed(self) -> int:
        """Wait for the end; the close code."""
        await asyncio.wait_for(self.socket.wait_closed(), PATIENCE_S)
        return int(self.socket.close_code)


Connect = Callable[..., Any]


@asynccontextmanager
async def connect_to(
    address: str, path: str, *, password: str | None = None, headers: dict[str, str] | None = None, **options: Any
) -> AsyncIterator[Station]:
    """A connected station; `password` signs in with the last part of the path as user name."""
    headers = dict(headers or {})
    if password is not None:
        pair = base64.b64encode(f"{path.rpartition('/')[2]}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    options = {"subprotocols": ["ocpp1.6"], "open_timeout": PATIENCE_S, "ping_interval": None, **options}
    async with websockets.connect(
        f"{address}{path}", additional_headers=headers, max_size=None, **options
    ) as connected:
        station = Station(connected)
        yield station
        station._reader.cancel()


class _Server(uvicorn.Server):
    """Ends as soon as it is told to: uvicorn itself looks every tenth of a second, and then waits for one more."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.leave = asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.leave.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in self.servers:
            listener.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        loop = asyncio.get_running_loop()
        end = loop.time() + GRACE_S
        while (state.connections or state.tasks) and loop.time() < end:
            await asyncio.sleep(0.005)
        for task in state.tasks:
            task.cancel()
        for listener in self.servers:
            await listener.wait_closed()
        await self.lifespan.shutdown()


@pytest.fixture
async def gateway(db: None, redis_clean: Any) -> AsyncIterator[str]:
    """Its address (ws://...). Shut down cleanly afterwards."""
    # A socket that outlived an earlier test's server may have started one anew, on a loop that is closed by now.
    runtime._runtime = runtime._starting = None
    # Bound before it is named: a port that was only looked at may be another worker's by then.
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    port = listening.getsockname()[1]
    config = uvicorn.Config(application, ws="websockets-sansio", log_level="error", ws_max_size=65536)
    server = _Server(config)
    serving = asyncio.create_task(server._serve([listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"ws://127.0.0.1:{port}"
    server.leave.set()
    await serving


@pytest.fixture
def connect(gateway: str) -> Connect:
    """`async with connect("/ocpp/acme/CP1") as station:`"""
    return lambda path="/ocpp/acme/CP1", **options: connect_to(gateway, path, **options)


@dataclass(frozen=True)
class SecondGateway:
    """Its address (ws://...), and its process."""

    address: str
    process: "subprocess.Popen[bytes]"


@pytest.fixture
async def second_gateway(gateway: str) -> AsyncIterator[SecondGateway]:
    """Another gateway process on the same database and Redis."""
    port = choose(None)
    process = subprocess.Popen(
        [sys.executable, "-c", PATIENT_GATEWAY, str(port), str(PATIENCE_S)],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    deadline = time.monotonic() + 2 * PATIENCE_S
    while True:
        try:
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        except OSError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    yield SecondGateway(f"ws://127.0.0.1:{port}", process)
    process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(process.wait, 2 * PATIENCE_S)
