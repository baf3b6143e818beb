"""A real web process and a real browser."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def web(db: None, redis_clean: Any) -> Iterator[str]:
    """The address of a web process on this worker's database."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ["--loop", "uvloop", "--ws", "websockets-sansio", "--lifespan", "off", "--log-level", "warning"]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "csms.asgi:application", "--host", "127.0.0.1", "--port", str(port), *flags],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore", "CSMS_ENV": "development"},
    )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(f"{address}/health/live", timeout=2).close()
            break
        except (OSError, urllib.error.URLError):
            assert process.poll() is None
            assert time.monotonic() < deadline
    yield address
    process.send_signal(signal.SIGTERM)
    process.wait(10)


@pytest.fixture
def chromium() -> Iterator[Any]:
    """A headless browser, or a clear skip."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install Debian's chromium to run the browser tests")
    # Playwright keeps an event loop in this thread; the ORM is used between its calls, not within them.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
