"""A simulated station: boots, shows its status, charges cars, survives lost connections as real ones do."""

import asyncio
import base64
import contextlib
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import websockets
from ocpp.exceptions import OCPPError
from ocpp.v16 import call

from csms.simulator.answers import Answers
from csms.simulator.car import Outlet, random_car
from csms.simulator.configuration import Configuration
from csms.simulator.connector import Connector, Session, now_text
from csms.simulator.files import Files
from csms.simulator.journal import Journal
from csms.simulator.limits import Profile
from csms.simulator.link import Link
from csms.simulator.reservations import LocalList, Reservations
from csms.simulator.security import Security

TICK_S = 1.0
BACK_OFF_S = (0.5, 30.0)


@dataclass(slots=True)
class Model:
    """What a station is."""

    vendor: str
    name: str
    outlets: list[Outlet]


@dataclass(slots=True)
class Settings:
    """What a simulation is told."""

    url: str
    tenant: str
    password: str | None
    tags: list[str]
    speed: float = 1.0
    sample_interval_s: int = 10
    offline_every_s: float = 600.0
    fault_every_s: float = 1800.0


@dataclass(slots=True)
class Counters:
    """What the progress line shows, over all stations."""

    online: int = 0
    messages: int = 0
    sessions: int = 0
    errors: int = 0


@dataclass
class Queued:
    """A transaction message that must arrive, in order, with its own time. `build` is called when it is sent."""

    action: str
    build: Callable[[], Any]
    then: Callable[[Any], None] | None = None


