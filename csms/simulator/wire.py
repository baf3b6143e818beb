"""A station's way to the server: connects again and again, boots, beats, and sends in order what must arrive."""

import asyncio
import base64
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import websockets
from ocpp.exceptions import OCPPError
from ocpp.v16 import call

from csms.simulator.ending import end_tasks
from csms.simulator.link import Link

if TYPE_CHECKING:
    from csms.simulator.station import Station

BACK_OFF_S = (0.5, 30.0)


@dataclass
class Queued:
    """A transaction message that must arrive, in order, with its own time. `build` is called when it is sent."""

    action: str
    build: Callable[[], Any]
    then: Callable[[Any], None] | None = None


class Wire:
    """Connections come and go; the queue stays."""

    def __init__(self, station: "Station") -> None:
        self.station = station
        self.link: Link | None = None
        self.accepted = False
        self.queue: deque[Queued] = deque()
        # In the loop's time; until then the station doesn't try to connect.
        self.offline_until = 0.0
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Connect for ever, with back-off."""
        delay = BACK_OFF_S[0]
        while True:
            try:
                await self._connect_once()
                delay = BACK_OFF_S[0]
            except (OSError, websockets.WebSocketException, TimeoutError):
                self.station.counters.errors += 1
            away = max(0.0, self.offline_until - asyncio.get_running_loop().time())
            await asyncio.sleep(max(away, delay * self.station.rng.uniform(0.5, 1.5)))
            delay = min(delay * 2, BACK_OFF_S[1])

    def stay_away(self, seconds: float) -> None:
        """Hang up, and don't come back before `seconds` are over."""
        self.offline_until = asyncio.get_running_loop().time() + seconds
        self.hang_up()

    def hang_up(self) -> None:
        """Close the socket, if there is one; the station connects again."""
        if self.link is not None:
            self.station.spawn(self.link.close())

    async def _connect_once(self) -> None:
        station = self.station
        headers = {}
        if station.security.password and station.security.profile < 3:
            pair = base64.b64encode(f"{station.identity}:{station.security.password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        # Any of the gateways: none of them is a station's own.
        gateway = random.choice(station.settings.url.split(",")).strip().rstrip("/")
        url = f"{gateway}/ocpp/{station.settings.tenant}/{station.identity}"
        async with websockets.connect(
            url,
            subprotocols=[websockets.Subprotocol("ocpp1.6")],
            additional_headers=headers,
            open_timeout=30,
            ssl=station.security.tls(),
        ) as socket:
            self.link = Link(station, socket)
            station.counters.online += 1
            steps = [asyncio.create_task(self.link.start()), asyncio.create_task(self._connected())]
            try:
                done, _ = await asyncio.wait(steps, return_when=asyncio.FIRST_COMPLETED)
                if steps[1] in done and steps[1].exception() is None:
                    await steps[0]
            except websockets.ConnectionClosed:
                pass
            finally:
                self.link = None
                station.counters.online -= 1
                await end_tasks(steps)

    async def _connected(self) -> None:
        """Boot until accepted, tell the status, then send heartbeats and what has queued up."""
        station = self.station
        while True:
            answer = await self.boot()
            self.accepted = answer is not None and answer.status == "Accepted"
            if self.accepted:
                break
            await asyncio.sleep(max(1, answer.interval if answer else 10))
        if answer.interval:
            station.configuration.values["HeartbeatInterval"] = str(answer.interval)
        await station.send_status(0)
        for connector in station.connectors:
            await station.send_status(connector.number)
        await station.files.booted()
        await station.security.booted()
        await asyncio.gather(self._beat(), self._send_queue())

    async def boot(self) -> Any:
        """Send a BootNotification."""
        station = self.station
        return await self.call(
            call.BootNotification(
                charge_point_vendor=station.model.vendor,
                charge_point_model=station.model.name,
                charge_point_serial_number=f"{station.identity}-SN",
                firmware_version=station.files.version,
            )
        )

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(max(1, self.station.configuration.number("HeartbeatInterval")))
            await self.call(call.Heartbeat())

    async def _send_queue(self) -> None:
        """Oldest first; a message leaves the queue only when the server has answered it."""
        while True:
            while self.queue:
                message = self.queue[0]
                request = message.build()
                answer = await self.call(request, journal=True)
                if answer is None:
                    await asyncio.sleep(self.station.configuration.number("TransactionMessageRetryInterval"))
                    continue
                self.queue.popleft()
                if message.then is not None:
                    message.then(answer)
            self._wake.clear()
            await self._wake.wait()

    async def call(self, request: Any, *, journal: bool = False) -> Any:
        """The answer, or None for a CALLERROR or no answer in time."""
        station = self.station
        if self.link is None:
            return None
        station.counters.messages += 1
        try:
            answer = await self.link.call(request, suppress=False)
        except (OCPPError, TimeoutError):
            station.counters.errors += 1
            return None
        if journal:
            station.journal.acknowledged(station.identity, type(request).__name__, vars(request), vars(answer))
        return answer

    def enqueue(self, message: Queued) -> None:
        """Send it when its turn comes, and again until it is answered."""
        self.queue.append(message)
        self._wake.set()
