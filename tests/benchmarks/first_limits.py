"""From a session's start to its first limit at the station: the whole way, through a worker (`bench_circuit`)."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.benchmarks.load import StationSocket

# The tree is at rest when it has had no round for so long, and no command waits.
REST = timedelta(seconds=1)


@dataclass
class Starts:
    """Sessions that began, and when their limits came; seconds of `perf_counter`."""

    begun: dict[StationSocket, float] = field(default_factory=dict)
    limited: dict[StationSocket, float] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def heard(self, socket: StationSocket, text: bytes) -> None:
        """A SetChargingProfile has come."""
        if socket in self.begun and b"TxProfile" in text and socket not in self.limited:
            self.limited[socket] = time.perf_counter()
            self.news.set()

    def begin(self, socket: StationSocket, number: int) -> None:
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        self.begun[socket] = time.perf_counter()
        payload = f'{{"connectorId":1,"idTag":"T","meterStart":{number},"timestamp":"{at}"}}'
        socket.send(f'[2,"first{number}","StartTransaction",{payload}]'.encode())

    async def all_limited(self) -> None:
        async with asyncio.timeout(60):
            while len(self.limited) < len(self.begun):
                self.news.clear()
                await self.news.wait()

    def took(self) -> list[float]:
        return sorted(self.limited[socket] - begun for socket, begun in self.begun.items())


async def measure_first_limits(
    sockets: Sequence[StationSocket], starts: Starts, tenant_id: int, root_id: int, single: int, at_once: int
) -> None:
    """`single` sessions one after the other, each with the tree at rest; then `at_once` more in one moment."""
    await at_rest(tenant_id, root_id)
    for number in range(single):
        starts.begin(sockets[number], number)
        await starts.all_limited()
        await at_rest(tenant_id, root_id)
    show(f"a new session, {single} times", starts.took())
    starts.begun.clear()
    starts.limited.clear()
    for number in range(single, single + at_once):
        starts.begin(sockets[number], number)
    await starts.all_limited()
    show(f"{at_once} new ones at once", starts.took())


def show(name: str, took: Sequence[float]) -> None:
    middle, most = took[len(took) // 2], took[min(int(len(took) * 0.95), len(took) - 1)]
    print(f"{name:>24}: start to wire p50 {middle:.2f} s, p95 {most:.2f} s, longest {took[-1]:.2f} s", flush=True)


async def at_rest(tenant_id: int, root_id: int) -> None:
    async with asyncio.timeout(120):
        while not await asyncio.to_thread(_is_at_rest, tenant_id, root_id):
            await asyncio.sleep(0.1)


def _is_at_rest(tenant_id: int, root_id: int) -> bool:
    from chargepoints.models import Command
    from smartcharging.models import CircuitRound
    from tenants.context import tenant_transaction

    with tenant_transaction(tenant_id):
        if Command.objects.filter(state__in=["queued", "sent"]).exists():
            return False
        return not CircuitRound.objects.filter(circuit=root_id, at__gt=datetime.now(UTC) - REST).exists()