@dataclass
class Station:
    """State outlives the connection: sessions go on and messages queue while it is away."""

    identity: str
    model: Model
    settings: Settings
    rng: random.Random
    journal: Journal
    counters: Counters
    connectors: list[Connector] = field(init=False)
    configuration: Configuration = field(init=False)
    profiles: list[Profile] = field(default_factory=list)
    reservations: Reservations = field(init=False)
    local_list: LocalList = field(init=False)
    link: Link | None = None
    accepted: bool = False
    queue: deque[Queued] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.connectors = [
            Connector(number, outlet, self.rng, register_wh=self.rng.uniform(10_000, 9_000_000))
            for number, outlet in enumerate(self.model.outlets, 1)
        ]
        self.configuration = Configuration(len(self.connectors), self.settings.sample_interval_s)
        self.files = Files(self)
        self.security = Security(self)
        self.reservations = Reservations(self)
        self.local_list = LocalList(self.configuration.values.__getitem__)
        self.answers = Answers(self)
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._restarting = False
        self._offline_until = 0.0

    # --- connection ---

    async def run(self) -> None:
        """Connect for ever, with back-off; the station's life goes on meanwhile."""
        life = asyncio.create_task(self._live())
        delay = BACK_OFF_S[0]
        try:
            while True:
                try:
                    await self._connect_once()
                    delay = BACK_OFF_S[0]
                except (OSError, websockets.WebSocketException, TimeoutError):
                    self.counters.errors += 1
                away = max(0.0, self._offline_until - asyncio.get_running_loop().time())
                await asyncio.sleep(max(away, delay * self.rng.uniform(0.5, 1.5)))
                delay = min(delay * 2, BACK_OFF_S[1])
        finally:
            life.cancel()
            for task in self._tasks:
                task.cancel()

    async def _connect_once(self) -> None:
        headers = {}
        if self.security.password and self.security.profile < 3:
            pair = base64.b64encode(f"{self.identity}:{self.security.password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        url = f"{self.settings.url.rstrip('/')}/ocpp/{self.settings.tenant}/{self.identity}"
        async with websockets.connect(
            url,
            subprotocols=[websockets.Subprotocol("ocpp1.6")],
            additional_headers=headers,
            open_timeout=30,
            ssl=self.security.tls(),
        ) as socket:
            self.link = Link(self, socket)
            self.counters.online += 1
            steps = [asyncio.create_task(self.link.start()), asyncio.create_task(self._connected())]
            try:
                done, _ = await asyncio.wait(steps, return_when=asyncio.FIRST_COMPLETED)
                if steps[1] in done and steps[1].exception() is None:
                    await steps[0]
            except websockets.ConnectionClosed:
                pass
            finally:
                self.link = None
                self.counters.online -= 1
                for step in steps:
                    step.cancel()
                await asyncio.gather(*steps, return_exceptions=True)

    async def _connected(self) -> None:
        """Boot until accepted, tell the status, then send heartbeats and what has queued up."""
        while True:
            answer = await self._boot()
            self.accepted = answer is not None and answer.status == "Accepted"
            if self.accepted:
                break
            await asyncio.sleep(max(1, answer.interval if answer else 10))
        if answer.interval:
            self.configuration.values["HeartbeatInterval"] = str(answer.interval)
        await self._send_status(0)
        for connector in self.connectors:
            await self._send_status(connector.number)
        await self.files.booted()
        await self.security.booted()
        await asyncio.gather(self._beat(), self._send_queue())

    async def _boot(self) -> Any:
        return await self._call(
            call.BootNotification(
                charge_point_vendor=self.model.vendor,
                charge_point_model=self.model.name,
                charge_point_serial_number=f"{self.identity}-SN",
                firmware_version=self.files.version,
            )
        )

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(max(1, self.configuration.number("HeartbeatInterval")))
            await self._call(call.Heartbeat())

    async def _send_queue(self) -> None:
        """Oldest first; a message leaves the queue only when the server has answered it."""
        while True:
            while self.queue:
                message = self.queue[0]
                request = message.build()
                answer = await self._call(request, journal=True)
                if answer is None:
                    await asyncio.sleep(self.configuration.number("TransactionMessageRetryInterval"))
                    continue
                self.queue.popleft()
                if message.then is not None:
                    message.then(answer)
            self._wake.clear()
            await self._wake.wait()

    async def _call(self, request: Any, *, journal: bool = False) -> Any:
        """The answer, or None for a CALLERROR or no answer in time."""
        if self.link is None:
            return None
        self.counters.messages += 1
        try:
            answer = await self.link.call(request, suppress=False)
        except (OCPPError, TimeoutError):
            self.counters.errors += 1
            return None
        if journal:
            self.journal.acknowledged(self.identity, type(request).__name__, vars(request), vars(answer))
        return answer

    def _enqueue(self, message: Queued) -> None:
        self.queue.append(message)
        self._wake.set()

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._settled)
        return task

    def _settled(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(task.exception(), OSError | websockets.WebSocketException):
            self.counters.errors += 1

    async def _send_status(self, number: int, error: str = "NoError") -> None:
        whole = "Available" if self.answers.operative else "Unavailable"
        status = whole if number == 0 else self._connector(number).status
        await self._call(
            call.StatusNotification(
                connector_id=number,
                error_code=error,
                status="Faulted" if error != "NoError" else status,
                timestamp=now_text(),
            )
        )

    def _set_status(self, connector: Connector, status: str) -> None:
        connector.status = status
        if self.accepted and self.link is not None:
            self._spawn(self._send_status(connector.number))

    # What the parts of the station do with it.
    def show_status(self, connector: Connector, status: str) -> None:
        self._set_status(connector, status)

    def spawn(self, work: Any) -> None:
        self._spawn(work)

    async def plug_in(self, connector: Connector, tag: str) -> None:
        await self._plug_in(connector, tag)

    def _connector(self, number: int) -> Connector:
        return self.connectors[number - 1]

    # --- life ---

    async def _live(self) -> None:
        """Time passes: cars come and go, energy flows, readings are taken, now and then something breaks."""
        loop = asyncio.get_running_loop()
        # Half of the stations have a car at once, so that there is something to see.
        arrivals = {
            connector.number: loop.time()
            + (self.rng.uniform(1, 8) if self.rng.random() < 0.55 else self.rng.uniform(30, 600)) / self.settings.speed
            for connector in self.connectors
        }
        sampled = dict.fromkeys(arrivals, loop.time())
        before = loop.time()
        while True:
            await asyncio.sleep(TICK_S)
            now = loop.time()
            seconds, before = (now - before) * self.settings.speed, now
            for connector in self.connectors:
                connector.advance(seconds, self.profiles)
                if connector.session is None:
                    if connector.available and connector.status == "Available" and now >= arrivals[connector.number]:
                        arrivals[connector.number] = now + self.rng.uniform(120, 1800) / self.settings.speed
                        self._spawn(self._plug_in(connector))
                    continue
                if now - sampled[connector.number] >= max(1, self.configuration.number("MeterValueSampleInterval")):
                    sampled[connector.number] = now
                    self._take_sample(connector)
                if connector.is_done():
                    self.stop(connector, "Local" if connector.session.ends_at else "EVDisconnected")
            self._maybe_trouble(now, seconds / self.settings.speed)

    def _maybe_trouble(self, now: float, seconds: float) -> None:
        if self.link is not None and self.rng.random() < seconds / self.settings.offline_every_s:
            self._offline_until = now + self.rng.uniform(5, 40)
            self._spawn(self.link._connection.close())
        elif self.rng.random() < seconds / self.settings.fault_every_s:
            self._spawn(self._fault())

    async def _fault(self) -> None:
        idle = [connector for connector in self.connectors if connector.session is None and connector.available]
        if idle:
            connector = self.rng.choice(idle)
            connector.available = False
            self.reservations.end_on(connector.number)
            await self._send_status(
                connector.number, self.rng.choice(["GroundFailure", "ConnectorLockFailure", "OverVoltage"])
            )
            await asyncio.sleep(self.rng.uniform(20, 60))
            connector.available = True
            connector.status = "Available" if connector.status == "Reserved" else connector.status
            await self._send_status(connector.number)

    async def _plug_in(self, connector: Connector, tag: str | None = None, *, authorize: bool = True) -> None:
        token = tag or self.rng.choice(self.settings.tags)
        if not self.reservations.allows(connector.number, token):
            return
        self._set_status(connector, "Preparing")
        await asyncio.sleep(self.rng.uniform(0.5, 3) / self.settings.speed)
        known = self.local_list.verdict(token) if authorize else None
        if known == "Accepted" and self.configuration.values["LocalPreAuthorize"] == "true":
            authorize = False
        elif known not in (None, "Accepted") and self.link is None:
            self._set_status(connector, self.answers.idle_status(connector))
            return
        if authorize and self.link is not None:
            with contextlib.suppress(OSError, websockets.WebSocketException):
                answer = await self._call(call.Authorize(id_tag=token))
                if answer is not None and answer.id_tag_info["status"] != "Accepted":
                    self._set_status(connector, self.answers.idle_status(connector))
                    return
        if connector.session is None:
            self._begin(connector, token)

    def _begin(self, connector: Connector, token: str) -> None:
        session = Session(
            id_tag=token,
            car=random_car(connector.outlet, self.rng),
            started_at=datetime.now(UTC),
            meter_start=int(connector.register_wh),
            ends_at=datetime.now(UTC) + timedelta(seconds=self.rng.uniform(300, 5400) / self.settings.speed),
        )
        connector.session = session
        self.counters.sessions += 1
        self._set_status(connector, "Charging")
        request = call.StartTransaction(
            connector_id=connector.number,
            id_tag=token,
            meter_start=session.meter_start,
            timestamp=now_text(),
            reservation_id=self.reservations.use(connector.number, token),
        )

        def started(answer: Any) -> None:
            session.transaction_id = answer.transaction_id
            if answer.id_tag_info["status"] != "Accepted" and connector.session is session:
                self.stop(connector, "DeAuthorized")

        self._enqueue(Queued("StartTransaction", lambda: request, started))

    def _take_sample(self, connector: Connector) -> None:
        session = connector.session
        assert session is not None  # noqa: S101 (the caller looked)
        sample = connector.sampled(self.configuration.measurands())
        if not sample["sampled_value"]:
            return
        self._enqueue(
            Queued(
                "MeterValues",
                lambda: call.MeterValues(
                    connector_id=connector.number, transaction_id=session.transaction_id, meter_value=[sample]
                ),
            )
        )

    def stop(self, connector: Connector, reason: str) -> None:
        """End the session: the stop is queued with the register of this moment."""
        session = connector.session
        if session is None:
            return
        connector.session, connector.power_w = None, 0.0
        stopped, meter_stop = now_text(), int(connector.register_wh)
        end = connector.sampled(["Energy.Active.Import.Register"], "Transaction.End")
        connector.profiles = [
            profile for profile in connector.profiles if profile["charging_profile_purpose"] != "TxProfile"
        ]
        self._enqueue(
            Queued(
                "StopTransaction",
                lambda: call.StopTransaction(
                    meter_stop=meter_stop,
                    timestamp=stopped,
                    transaction_id=session.transaction_id,
                    id_tag=session.id_tag,
                    reason=reason,
                    transaction_data=[end],
                ),
            )
        )
        self._set_status(connector, "Finishing")
        self._spawn(self._unplug(connector))

    async def _unplug(self, connector: Connector) -> None:
        await asyncio.sleep(self.rng.uniform(1, 4) / self.settings.speed)
        if connector.session is None:
            self._set_status(connector, self.answers.idle_status(connector))

    # --- what the server asks for ---

    def remote_start(self, id_tag: str, number: int | None, profile: Profile | None) -> str:
        free = [
            one
            for one in self.connectors
            if one.session is None
            and one.available
            and number in (None, one.number)
            and self.reservations.allows(one.number, id_tag)
        ]
        if not free:
            return "Rejected"
        if profile is not None:
            free[0].profiles.append(profile)
        asks_first = self.configuration.values["AuthorizeRemoteTxRequests"] == "true"
        self._spawn(self._plug_in(free[0], id_tag, authorize=asks_first))
        return "Accepted"

    def remote_stop(self, transaction_id: int) -> str:
        for connector in self.connectors:
            if connector.session is not None and connector.session.transaction_id == transaction_id:
                self._spawn(self._stop_soon(connector))
                return "Accepted"
        return "Rejected"

    async def _stop_soon(self, connector: Connector) -> None:
        await asyncio.sleep(0.2)
        self.stop(connector, "Remote")

    def restart(self, *, hard: bool) -> None:
        self.security.note("ResetOrReboot", "Hard" if hard else "Soft")
        for connector in self.connectors:
            self.stop(connector, "HardReset" if hard else "SoftReset")
        self.profiles = [one for one in self.profiles if one["charging_profile_purpose"] != "TxProfile"]
        self._offline_until = asyncio.get_running_loop().time() + self.rng.uniform(2, 5)
        if self.link is not None:
            self._spawn(self.link._connection.close())

    def trigger(self, requested: str, number: int | None) -> str:
        return self.answers.trigger(requested, number)
