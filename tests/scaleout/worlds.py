"""A small cluster with simulated stations that charge, a program that gives orders, a receiver of webhooks and a feed reader."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import redis
from celery import Celery

from csms.simulator.fleet import MODELS
from csms.simulator.life import Life
from csms.simulator.settings import Counters, Settings
from csms.simulator.station import Station
from metering.ingest.spill import STREAM
from tests.conftest import eventually
from tests.e2e import journal_checks as checks
from tests.e2e.cluster import Cluster
from tests.e2e.journal import MemoryJournal
from tests.e2e.outside import FeedReader, Orders, Program, Receiver
from tests.e2e.stack import own_folder

TENANT = "acme"
# A day of charging in minutes: sessions of five to ninety seconds.
SPEED = 60.0
SAMPLE_S = 5
START_S = 300
# Give orders side by side.
CLIENTS = 4
MAKE_TENANT = f"""
import json
from tenants.context import tenant_transaction
from tenants.services.api_keys import issue_api_key
from tenants.services.tenants import create_tenant
from tenants.services.webhooks import Who, create_webhook
tenant = create_tenant(slug="{TENANT}", name="Acme", allow_unauthenticated=True, unknown_charge_points="accept",
                       unknown_id_tags="accept", api_rate_limit=1_000_000)
with tenant_transaction(tenant.pk):
    _, key = issue_api_key(name="test", role="admin")
    _, secret = create_webhook(url="URL", who=Who("test", "api"))
print(json.dumps([key, secret]))
"""


@asynccontextmanager
async def world_of(*, stations: int, seed: int = 1, trouble: bool = True, **processes: int) -> AsyncIterator["World"]:
    """A world of so many stations on a cluster of these processes; `open` it when the test has looked at it."""
    with cluster_of(**processes) as cluster:
        world = World(cluster, stations=stations, seed=seed, trouble=trouble)
        try:
            yield world
        finally:
            await world.close()


@contextmanager
def cluster_of(**options: Any) -> Iterator[Cluster]:
    """Its servers run; its processes don't yet."""
    with own_folder() as folder:
        cluster = Cluster(folder, METERING_RECORD_AFTER_S="1", **options)
        try:
            yield cluster
        finally:
            cluster.close()


