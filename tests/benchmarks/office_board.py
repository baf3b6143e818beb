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
    shown = [_in_browser(port, name, session) for _ in range(times)]
    for what, seconds in zip(("first tiles painted", "all tiles drawn"), zip(*shown, strict=True), strict=True):
        print(f"board: {what} in a browser after {min(seconds) * 1000:.0f} to {max(seconds) * 1000:.0f} ms")


# By the browser's clock, from the click on: the next frame after the first tile, and the time of the last.
WATCH = """
window.seen = {};
new MutationObserver(() => {
  const count = document.querySelectorAll(".board-tile").length;
  if (!count || count === seen.count) return;
  seen.count = count;
  seen.last = performance.now();
  if (!seen.asked) {
    seen.asked = true;
    requestAnimationFrame(() => setTimeout(() => { seen.painted = performance.now(); }));
  }
}).observe(document, { childList: true, subtree: true });
"""
QUIET_MS = 1000


def _in_browser(port: int, name: str, session: str) -> tuple[float, float]:
    """Seconds until the first tiles are painted, and until all are drawn, in a browser that has nothing in its cache."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context: Any = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": name, "value": session, "url": f"http://127.0.0.1:{port}"}])
        page = context.new_page()
        page.add_init_script(WATCH)
        page.goto(f"http://127.0.0.1:{port}/admin/board/", wait_until="commit")
        page.wait_for_function(f"seen.painted && performance.now() - seen.last > {QUIET_MS}", timeout=60_000)
        painted, last = page.evaluate("[seen.painted, seen.last]")
        browser.close()
    return painted / 1000, last / 1000
