"""A fleet that comes back: light stations in a process of their own, each reconnecting by itself when its socket is lost.

A station counts as online when the gateway has answered a heartbeat on its new socket, not when the socket is open.
"""

import asyncio
import base64
import ctypes
import json
import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvloop

from tests.benchmarks.load import StationSocket

# A station tries again after this, longer each time, with as much again of chance.
BACK_OFF_S = (1.0, 60.0)
OPENS_WITHIN_S = 60.0
# Each address has ports of its own: those of lost sockets are not free at once.
STATIONS_PER_ADDRESS = 5000
COUNTERS = ("online", "opened", "not_listening", "refused", "timed_out", "commands", "repeated")


def password_of(identity: str) -> str:
    """Of the station: 16 characters at least."""
    return f"benchmark-{identity}".ljust(20, "-")


class Counters:
    """Shared between the fleet's process and who watches it; the fleet counts."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.values: dict[str, Any] = {name: context.Value(ctypes.c_long, 0, lock=False) for name in COUNTERS}

    def __getitem__(self, name: str) -> int:
        return int(self.values[name].value)

    def reset(self) -> None:
        """Count anew, but for who is online."""
        for name, value in self.values.items():
            if name != "online":
                value.value = 0

    def shown(self) -> dict[str, int]:
        """All of them."""
        return {name: self[name] for name in self.values}

    def add(self, name: str, number: int = 1) -> None:
        self.values[name].value += number


class Station:
    """One charge point: heartbeat after each connect, every command accepted, and noted if it comes twice."""

    def __init__(self, number: int, port: int, tenant: str, jitter_s: float, counters: Counters) -> None:
        identity = f"BENCH-{number}"
        self._path, self._port, self._jitter_s, self._counters = f"/ocpp/{tenant}/{identity}", port, jitter_s, counters
        pair = base64.b64encode(f"{identity}:{password_of(identity)}".encode()).decode()
        self._headers = f"Authorization: Basic {pair}\r\n"
        self._from = (f"127.0.0.{2 + number // STATIONS_PER_ADDRESS}", 0)
        self._asked: set[str] = set()

    async def run(self) -> None:
        """For ever."""
        delay = BACK_OFF_S[0]
        await asyncio.sleep(random.uniform(0, self._jitter_s))
        while True:
            try:
                lost = await self._connect()
            except (OSError, TimeoutError) as error:
                self._counters.add(_kind(error))
                await asyncio.sleep(delay + random.uniform(0, delay))
                delay = min(delay * 2, BACK_OFF_S[1])
                continue
            delay = BACK_OFF_S[0]
            await lost.wait()
            await asyncio.sleep(random.uniform(0, self._jitter_s))

    async def _connect(self) -> asyncio.Event:
        """Open a socket; set is what is returned once it is lost."""
        lost, answered = asyncio.Event(), False

        def take(socket: StationSocket, text: bytes) -> None:
            nonlocal answered
            if text[:2] == b"[2":
                self._obey(socket, text)
            elif not answered:
                answered = True
                self._counters.add("online")

        def end() -> None:
            if answered:
                self._counters.add("online", -1)
            lost.set()

        def make() -> StationSocket:
            made = StationSocket(self._path, self._headers)
            made.on_text, made.on_lost = take, end
            return made

        loop = asyncio.get_running_loop()
        transport, socket = await loop.create_connection(make, "127.0.0.1", self._port, local_addr=self._from)
        try:
            await asyncio.wait_for(socket.opened, OPENS_WITHIN_S)
        except TimeoutError:
            transport.close()
            raise
        self._counters.add("opened")
        socket.send(b'[2,"hello","Heartbeat",{}]')
        return lost

    def _obey(self, socket: StationSocket, text: bytes) -> None:
        message_id = json.loads(text)[1]
        self._counters.add("repeated" if message_id in self._asked else "commands")
        self._asked.add(message_id)
        socket.send(f'[3,"{message_id}",{{"status":"Accepted"}}]'.encode())


def _kind(error: Exception) -> str:
    """Nobody listened, nobody answered in time, or it was turned away (503: try again later)."""
    if isinstance(error, ConnectionRefusedError):
        return "not_listening"
    return "timed_out" if isinstance(error, TimeoutError) else "refused"


def _play(count: int, port: int, tenant: str, jitter_s: float, counters: Counters) -> None:
    async def play() -> None:
        stations = [Station(number, port, tenant, jitter_s, counters) for number in range(count)]
        await asyncio.gather(*(station.run() for station in stations))

    uvloop.run(play())


@contextmanager
def fleet(count: int, port: int, tenant: str, jitter_s: float) -> Iterator[Counters]:
    """Its counters, while it plays."""
    counters = Counters()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_play, args=(count, port, tenant, jitter_s, counters), daemon=True)
    process.start()
    try:
        yield counters
    finally:
        process.terminate()
        process.join(10)
