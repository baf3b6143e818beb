"""Many stations in one process, and the line that says how they are."""

import asyncio
import contextlib
import random
import signal
import sys
import time
from pathlib import Path

from csms.simulator.car import Outlet
from csms.simulator.ending import end_tasks
from csms.simulator.journal import Journal
from csms.simulator.settings import Counters, Model, Settings
from csms.simulator.station import Station

MODELS = [
    Model("Voltaic", "Wall 11", [Outlet(11_000, 3)]),
    Model("Voltaic", "Post 22 Duo", [Outlet(22_000, 3), Outlet(22_000, 3)]),
    Model("Ampere", "Home 7", [Outlet(7_400, 1)]),
    Model("Rapidus", "DC50", [Outlet(50_000, 3, dc=True)]),
]


class Fleet:
    """`size` stations, `PREFIX-0001` and so on; the same seed plays the same day."""

    def __init__(self, size: int, settings: Settings, *, prefix: str, seed: int, journal: Path | None) -> None:
        self.counters, self.journal = Counters(), Journal(journal)
        self.stations = [
            Station(
                identity=f"{prefix}-{number:04d}",
                model=MODELS[(number - 1) % len(MODELS)],
                settings=settings,
                rng=random.Random(f"{seed}-{number}"),
                journal=self.journal,
                counters=self.counters,
            )
            for number in range(1, size + 1)
        ]

    async def run(self, duration_s: float | None) -> None:
        """Until the time is up or a signal asks for the end."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        tasks = [asyncio.create_task(self._start(index, station)) for index, station in enumerate(self.stations)]
        tasks.append(asyncio.create_task(self._show_progress()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration_s):
                await ended.wait()
        await end_tasks(tasks)
        self.journal.close()

    async def _start(self, index: int, station: Station) -> None:
        # Not all in the same instant: two hundred a second.
        await asyncio.sleep(index / 200)
        await station.run()

    async def _show_progress(self) -> None:
        live = sys.stdout.isatty()
        before, sent = time.monotonic(), 0
        while True:
            await asyncio.sleep(1 if live else 30)
            now, messages = time.monotonic(), self.counters.messages
            line = self.progress((messages - sent) / (now - before))
            before, sent = now, messages
            print(f"\r\033[K{line}" if live else line, end="" if live else "\n", flush=True)

    def progress(self, rate: float) -> str:
        connectors = [connector for station in self.stations for connector in station.connectors]
        charging = [connector for connector in connectors if connector.session is not None]
        power = sum(connector.power_w for connector in charging) / 1000
        waiting = sum(len(station.queue) for station in self.stations)
        return (
            f"{self.counters.online}/{len(self.stations)} online, {len(charging)} charging, {power:.1f} kW, "
            f"{self.counters.sessions} sessions, {rate:.1f} messages/s, {waiting} waiting, {self.counters.errors} errors"
        )
