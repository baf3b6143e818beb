"""Servers are killed under load; every acknowledged value is in the table afterwards, once (DESIGN §7.1).

Run with `scripts/test chaos`.
"""

import asyncio
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.benchmarks.load import StationSocket, connect
from tests.e2e.stack import Stack

pytestmark = pytest.mark.chaos

STATIONS = 100
PAUSE_S = 0.2
ANSWER_S = 30.0
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
MAKE_TENANT = """
from tenants.services.tenants import create_tenant
create_tenant(slug="acme", name="Acme", allow_unauthenticated=True, unknown_charge_points="accept",
              unknown_id_tags="accept")
"""
DRAIN = """
import asyncio
from metering.ingest.drain import drain_spill
print(asyncio.run(drain_spill(abandoned_ms=0)))
"""


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    # The embedded PostgreSQL runs as a user of its own, who must get in.
    for parent in (folder, *folder.parents[:3]):
        if parent.owner() == folder.owner() and str(parent).startswith("/tmp/"):
            parent.chmod(0o711)
    stack = Stack(folder)
    try:
        stack.shell(MAKE_TENANT)
        stack.start_gateway()
        yield stack
    finally:
        stack.close()


class Station:
    """Sends one message after the other, and the same again until it has been acknowledged. Keeps a journal."""

    def __init__(self, number: int, port: int) -> None:
        self.identity, self._port = f"CP-{number}", port
        self.acknowledged: list[datetime] = []
        self.refused = self.reconnected = 0
        self._ids = itertools.count(1)

    async def charge(self, until: asyncio.Event) -> None:
        moments = itertools.count()
        socket: StationSocket | None = None
        while not until.is_set():
            at = BEGIN + timedelta(milliseconds=100 * next(moments))
            while not until.is_set():
                try:
                    if socket is None:
                        (socket,) = await connect(self._port, [f"/ocpp/acme/{self.identity}"])
                    answer = await self._send(socket, at)
                except (OSError, TimeoutError):
                    if socket is not None:
                        socket.transport.close()
                    socket = None
                    self.reconnected += 1
                    await asyncio.sleep(0.5)
                    continue
                await asyncio.sleep(PAUSE_S)
                if answer[:2] == b"[3":
                    self.acknowledged.append(at)
                    break
                self.refused += 1
        if socket is not None:
            socket.transport.close()

    async def _send(self, socket: StationSocket, at: datetime) -> bytes:
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        identifier = f"{self.identity}-{next(self._ids)}"

        def take(_socket: StationSocket, text: bytes) -> None:
            if identifier.encode() in text and not answered.done():
                answered.set_result(text)

        socket.on_text = take
        socket.send(
            f'[2,"{identifier}","MeterValues",{{"connectorId":1,"meterValue":[{{"timestamp":"{at.isoformat()[:-6]}Z",'
            '"sampledValue":[{"value":"1"},{"value":"7.4","measurand":"Power.Active.Import","unit":"kW"}]}]}]'.encode()
        )
        waited = 0.0
        while not answered.done():
            if socket.transport.is_closing() or waited > ANSWER_S:
                raise TimeoutError
            await asyncio.wait([answered], timeout=0.25)
            waited += 0.25
        return answered.result()


async def _torment(stack: Stack) -> None:
    """Each server dies by SIGKILL in the middle of the load, and comes back."""
    in_thread = asyncio.to_thread
    await asyncio.sleep(5)
    await in_thread(stack.kill, stack.postgres)
    await asyncio.sleep(8)
    await in_thread(stack.revive, stack.postgres)
    await asyncio.sleep(4)
    await in_thread(stack.kill, stack.redis)
    await asyncio.sleep(3)
    await in_thread(stack.revive, stack.redis)
    await asyncio.sleep(3)
    await in_thread(stack.kill_gateway)
    await in_thread(stack.start_gateway)
    await asyncio.sleep(10)
    await in_thread(stack.kill, stack.postgres)
    await asyncio.sleep(1)
    await in_thread(stack.kill, stack.redis)
    await asyncio.sleep(2)
    await in_thread(stack.revive, stack.redis)
    await in_thread(stack.revive, stack.postgres)
    await asyncio.sleep(8)


async def test_what_was_acknowledged_is_stored_once_though_everything_is_killed(stack: Stack) -> None:
    stations = [Station(number, stack.gateway_port) for number in range(STATIONS)]
    over = asyncio.Event()
    charging = [asyncio.create_task(station.charge(over)) for station in stations]
    await _torment(stack)
    over.set()
    await asyncio.gather(*charging)
    drained = await asyncio.to_thread(stack.shell, DRAIN)
    stored: dict[tuple[str, datetime], int] = {
        (identity, at.astimezone(UTC)): count
        for identity, at, count in stack.query(
            "SELECT identity, m.at, count(*) FROM metering_sample m JOIN metering_series s ON s.id = m.series_id "
            "JOIN chargepoints_chargepoint c ON c.id = s.charge_point_id GROUP BY 1, 2"
        )
    }
    acknowledged = {(station.identity, at) for station in stations for at in station.acknowledged}
    print(  # noqa: T201
        f"{len(acknowledged)} acknowledged, {len(stored)} stored, {drained.strip()} drained by hand, "
        f"{sum(one.refused for one in stations)} refused, {sum(one.reconnected for one in stations)} reconnects"
    )
    assert len(acknowledged) > STATIONS * 50
    assert acknowledged - stored.keys() == set()
    assert set(stored.values()) == {2}
