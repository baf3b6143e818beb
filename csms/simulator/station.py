"""A simulated station: boots, shows its status, charges cars, survives lost connections as real ones do.

Its parts: `wire` (connection and queue), `life` (time passes), `sessions`, `answers`, `charging`, `files`, `security`.
"""

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import websockets
from ocpp.v16 import call

from csms.simulator.answers import Answers
from csms.simulator.charging import Charging
from csms.simulator.configuration import Configuration
from csms.simulator.connector import Connector, now_text
from csms.simulator.files import Files
from csms.simulator.journal import Journal
from csms.simulator.life import Life
from csms.simulator.limits import Profile
from csms.simulator.link import Link
from csms.simulator.reservations import LocalList, Reservations
from csms.simulator.security import Security
from csms.simulator.sessions import Sessions
from csms.simulator.settings import Counters, Model, Settings
from csms.simulator.wire import Queued, Wire


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

    def __post_init__(self) -> None:
        self.connectors = [
            Connector(number, outlet, self.rng, register_wh=self.rng.uniform(10_000, 9_000_000))
            for number, outlet in enumerate(self.model.outlets, 1)
        ]
        self.configuration = Configuration(len(self.connectors), self.settings.sample_interval_s)
        self.wire = Wire(self)
        self.sessions = Sessions(self)
        self.files = Files(self)
        self.security = Security(self)
        self.reservations = Reservations(self)
        self.local_list = LocalList(self.configuration.values.__getitem__)
        self.answers = Answers(self)
        self.charging = Charging(self)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Live and stay connected, for ever."""
        life = asyncio.create_task(Life(self).run())
        try:
            await self.wire.run()
        finally:
            life.cancel()
            for task in self._tasks:
                task.cancel()

    # --- how it stands ---

    @property
    def link(self) -> Link | None:
        """The connection; None while there is none."""
        return self.wire.link

    @property
    def accepted(self) -> bool:
        """The last boot was accepted."""
        return self.wire.accepted

    @property
    def queue(self) -> deque[Queued]:
        """Transaction messages that have yet to arrive."""
        return self.wire.queue

    # --- what its parts do with it ---

    async def call(self, request: Any) -> Any:
        """The answer, or None for a CALLERROR or no answer in time."""
        return await self.wire.call(request)

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """Do it beside everything else; a lost connection in it is only counted."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._settled)
        return task

    def _settled(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(task.exception(), OSError | websockets.WebSocketException):
            self.counters.errors += 1

    async def send_status(self, number: int, error: str = "NoError") -> None:
        """StatusNotification of a connector, or of the station (0)."""
        whole = "Available" if self.answers.operative else "Unavailable"
        status = whole if number == 0 else self.connectors[number - 1].status
        await self.call(
            call.StatusNotification(
                connector_id=number,
                error_code=error,
                status="Faulted" if error != "NoError" else status,
                timestamp=now_text(),
            )
        )

    def show_status(self, connector: Connector, status: str) -> None:
        """Change a connector's status, and tell the server."""
        connector.status = status
        if self.accepted and self.link is not None:
            self.spawn(self.send_status(connector.number))

    def stop(self, connector: Connector, reason: str) -> None:
        """End the connector's session, if there is one."""
        self.sessions.stop(connector, reason)

    def restart(self, *, hard: bool) -> None:
        """A reset: sessions end, the connection is lost, the station is back in a few seconds."""
        self.security.note("ResetOrReboot", "Hard" if hard else "Soft")
        for connector in self.connectors:
            self.stop(connector, "HardReset" if hard else "SoftReset")
        self.wire.stay_away(self.rng.uniform(2, 5))