class World:
    """All that takes part. `open` first, `close` at the end."""

    def __init__(self, cluster: Cluster, *, stations: int, seed: int = 1, trouble: bool = True) -> None:
        self.cluster, self.journal, self.receiver = cluster, MemoryJournal(), Receiver()
        self._size, self._seed = stations, seed
        # Stations lose their connections, and find faults, by themselves too.
        self._every_s = 60.0 if trouble else 1e8
        self._wires: list[asyncio.Task[None]] = []
        self._lives: list[asyncio.Task[None]] = []
        self._outside: list[asyncio.Task[None]] = []
        self._over = asyncio.Event()

    async def open(self, order_pause_s: float = 0.3) -> None:
        """Returns when all stations are connected; they charge from then on."""
        await self.receiver.open()
        said = await asyncio.to_thread(self.cluster.shell, MAKE_TENANT.replace("URL", self.receiver.url))
        key, self.receiver.secret = json.loads(said.splitlines()[-1])
        self.cluster.start_all()
        await eventually(self.cluster.all_listen, START_S)
        self.program = Program(self.cluster.web_ports, key)
        self.feed = FeedReader(self.program)
        self.stations = list(self._make_stations())
        self.orders = Orders(self.program, [station.identity for station in self.stations], self._seed)
        self._wires = [asyncio.create_task(station.wire.run()) for station in self.stations]
        await self.until(lambda: self.count("chargepoints_stationconnection"), self._size, START_S)
        self._lives = [asyncio.create_task(Life(station).run()) for station in self.stations]
        self._outside = [asyncio.create_task(self.orders.give(self._over, order_pause_s)) for _ in range(CLIENTS)]
        self._outside.append(asyncio.create_task(self.feed.read(self._over)))

    def _make_stations(self) -> Iterator[Station]:
        tags = [f"TAG-{number}" for number in range(40)]
        settings = Settings(
            *(self.cluster.gateways, TENANT, None, tags, SPEED, SAMPLE_S),
            offline_every_s=self._every_s,
            fault_every_s=2 * self._every_s,
        )
        for number in range(self._size):
            chance = random.Random(f"{self._seed}-{number}")
            model = MODELS[number % len(MODELS)]
            yield Station(f"SIM-{number:04d}", model, settings, chance, self.journal, Counters())

    async def calm(self, patience_s: float) -> None:
        """No car comes any more, those that are there go; the stations send what they have, every command ends."""
        self._over.set()
        for task in self._lives:
            task.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        await asyncio.wait_for(asyncio.gather(*self._outside), patience_s)
        deadline = time.monotonic() + patience_s
        # A session may begin yet: its car was plugged in before.
        while any(map(_is_busy, self.stations)) and time.monotonic() < deadline:
            for station in self.stations:
                for connector in station.connectors:
                    station.stop(connector, "Local")
            await asyncio.sleep(0.5)
        await self.until(lambda: self.count("chargepoints_stationconnection"), self._size, patience_s)
        await self.until(lambda: self.count("chargepoints_command WHERE state IN ('queued', 'sent')"), 0, patience_s)

    async def settle(self, patience_s: float) -> None:
        """The spill is drained, charge detail records are made, all events are out."""
        url = self.cluster.redis.url()
        with redis.Redis.from_url(url, socket_timeout=5) as client:
            await self.until(lambda: asyncio.to_thread(client.xlen, STREAM), 0, patience_s)
        # The current one would be asked by every test after this: each `delay` would wait for a broker that is gone.
        broker = Celery(broker=url, set_as_current=False)
        await asyncio.to_thread(broker.send_task, "metering.pricing.tasks.make_due_records")
        sessions = len(self.journal.sessions)
        await self.until(lambda: self.count("metering_chargedetailrecord"), sessions, patience_s)
        deadline = time.monotonic() + patience_s
        while not await self._is_delivered() and time.monotonic() < deadline:
            await asyncio.sleep(0.5)

    async def _is_delivered(self) -> bool:
        """All events are, and in the while that this takes there is none more."""
        while await self.feed.read_page():
            pass
        await asyncio.sleep(2)
        events = await self.count("tenants_outboxevent")
        waiting = await self.count("tenants_webhookdelivery WHERE state = 'pending'")
        return not waiting and len(self.feed.seen) == events == len(self.receiver.got)

    async def close(self) -> list[BaseException]:
        """Everything but PostgreSQL is killed first, so that what is compared is what was settled. Faults of stations."""
        for name in self.cluster.names:
            if name != "postgres":
                self.cluster.kill_hard(name)
        tasks = [*self._wires, *self._lives, *self._outside]
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        if hasattr(self, "program"):
            await self.program.close()
        self.receiver.close()
        return [one for one in ended if isinstance(one, Exception)]

    async def end(self, patience_s: float, *, leaving_out: str = "") -> None:
        """Everything comes to rest and is as all that take part know it; AssertionError names what differs.

        `leaving_out`: a word of faults that the test itself has made.
        """
        await self.calm(patience_s)
        await self.settle(patience_s)
        broken = await self.close()
        await asyncio.to_thread(self.show)
        found = await asyncio.to_thread(self.faults)
        faults = [fault for fault in found if not leaving_out or leaving_out not in fault]
        assert not faults, "\n".join([f"{len(faults)} faults", *faults[:40]])
        assert not broken, broken[:3]

    def faults(self) -> list[str]:
        """Whatever differs from what the stations, the program, the receiver and the reader know."""
        query = self.cluster.query
        return [
            *checks.session_faults(self.journal, query),
            *checks.energy_faults(self.journal, query),
            *checks.reading_faults(self.journal, query),
            *checks.command_faults(self.journal, self.orders, query),
            *checks.event_faults(self.journal, query),
            *checks.delivery_faults(self.receiver, self.feed, query),
        ]

    def show(self) -> None:
        journal, query = self.journal, self.cluster.query
        errors = sum(station.counters.errors for station in self.stations)
        states = dict(query("SELECT state, count(*) FROM chargepoints_command GROUP BY 1"))
        ((events,),) = query("SELECT count(*) FROM tenants_outboxevent")
        print(  # noqa: T201
            f"\n{len(self.stations)} stations, {errors} errors seen by them; acknowledged: {dict(journal.messages)}\n"
            f"{len(journal.sessions)} sessions, {journal.energy_wh / 1000:,.1f} kWh, {len(journal.readings)} readings\n"
            f"{len(self.orders.acknowledged)} orders acknowledged, {dict(self.program.retried)} asked again; commands: {states}, "
            f"of which the station's answer was lost: {dict(checks.undecided(journal, query))}\n"
            f"{events} events, {len(self.receiver.got)} by webhook ({sum(self.receiver.got.values())} deliveries, "
            f"{self.receiver.refused} refused), {len(self.feed.seen)} by the feed"
        )

    async def count(self, what: str) -> int:
        """Rows of a table, perhaps with a condition."""
        rows = await asyncio.to_thread(self.cluster.query, f"SELECT count(*) FROM {what}")
        return int(rows[0][0])

    async def until(self, read: Callable[[], Any], wanted: int, patience_s: float) -> None:
        """Wait, with the processes supervised; what is amiss after so long is for the checks to name."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            self.cluster.supervise()
            try:
                if await read() == wanted:
                    return
            except Exception as error:
                # A server that was killed is on its way back.
                print(f"waiting: {type(error).__name__}")  # noqa: T201
            await asyncio.sleep(0.5)


def _is_busy(station: Station) -> bool:
    """It has something to send or a session, or a fault that will end."""
    return bool(station.queue) or any(one.session is not None or not one.available for one in station.connectors)
