"""Stations that hold profiles, follow them and misbehave, and a journal of what may flow. Knows no server code."""

import asyncio
import contextlib
import itertools
import json
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

MAX_A, MIN_A = 32.0, 6.0
METER_S = 5.0
ANSWER_S = 30.0
# The server gives up on a limit's answer after 15 s.
LATE_S = (16.0, 20.0)
EPSILON = 1e-6
CONFIGURATION = {
    "ChargeProfileMaxStackLevel": "8",
    "ChargingScheduleAllowedChargingRateUnit": "Current",
    "ChargingScheduleMaxPeriods": "24",
    "MaxChargingProfilesInstalled": "10",
    "NumberOfConnectors": "1",
    "SupportedFeatureProfiles": "Core,SmartCharging",
}


@dataclass
class Journal:
    """What may flow and what does, on each phase of each circuit, held against its capacity at every change.

    `capacity`: A on each phase, by circuit. One monotonic clock. `armed_at`: from when on what is drawn counts too.
    """

    capacity: dict[str, float]
    armed_at: float = float("inf")
    changes: int = 0
    limits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0] * 3))
    drawn: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0] * 3))
    worst_limits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0] * 3))
    worst_drawn: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0] * 3))
    violations: list[str] = field(default_factory=list)
    longest_wait: dict[str, tuple[float, str]] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    # Seconds from a start to the first limit of the session's own.
    first_limit_s: list[float] = field(default_factory=list)

    def note(self, station: "Station") -> None:
        limit, taken = station.in_force, station.draw
        more_limit, more_taken = limit - station.noted[0], taken - station.noted[1]
        if not more_limit and not more_taken:
            return
        station.noted = (limit, taken)
        self.changes += 1
        for circuit in station.path:
            for phase in station.phases:
                self.limits[circuit][phase] += more_limit
                self.drawn[circuit][phase] += more_taken
                self._look(circuit, phase, station)

    def _look(self, circuit: str, phase: int, station: "Station") -> None:
        allotted, taken, most = self.limits[circuit][phase], self.drawn[circuit][phase], self.capacity[circuit]
        self.worst_limits[circuit][phase] = max(self.worst_limits[circuit][phase], allotted)
        now = time.monotonic()
        if allotted > most + EPSILON:
            self.violations.append(f"{now:.2f} {circuit} L{phase + 1}: allotted {allotted:.1f} of {most} by {station}")
        if now >= self.armed_at:
            self.worst_drawn[circuit][phase] = max(self.worst_drawn[circuit][phase], taken)
            if taken > most + EPSILON:
                self.violations.append(f"{now:.2f} {circuit} L{phase + 1}: drawn {taken:.1f} of {most} by {station}")

    def arm(self) -> None:
        """What is drawn is held against the capacity from now on, first as it is."""
        self.armed_at = time.monotonic()
        for circuit, amps in self.drawn.items():
            self.worst_drawn[circuit] = list(amps)
            if max(amps) > self.capacity[circuit] + EPSILON:
                self.violations.append(f"{self.armed_at:.2f} {circuit}: drawn {max(amps):.1f} as the watch begins")

    def waited(self, station: "Station", seconds: float) -> None:
        circuit = station.path[0]
        if seconds > self.longest_wait.get(circuit, (0.0, ""))[0]:
            self.longest_wait[circuit] = (seconds, station.identity)


