"""Several of each process on one PostgreSQL and one Redis, each to be killed and to come back."""

import asyncio
import contextlib
import random
import signal
import socket
import time
from pathlib import Path
from typing import Any

from csms.local.ports import choose, is_free
from tests.benchmarks.server import FLAGS
from tests.e2e.stack import Stack

POSTGRES, REDIS = "postgres", "redis"
WORKER = ("--pool", "threads", "--concurrency", "4", "--loglevel", "ERROR", "--without-gossip", "--without-mingle")


class Cluster(Stack):
    """`gateways`, `webs`, `workers`, `senders` (of events) and one beat. All methods are for the main thread."""

    def __init__(
        self, folder: Path, *, gateways: int = 3, webs: int = 2, workers: int = 2, senders: int = 2, **settings: str
    ) -> None:
        super().__init__(folder)
        self.environment |= {"CSMS_ALLOW_PRIVATE_HOOKS": "1", "CSMS_LOG_LEVEL": "ERROR", **settings}
        self.gateway_ports = [choose(None) for _ in range(gateways)]
        self.web_ports = [choose(None) for _ in range(webs)]
        for number, port in enumerate(self.gateway_ports):
            self._commands[f"gateway-{number}"] = (*self._uvicorn(port), "--timeout-graceful-shutdown", "5")
        for number, port in enumerate(self.web_ports):
            self._commands[f"web-{number}"] = (*self._uvicorn(port), "--lifespan", "off")
        for number in range(workers):
            self._commands[f"worker-{number}"] = ("celery", "--quiet", "--app", "csms", "worker", *WORKER)
        schedule = str(folder / "beat-schedule")
        beat = ("--loglevel", "ERROR", "--pidfile=", "--schedule", schedule)
        self._commands["beat"] = ("celery", "--quiet", "--app", "csms", "beat", *beat)
        for number in range(senders):
            self._commands[f"sender-{number}"] = ("django", "deliver_events", "--settings", "csms.settings")
        self._servers: dict[str, Any] = {POSTGRES: self.postgres, REDIS: self.redis}
        self.down: set[str] = set()

    @staticmethod
    def _uvicorn(port: int) -> tuple[str, ...]:
        return ("uvicorn", "csms.asgi:application", "--port", str(port), *FLAGS)

    @property
    def names(self) -> list[str]:
        """Everything that can be killed."""
        return [*self._commands, *self._servers]

    @property
    def gateways(self) -> str:
        """Their addresses as the simulator takes them."""
        return ",".join(f"ws://127.0.0.1:{port}" for port in self.gateway_ports)

    def start(self, name: str) -> None:
        """Begin it (again); doesn't wait until it is ready."""
        self.down.discard(name)
        if name not in self._servers:
            self._start(name, *self._commands[name])
        elif is_free(self._servers[name].port):
            self.restart(self._servers[name])

    def start_all(self) -> None:
        for name in self._commands:
            if name not in self._processes:
                self.start(name)

    def kill_hard(self, name: str) -> None:
        """SIGKILL."""
        self.down.add(name)
        if name in self._servers:
            self.kill(self._servers[name])
        elif name in self._processes:
            self.kill_process(name)

    def terminate(self, name: str, patience_s: float = 30) -> int:
        """SIGTERM, as a deployment does it; the exit status once it has ended by itself."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(patience_s)

    def listens(self, port: int) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    def all_listen(self) -> bool:
        return all(self.listens(port) for port in (*self.gateway_ports, *self.web_ports))

    def supervise(self) -> None:
        """The servers too: one that was killed may find its own shared memory in use for a moment, and give up."""
        for name, server in self._servers.items():
            if name not in self.down and server.child.poll() is not None:
                self.start(name)
        super().supervise()


class Killer:
    """Every `period_s` or so another of the cluster's processes dies, and comes back after a while."""

    def __init__(self, cluster: Cluster, *, period_s: float, seed: int) -> None:
        self._cluster, self._period_s, self._random = cluster, period_s, random.Random(seed)
        self.log: list[tuple[float, str]] = []

    async def run(self, seconds: float) -> None:
        """For so long; at the end all is up again."""
        began = next_kill = time.monotonic()
        end, comes_back = began + seconds, dict[str, float]()
        while time.monotonic() < end:
            now = time.monotonic()
            for name in [one for one, at in comes_back.items() if at <= now]:
                del comes_back[name]
                self._cluster.start(name)
            if now >= next_kill:
                if living := [name for name in self._cluster.names if name not in comes_back]:
                    victim = self._random.choice(living)
                    self._cluster.kill_hard(victim)
                    self.log.append((now - began, victim))
                    comes_back[victim] = now + self._random.uniform(0.5, 2 * self._period_s)
                next_kill = now + self._random.uniform(0.5, 1.5) * self._period_s
            self._cluster.supervise()
            await asyncio.sleep(0.2)
        # Servers first: the processes need them.
        for name in sorted(comes_back, key=lambda one: one not in (POSTGRES, REDIS)):
            self._cluster.start(name)

    def told(self) -> str:
        """What died when, for whoever reads a failure."""
        return ", ".join(f"{name} at {at:.0f} s" for at, name in self.log)
