"""A real web process and a real browser, both started once; people who have signed in."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from csms.local.ports import choose
from tenants.models import User
from tests.admin.conftest import office

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
READY_S = 120
# What an answer and a page may take on a machine that is busy with other things.
PATIENCE_MS = 90_000

Open = Callable[..., Any]


@pytest.fixture(scope="package")
def web_process() -> Iterator[str]:
    """The address of a web process on this worker's database: whatever test fills that."""
    port = choose(None)
    flags = ["--loop", "uvloop", "--ws", "websockets-sansio", "--lifespan", "off", "--log-level", "warning"]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "csms.asgi:application", "--host", "127.0.0.1", "--port", str(port), *flags],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore", "CSMS_ENV": "development"},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/health/live", process)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(READY_S)


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=10).close()
            return
        except (OSError, urllib.error.URLError):
            assert process.poll() is None
            assert time.monotonic() < deadline
        threading.Event().wait(0.1)


@pytest.fixture
def web(web_process: str, db: None, redis_clean: Any) -> str:
    """Its address, and a database that is emptied afterwards."""
    return web_process


@pytest.fixture(scope="package")
def browser_process() -> Iterator[Any]:
    """A headless browser; where there is none, a clear skip, and in CI (CI=true) a failure."""
    if CHROMIUM is None:
        missing = "no Chromium on this machine: install Debian's chromium to run the browser tests"
        # Where changes are judged, tests that didn't run must not look as if they had passed.
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    # Playwright keeps an event loop in this thread; the ORM is used between its calls, not within them.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)

    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM,
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
                timeout=PATIENCE_MS,
            )
            yield browser
            browser.close()
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


# What htmx says of a request that was under way when the page was left; one that failed has htmx:sendError beside.
LEFT_WHILE_ASKING = {"htmx:afterRequest", "htmx:sendAbort"}


def is_problem(message: Any) -> bool:
    """Whether the console's message is one."""
    return message.type == "error" and message.text not in LEFT_WHILE_ASKING


@pytest.fixture
def new_page(web: str, browser_process: Any) -> Iterator[Open]:
    """`new_page(width, scheme)`: a window of its own. What it complains of, and whom else it asks, fails the test."""
    problems: list[str] = []
    contexts: list[Any] = []

    def open_window(width: int = 1440, scheme: str = "light") -> Any:
        context = browser_process.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if is_problem(message) else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda request: problems.append(request.url) if not request.url.startswith((web, "data:")) else None,
        )
        return page

    yield open_window
    # A page that refreshes itself must not ask of a database that is being emptied.
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def signed_in(web: str, new_page: Open, alice: User) -> Open:
    """`signed_in(path, width, scheme)`: Alice's page. That the form signs her in is a test of its own."""
    session = office(alice).cookies[settings.SESSION_COOKIE_NAME].value

    def open_page(path: str, width: int = 1440, scheme: str = "light") -> Any:
        page = new_page(width, scheme)
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": web}])
        page.goto(web + path)
        return page

    return open_page