class Station:
    """One connector. `phases`: of the circuits, that its own hang on. `path`: its circuit and those above."""

    def __init__(
        self, url: str, identity: str, phases: tuple[int, ...], path: tuple[str, ...], journal: Journal, *, obeys: bool
    ) -> None:
        self.identity, self.phases, self.path, self.obeys = identity, phases, path, obeys
        self.journal = journal
        self.noted = (0.0, 0.0)
        self.default_a: float | None = None
        self.misbehaves = False
        self._url = f"{url}/{identity}"
        self._random = random.Random(identity)
        self._wants = self._random.choice([MAX_A, MAX_A, MAX_A, 16.0, 10.0])
        self._tx_a: float | None = None
        self._running = False
        self._transaction: int | None = None
        self._started = 0.0
        self._limited = True
        self._waits_since: float | None = None
        self._excused_until = 0.0
        self._socket: ClientConnection | None = None
        self._away = asyncio.Event()
        self._ids = itertools.count(1)
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._meter_wh = 0.0

    def __str__(self) -> str:
        return f"{self.identity} (default {self.default_a}, session {self._tx_a}, was {self.noted[0]})"

    @property
    def in_force(self) -> float:
        """What its session may take."""
        if not self._running:
            return 0.0
        if self._tx_a is not None:
            return min(self._tx_a, MAX_A)
        return MAX_A if self.default_a is None else min(self.default_a, MAX_A)

    @property
    def draw(self) -> float:
        if not self._running:
            return 0.0
        if not self.obeys:
            return MAX_A
        return min(self.in_force, self._wants) if self.in_force >= MIN_A else 0.0

    # --- its connection ---

    async def live(self) -> None:
        """Connected, and again whenever it isn't, until cancelled."""
        while True:
            try:
                async with connect(self._url, subprotocols=["ocpp1.6"], compression=None, ping_interval=None) as socket:  # type: ignore[list-item]
                    reader = asyncio.create_task(self._read(socket))
                    self._socket = socket
                    try:
                        boot = {"chargePointVendor": "V", "chargePointModel": "M"}
                        if self._boots and await self._ask("BootNotification", boot) is not None:
                            self._boots = False
                        await self._ask("StatusNotification", self._status())
                        await reader
                    finally:
                        self._socket = None
                        reader.cancel()
                        await asyncio.gather(reader, return_exceptions=True)
            except (OSError, WebSocketException, TimeoutError):
                pass
            self._excuse(0)
            await asyncio.sleep(self._pause_s or self._random.uniform(0.5, 2))
            self._pause_s = 0.0

    _boots = True
    _pause_s = 0.0

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(WebSocketException):
            async for text in socket:
                message = json.loads(text)
                if message[0] == 2:
                    self._spawn(self._obey(socket, message[1], message[2], message[3]))
                elif (answer := self._answers.pop(message[1], None)) is not None and not answer.done():
                    answer.set_result(message[2] if message[0] == 3 else {})
        for answer in self._answers.values():
            answer.cancel()
        self._answers.clear()

    async def _ask(self, action: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """The answer; None where there was none."""
        if self._socket is None:
            return None
        identifier = f"{self.identity}-{next(self._ids)}"
        answer = self._answers[identifier] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send(json.dumps([2, identifier, action, payload]))
            async with asyncio.timeout(ANSWER_S):
                await asyncio.wait([answer])
            return answer.result() if not answer.cancelled() else None
        except (OSError, WebSocketException, TimeoutError):
            self._answers.pop(identifier, None)
            return None

    async def _insist(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        while (answer := await self._ask(action, payload)) is None:
            await asyncio.sleep(1)
        return answer

    def _spawn(self, what: Any) -> None:
        task = asyncio.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- what it is told ---

    async def _obey(self, socket: ClientConnection, identifier: str, action: str, payload: dict[str, Any]) -> None:
        reply, wait_s = self._do(action, payload)
        if reply is None:
            return
        await asyncio.sleep(wait_s)
        if wait_s:
            self._excuse(3)
        with contextlib.suppress(OSError, WebSocketException):
            await socket.send(json.dumps([3, identifier, reply]))

    def _do(self, action: str, payload: dict[str, Any]) -> tuple[dict[str, Any] | None, float]:
        if action == "SetChargingProfile":
            return self._take(payload["csChargingProfiles"])
        if action == "ClearChargingProfile":
            return {"status": self._clear(payload)}, 0
        if action == "GetConfiguration":
            keys = [{"key": key, "readonly": True, "value": value} for key, value in CONFIGURATION.items()]
            return {"configurationKey": keys}, 0
        return {"status": "Rejected"}, 0

    def _take(self, profile: dict[str, Any]) -> tuple[dict[str, Any] | None, float]:
        chance = self._random.random() if self.misbehaves else 1.0
        if chance < 0.04:
            self.journal.done["rejected"] += 1
            self._excuse(5)
            return {"status": "Rejected"}, 0
        if chance < 0.06:
            # Lost before it did anything.
            self.journal.done["dropped, not done"] += 1
            self._excuse(20)
            return None, 0
        status = self._store(profile)
        self.journal.done["limits taken" if status == "Accepted" else "limits too late"] += 1
        if chance < 0.08:
            self.journal.done["dropped, done"] += 1
            self._excuse(20)
            return None, 0
        late = self._random.uniform(*LATE_S) if chance < 0.12 else 0.0
        if late:
            self.journal.done["late"] += 1
            self._excuse(late)
        return {"status": status}, late

    def _store(self, profile: dict[str, Any]) -> str:
        (period,) = profile["chargingSchedule"]["chargingSchedulePeriod"]
        limit = float(period["limit"])
        if profile["chargingProfilePurpose"] == "TxDefaultProfile":
            self.default_a = limit
        elif self._transaction is None or profile.get("transactionId") != self._transaction:
            return "Rejected"
        else:
            self._tx_a = limit
            if not self._limited:
                self._limited = True
                self.journal.first_limit_s.append(time.monotonic() - self._started)
        self._note()
        return "Accepted"

    def _clear(self, payload: dict[str, Any]) -> str:
        self.journal.done["clears"] += 1
        purpose = payload.get("chargingProfilePurpose")
        if "id" not in payload and purpose in (None, "TxDefaultProfile"):
            self.default_a = None
        if "id" not in payload and purpose in (None, "TxProfile"):
            self._tx_a = None
        self._note()
        return "Accepted" if "id" not in payload else "Unknown"

    # --- what it does ---

    async def start(self) -> None:
        """A car is plugged in; it may draw what the default says before we have told anybody."""
        self._running, self._limited, self._started = True, not self.misbehaves, time.monotonic()
        self._note()
        self.journal.done["starts"] += 1
        start = {
            "connectorId": 1,
            "idTag": f"T{self.identity}",
            "meterStart": int(self._meter_wh),
            "timestamp": stamp(),
        }
        answer = await self._insist("StartTransaction", start)
        self._transaction = answer.get("transactionId")
        assert answer.get("idTagInfo", {}).get("status") == "Accepted", answer
        self._note()
        await self._ask("StatusNotification", self._status())

    async def stop(self) -> None:
        session, self._transaction = self._transaction, None
        self._running, self._tx_a = False, None
        self._note()
        payload = {"transactionId": session, "meterStop": int(self._meter_wh), "timestamp": stamp()}
        await self._insist("StopTransaction", payload)
        await self._ask("StatusNotification", self._status())

    async def reboot(self) -> None:
        """Its sessions' limits are gone, the default at times; then its session has ended with the power."""
        self.journal.done["reboots"] += 1
        bare = self._random.random() < 0.25
        self._tx_a, self._boots, self._pause_s = None, True, self._random.uniform(2, 4)
        self._excuse(10)
        ended = None
        if bare:
            self.journal.done["defaults lost"] += 1
            ended, self._transaction, self._running, self.default_a = self._transaction, None, False, None
        self._note()
        if self._socket is not None:
            await self._socket.close()
        if ended is not None:
            stop = {
                "transactionId": ended,
                "meterStop": int(self._meter_wh),
                "timestamp": stamp(),
                "reason": "PowerLoss",
            }
            await self._insist("StopTransaction", stop)

    async def leave(self) -> None:
        """Offline with the session going on."""
        self.journal.done["offline"] += 1
        self._pause_s = self._random.uniform(5, 25)
        if self._socket is not None:
            await self._socket.close()

    async def play(self) -> None:
        """Until cancelled; one thing after the other."""
        rng = self._random
        while True:
            await asyncio.sleep(rng.uniform(1, 20))
            # Without a default nobody can hold a car back: the driver waits until the station is ready.
            while self.default_a is None:
                await asyncio.sleep(0.5)
            await self.start()
            ends = time.monotonic() + (rng.uniform(40, 150) if self.obeys else 1e9)
            while self._running and time.monotonic() < ends:
                await asyncio.sleep(rng.uniform(5, 15))
                chance = rng.random() if self.misbehaves and self.obeys else 1.0
                if chance < 0.06:
                    await self.leave()
                elif chance < 0.10:
                    await self.reboot()
            if self._running:
                await self.stop()

    async def meter(self) -> None:
        while True:
            await asyncio.sleep(METER_S * self._random.uniform(0.9, 1.1))
            self._note()
            if not self._running or self._transaction is None:
                continue
            self._meter_wh += self.draw * 230 * len(self.phases) * METER_S / 3600
            amps = [
                {"value": f"{self.draw:.1f}", "measurand": "Current.Import", "unit": "A", "phase": f"L{number}"}
                for number in range(1, len(self.phases) + 1)
            ]
            values = [{"timestamp": stamp(), "sampledValue": amps}]
            await self._ask("MeterValues", {"connectorId": 1, "transactionId": self._transaction, "meterValue": values})

    def _status(self) -> dict[str, Any]:
        status = "Available" if not self._running else "Charging" if self.draw else "SuspendedEVSE"
        return {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": stamp()}

    # --- what is kept of it ---

    def _excuse(self, seconds: float) -> None:
        """It made trouble itself: until then its waiting is nobody else's fault."""
        self._excused_until = max(self._excused_until, time.monotonic() + seconds)
        self._waits_since = None

    def _note(self) -> None:
        self.journal.note(self)
        now = time.monotonic()
        waits = self._transaction is not None and self._socket is not None and self.obeys and self.in_force < MIN_A
        if not waits or now < self._excused_until:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = now
        else:
            self.journal.waited(self, now - self._waits_since)


def stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
