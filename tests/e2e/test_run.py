"""`scripts/run` from outside: ready, healed, stopped, killed and started again."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from csms.local.ports import choose
from tests.e2e.stack import own_folder
from tests.stations import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.e2e


class Running:
    """One `scripts/run --no-demo` in a data directory of its own."""

    def __init__(self, data: Path) -> None:
        self.data, self.web, self.gateway = data, choose(None), choose(None)
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("CSMS_", "DATABASE_", "REDIS_", "PYTEST_"))}
        self.environment = {
            **clean,
            "CSMS_DATA_DIR": str(data),
            "CSMS_WEB_PORT": str(self.web),
            "CSMS_GATEWAY_PORT": str(self.gateway),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.data.parent / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "csms.local.run", "--no-demo"],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait(lambda: b"Ready in" in self.said(), 600, self.said)

    def said(self) -> bytes:
        return (self.data.parent / "output").read_bytes()

    def children(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, name: str) -> psutil.Process | None:
        for child in self.children():
            # One may end while we look.
            with contextlib.suppress(psutil.Error):
                if name in " ".join(child.cmdline()[:2]):
                    return child
        return None

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/health/ready", timeout=5) as answer:
                return bool(json.loads(answer.read())["status"] == "ok")
        except OSError:
            return False


def wait(condition: Any, seconds: float, explain: Any = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, explain()
        # Leaves the processor to what is waited for.
        threading.Event().wait(0.05)


@pytest.fixture
def running() -> Iterator[Running]:
    with own_folder() as folder:
        system = Running(folder / "with blanks" / "data")
        system.data.mkdir(parents=True)
        yield system
        if system.process is not None and system.process.poll() is None:
            system.process.terminate()
            system.process.wait(PATIENCE_S)


def test_it_starts_heals_stops_cleanly_and_survives_being_killed_hard(running: Running) -> None:
    running.start()
    credentials = json.loads((running.data / "credentials.json").read_text())
    assert set(credentials) == {"admin_url", "api_url", "ocpp_url", "tenant", "username", "password"}
    assert (running.data / "credentials.json").stat().st_mode & 0o777 == 0o600

    for name in ("redis-server", "postgres", "uvicorn"):
        victim = running.child(name)
        assert victim is not None, name
        victim.kill()
        wait(lambda victim=victim: not victim.is_running(), PATIENCE_S)
        wait(running.healthy, 300, running.said)

    second = subprocess.run(
        [sys.executable, "-m", "csms.local.run"],
        cwd=ROOT,
        env={**running.environment, "CSMS_WEB_PORT": str(choose(None)), "CSMS_GATEWAY_PORT": str(choose(None))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert "already runs" in second.stderr
    assert "Traceback" not in second.stderr

    assert running.process is not None
    children = running.children()
    running.process.kill()
    _gone, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert alive == []

    (running.data.parent / "output").write_bytes(b"")
    running.start()
    assert json.loads((running.data / "credentials.json").read_text())["password"] == credentials["password"]
    children = running.children()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE_S) == 0
    _gone, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert alive == []
