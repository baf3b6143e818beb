"""A Celery worker as in the Procfile, for benchmarks of what goes through it."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

FLAGS = ["--pool", "threads", "--concurrency", "4", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]


@contextlib.contextmanager
def working() -> Iterator[None]:
    """A worker, until the block ends. It answers before the block begins; SystemExit where it doesn't in a minute."""
    environment = os.environ | {"CSMS_ENV": "development", "CSMS_DB_POOL": "1", "PYTHONWARNINGS": "ignore"}
    child = subprocess.Popen(
        [sys.executable, "-m", "celery", "--quiet", "--app", "csms", "worker", *FLAGS], env=environment
    )
    try:
        _wait_ready(child)
        yield
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_ready(child: "subprocess.Popen[bytes]") -> None:
    from csms.celery import app

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and child.poll() is None:
        if app.control.ping(timeout=0.5):
            return
    raise SystemExit("The worker did not start.")
