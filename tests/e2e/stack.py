"""A PostgreSQL, a Redis and a gateway of a test's own, to be killed at will."""

import os
import secrets
import subprocess
import sys
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
        self._gateway: subprocess.Popen[bytes] | None = None
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
        command = [sys.executable, "-m", "uvicorn", "csms.asgi:application", *flags]
        self._gateway = subprocess.Popen(command, cwd=ROOT, env=self.environment)

    def kill_gateway(self) -> None:
        """SIGKILL."""
        assert self._gateway is not None
        self._gateway.kill()
        self._gateway.wait()

    def kill(self, server: EmbeddedPostgres | EmbeddedRedis) -> None:
        """SIGKILL to a data server."""
        assert server.child is not None
        server.child.kill()
        server.child.wait()

    def revive(self, server: EmbeddedPostgres | EmbeddedRedis) -> None:
        """Start it again on the same port; returns when it answers."""
        port = server.port
        server.prepare()
        assert server.port == port
        server.start()
        server.wait_ready()

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows, as the superuser."""
        with psycopg.connect(self.postgres.admin_url(DATABASE)) as connection:
            return connection.execute(statement).fetchall()

    def close(self) -> None:
        if self._gateway is not None and self._gateway.poll() is None:
            self._gateway.terminate()
            self._gateway.wait(20)
        self.redis.stop()
        self.postgres.stop()
