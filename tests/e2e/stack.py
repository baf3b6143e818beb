"""A PostgreSQL, a Redis, a gateway, a worker and a beat of a test's own, to be killed at will."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from csms.local.ports import choose
from csms.local.postgres import DURABLE, EmbeddedPostgres
from csms.local.redis import EmbeddedRedis
from csms.local.roles import Server
from csms.local.system import make_logins
from tests.benchmarks.server import FLAGS

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "csms"
MAKE_TENANT = """
from tenants.services.tenants import create_tenant
create_tenant(slug="{slug}", name="Acme", allow_unauthenticated=True, unknown_charge_points="accept",
              unknown_id_tags="accept")
"""


@contextmanager
def own_folder() -> Iterator[Path]:
    """For servers that run as a user of their own: pytest's folder is shut to others whenever another run of tests begins."""
    with tempfile.TemporaryDirectory(prefix="csms-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


class Stack:
    """As `scripts/run` starts them, durable."""

    def __init__(self, folder: Path) -> None:
        self.postgres = EmbeddedPostgres(folder / "postgres", DURABLE)
        self.redis = EmbeddedRedis(folder / "redis", durable=True)
        for server in (self.postgres, self.redis):
            server.prepare()
            server.start()
        self.postgres.wait_ready()
        self.redis.wait_ready()
        urls = make_logins(self.postgres.admin_url(), Server("127.0.0.1", self.postgres.port, DATABASE), {}, owner=True)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("CSMS_", "DATABASE_"))},
            **{name.upper(): url for name, url in urls.items()},
            "REDIS_URL": self.redis.url(),
            "CSMS_ENV": "development",
            "CSMS_DATA_DIR": str(folder),
            "CSMS_SECRET_KEY": secrets.token_urlsafe(64),
            "CSMS_PASSWORD_KEY": secrets.token_urlsafe(64),
            "PYTHONWARNINGS": "ignore",
        }
        self.gateway_port = choose(None)
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, tuple[str, ...]] = {}
        self.manage("migrate", "--verbosity", "0")

    def manage(self, *arguments: str) -> str:
        """Run `manage.py`; what it printed."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout

    def shell(self, code: str) -> str:
        """Run Python with Django set up."""
        return self.manage("shell", "--no-imports", "-c", code)

    def start_gateway(self) -> None:
        flags = [*FLAGS, "--port", str(self.gateway_port), "--timeout-graceful-shutdown", "5"]
        self._start("gateway", "uvicorn", "csms.asgi:application", *flags)

    def gateway_listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.gateway_port), 1):
            return True
        return False

    def start_worker(self) -> None:
        """As in the Procfile."""
        flags = [
            "--pool",
            "threads",
            "--concurrency",
            "4",
            "--loglevel",
            "WARNING",
            "--without-gossip",
            "--without-mingle",
        ]
        self._start("worker", "celery", "--quiet", "--app", "csms", "worker", *flags)

    def start_beat(self) -> None:
        schedule = str(self._folder / "beat-schedule")
        flags = ["--loglevel", "WARNING", "--pidfile=", "--schedule", schedule]
        self._start("beat", "celery", "--quiet", "--app", "csms", "beat", *flags)

    def kill_process(self, name: str) -> None:
        """SIGKILL to the gateway, the worker or the beat."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def supervise(self) -> None:
        """Start again what ended by itself, as every deployment does: a Celery worker ends when it loses Redis."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                self._start(name, *self._commands[name])

    def kill(self, server: EmbeddedPostgres | EmbeddedRedis) -> None:
        """SIGKILL to a data server."""
        assert server.child is not None
        server.child.kill()
        server.child.wait()

    def restart(self, server: EmbeddedPostgres | EmbeddedRedis) -> None:
        """Start it again on the same port. Call from the main thread, then wait until it is ready."""
        port = server.port
        server.prepare()
        assert server.port == port
        server.start()

    def _start(self, name: str, *command: str) -> None:
        self._commands[name] = command
        self._processes[name] = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=self.environment)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows, as the superuser."""
        with psycopg.connect(self.postgres.admin_url(DATABASE)) as connection:
            return connection.execute(statement).fetchall()

    def close(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.redis.stop()
        self.postgres.stop()


@contextmanager
def running_stack(slug: str) -> Iterator[Stack]:
    """With a tenant that takes any station and any tag; gateway, worker and beat have been started."""
    with own_folder() as folder:
        stack = Stack(folder)
        try:
            stack.shell(MAKE_TENANT.format(slug=slug))
            for start in (stack.start_gateway, stack.start_worker, stack.start_beat):
                start()
            yield stack
        finally:
            stack.close()
