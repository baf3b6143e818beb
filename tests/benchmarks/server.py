"""A server process on a core of its own, and what it uses."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# As the gateway's line in the Procfile.
FLAGS = [
    "--host",
    "127.0.0.1",
    "--loop",
    "uvloop",
    "--http",
    "httptools",
    "--ws",
    "websockets-sansio",
    "--ws-ping-interval",
    "30",
    "--ws-ping-timeout",
    "60",
    "--ws-max-size",
    "65536",
    "--timeout-graceful-shutdown",
    "8",
    "--log-level",
    "warning",
]
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


class ServerProcess:
    """uvicorn with one application."""

    def __init__(self, child: "subprocess.Popen[bytes]", port: int) -> None:
        self._child, self.port = child, port
        self.pid = child.pid

    @property
    def cpu_s(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def resident_bytes(self) -> int:
        """Memory in use."""
        return int(Path(f"/proc/{self._child.pid}/statm").read_text().split()[1]) * PAGE

    @property
    def peak_bytes(self) -> int:
        """The most memory that it has had."""
        lines = Path(f"/proc/{self._child.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024

    def end(self, number: int) -> float:
        """Send it a signal and wait for its end; the seconds that it took."""
        started = time.monotonic()
        self._child.send_signal(number)
        self._child.wait(60)
        return time.monotonic() - started


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def pin(pid: int, cores: set[int]) -> None:
    """Keep a process to some cores, where the system lets us."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(pid, cores)


@contextlib.contextmanager
def running(application: str, *, port: int = 0, **settings: str) -> Iterator[ServerProcess]:
    """The application on core 0 and on `port` (0: a free one), until the block ends. `settings`: of its environment."""
    port = port or free_port()
    # Stations that send as fast as they can are no attack here.
    environment = os.environ | {
        "CSMS_ENV": "development",
        "CSMS_DB_POOL": "1",
        "CSMS_FRAMES_PER_SECOND": "1000000",
        "CSMS_FRAME_BURST": "1000000",
        **settings,
    }
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port), *FLAGS]
    child = subprocess.Popen(command, env=environment)
    try:
        pin(child.pid, {0})
        wait_open(port, child)
        yield ServerProcess(child, port)
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_open(port: int, child: "subprocess.Popen[bytes]") -> None:
    """Until it listens; SystemExit where it doesn't within a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit("The server under test did not start.")
