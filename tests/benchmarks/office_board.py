"""The live board of a large tenant: until its page, its first full state by the socket, and its first tiles in a browser."""

import asyncio
import json
import shutil
import time
from typing import Any

import httpx

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATH = "/admin/live/board"


async def full_state(port: int, cookie: str) -> tuple[float, int, int]:
    """(seconds until the first full state, its bytes, tiles) of a page that has just been opened."""
    from websockets.asyncio.client import connect

    headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{port}"}
    began = time.perf_counter()
    async with connect(f"ws://127.0.0.1:{port}{PATH}", additional_headers=headers, max_size=None) as socket:
        while True:
            said = await socket.recv()
            message = json.loads(said)
            if message["type"] == "full":
                return time.perf_counter() - began, len(said), len(message["tiles"])


def measure_board(port: int, session: str, times: int) -> None:
    """Print all three. `session`: the cookie's value."""
    from django.conf import settings

    name = settings.SESSION_COOKIE_NAME
    pages = []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", cookies={name: session}) as client:
        for _ in range(times + 1):
            began = time.perf_counter()
            client.get("/admin/board/").raise_for_status()
            pages.append(time.perf_counter() - began)
    states = [asyncio.run(full_state(port, f"{name}={session}")) for _ in range(times)]
    print(
        f"board: page {min(pages) * 1000:.0f} ms; full state by the socket {min(one[0] for one in states) * 1000:.0f} to "
        f"{max(one[0] for one in states) * 1000:.0f} ms ({states[0][2]:,} tiles, {states[0][1] / 1024:,.0f} KiB)"
    )
    if CHROMIUM is None:
        print("board: no Chromium here, its first tiles were not measured")
        return
    shown = [_first_tiles(port, name, session) for _ in range(times)]
    print(f"board: first tiles in a browser after {min(shown) * 1000:.0f} to {max(shown) * 1000:.0f} ms")


def _first_tiles(port: int, name: str, session: str) -> float:
    """Seconds from the address to the first tile drawn, in a window that has nothing in its cache."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context: Any = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": name, "value": session, "url": f"http://127.0.0.1:{port}"}])
        page = context.new_page()
        began = time.perf_counter()
        page.goto(f"http://127.0.0.1:{port}/admin/board/", wait_until="commit")
        page.wait_for_selector(".board-tile", timeout=60_000)
        took = time.perf_counter() - began
        browser.close()
    return took
