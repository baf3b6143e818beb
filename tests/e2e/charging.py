"""Stations that charge through anything, and a journal of what was acknowledged to them."""

import asyncio
import itertools
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

from tests.benchmarks.load import StationSocket, connect
from tests.e2e.stack import Stack

TENANT = "acme"
# A message a second of each: five hundred stations leave the machine room to breathe.
PAUSE_S = 1.0
ANSWER_S = 30.0
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
STORED = """
SELECT c.identity, m.at, count(*), count(*) FILTER (WHERE t.charge_point_id = c.id)
FROM metering_sample m JOIN metering_series s ON s.id = m.series_id
JOIN chargepoints_chargepoint c ON c.id = s.charge_point_id
LEFT JOIN chargepoints_transaction t ON t.id = m.transaction_id
WHERE m.context = 0 GROUP BY 1, 2
"""


class Station:
    """Starts a session, then sends one message after the other, each again until it has been acknowledged."""

    def __init__(self, identity: str, port: int) -> None:
        self.identity, self._port = identity, port
        self.acknowledged: list[datetime] = []
        self.refused = self.reconnected = 0
        self.session: int | None = None
        self._socket: StationSocket | None = None
        self._ids = itertools.count(1)

    async def charge(self, until: asyncio.Event) -> None:
        await asyncio.sleep(random.random() * PAUSE_S)
        while self.session is None and not until.is_set():
            answer = await self._call("StartTransaction", self._start())
            if answer is None:
                await asyncio.sleep(PAUSE_S)
            elif answer[:2] == b"[3":
                self.session = int(answer.partition(b'"transactionId":')[2].split(b",")[0].strip(b"} ]"))
        moments = itertools.count()
        while not until.is_set():
            at = BEGIN + timedelta(milliseconds=100 * next(moments))
            while not until.is_set():
                answer = await self._call("MeterValues", self._values(at))
                await asyncio.sleep(PAUSE_S)
                if answer is not None and answer[:2] == b"[3":
                    self.acknowledged.append(at)
                    break
                self.refused += answer is not None
        if self._socket is not None:
            self._socket.transport.close()

    async def _call(self, action: str, payload: str) -> bytes | None:
        """The answer; None where the connection broke, or there was none within half a minute."""
        try:
            if self._socket is None:
                (self._socket,) = await connect(self._port, [f"/ocpp/{TENANT}/{self.identity}"])
            return await self._send(self._socket, action, payload)
        except (OSError, TimeoutError):
            if self._socket is not None:
                self._socket.transport.close()
                self._socket = None
            self.reconnected += 1
            return None

    async def _send(self, socket: StationSocket, action: str, payload: str) -> bytes:
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        # Across restarts too: an answer to a message of before is none to this one.
        identifier = f"{self.identity}-{next(self._ids)}"

        def take(_socket: StationSocket, text: bytes) -> None:
            if f'"{identifier}"'.encode() in text and not answered.done():
                answered.set_result(text)

        socket.on_text = take
        socket.send(f'[2,"{identifier}","{action}",{payload}]'.encode())
        waited = 0.0
        while not answered.done():
            if socket.transport.is_closing() or waited > ANSWER_S:
                raise TimeoutError
            await asyncio.wait([answered], timeout=0.25)
            waited += 0.25
        return answered.result()

    def _start(self) -> str:
        return f'{{"connectorId":1,"idTag":"T","meterStart":0,"timestamp":"{BEGIN.isoformat()[:-6]}Z"}}'

    def _values(self, at: datetime) -> str:
        return (
            f'{{"connectorId":1,"transactionId":{self.session},"meterValue":[{{"timestamp":"{at.isoformat()[:-6]}Z",'
            '"sampledValue":[{"value":"1"},{"value":"7.4","measurand":"Power.Active.Import","unit":"kW"}]}]}'
        )


class Fleet:
    """Stations that charge while something happens to the servers."""

    def __init__(self, stack: Stack, name: str, size: int) -> None:
        self._stack, self.name = stack, name
        self.stations = [Station(f"{name}-{number}", stack.gateway_port) for number in range(size)]
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Returns when all have begun their sessions."""
        self._tasks = [asyncio.create_task(station.charge(self._over)) for station in self.stations]
        async with asyncio.timeout(120):
            while not all(station.acknowledged for station in self.stations):
                await asyncio.sleep(0.2)

    @property
    def acknowledged(self) -> int:
        return sum(len(station.acknowledged) for station in self.stations)

    async def stop(self) -> None:
        self._over.set()
        await asyncio.gather(*self._tasks)

    def check(self) -> None:
        """All that was acknowledged is in the table, once, and of the station's own session. Prints the figures."""
        stored: dict[tuple[str, datetime], tuple[int, int]] = {
            (identity, at.astimezone(UTC)): (count, attached)
            for identity, at, count, attached in self._stack.query(STORED)
            if identity.startswith(f"{self.name}-")
        }
        acknowledged = {(station.identity, at) for station in self.stations for at in station.acknowledged}
        counts = Counter(stored.values())
        refused = sum(station.refused for station in self.stations)
        reconnected = sum(station.reconnected for station in self.stations)
        print(  # noqa: T201
            f"\n{self.name}: {len(self.stations)} stations, {len(acknowledged)} messages acknowledged, {len(stored)} stored, "
            f"{len(acknowledged - stored.keys())} missing, {len(stored) - counts[2, 2]} doubled or torn, "
            f"{refused} refused, {reconnected} reconnects"
        )
        assert acknowledged - stored.keys() == set()
        # A message is two values; both or none, once, and attached.
        assert counts.keys() == {(2, 2)}
