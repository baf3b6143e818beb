"""The websocket behind an open live board (`/admin/live/board`): what changed, once a second at most.

Messages to the page, JSON: `{"type": "full", "sites": {id: site}, "tiles": {key: tile}}` first and whenever all is to be
drawn anew; `{"type": "changes", "tiles": {key: tile or null}}`; `{"type": "stale"}` while the database can't be read, and
`{"type": "fresh"}` after; `{"type": "alive"}` when there was nothing to say for a while. A tile is what `Tile` names, a
`session` in it what `RunningSession` names, a site what `Place` names. Closes with 4401 when the session no longer gives
access, with 1013 when there are too many pages (of all, of the tenant, or of the person). The page has nothing to say.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog

from csms import metrics
from csms.dashboard.board import Tile
from csms.dashboard.board_access import BoardAccess, access_of_session, is_from_our_pages, session_key_of
from csms.dashboard.feed import PERIOD_S, BoardFeed, BoardFeeds, BoardPage

log = structlog.get_logger(__name__)

PATH = "/admin/live/board"
ALIVE_S = 15.0
# So long may somebody go on looking whose access has ended.
ACCESS_S = 20.0
# Of a process, of a tenant and of a person in it: one tenant's pages must not keep those of the others out.
MOST_PAGES, MOST_OF_TENANT, MOST_OF_PERSON = 500, 100, 20
POLICY, TRY_LATER, NO_ACCESS = 1008, 1013, 4401

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
_feeds: BoardFeeds | None = None


def feeds() -> BoardFeeds:
    """This process's."""
    global _feeds
    if _feeds is None:
        _feeds = BoardFeeds()
    return _feeds


async def board_socket(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """One open page, as an ASGI application."""
    await receive()
    key = session_key_of(scope["headers"])
    access = await _access(key) if key is not None and is_from_our_pages(scope["headers"]) else None
    if key is None or access is None:
        # Before it is accepted: the browser is given a 403.
        await send({"type": "websocket.close", "code": POLICY})
        return
    await send({"type": "websocket.accept"})
    feed = feeds().feed(access.tenant_id)
    if not _has_room(feed, access.user_id):
        await send({"type": "websocket.close", "code": TRY_LATER, "reason": "too many open boards"})
        return
    page = feed.open(access.user_id)
    try:
        code = await _first_end(_hear(receive), _watch_access(key, access), _push(feed, page, send))
    finally:
        feed.close(page)
    if code is not None:
        # It may have gone by itself meanwhile.
        with suppress(OSError, RuntimeError):
            await send({"type": "websocket.close", "code": code})


def _has_room(feed: BoardFeed, user_id: int) -> bool:
    if feeds().pages >= MOST_PAGES or feed.pages >= MOST_OF_TENANT:
        return False
    return feed.pages_of(user_id) < MOST_OF_PERSON


async def _access(key: str) -> BoardAccess | None:
    return await feeds().run(access_of_session, key)


async def _first_end(*ways: Any) -> int | None:
    """The close code of whichever ends first (None: the page has gone); the others are ended."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        code: int | None = next(iter(done)).result()
        return code
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _hear(receive: Receive) -> int | None:
    message = await receive()
    return None if message["type"] == "websocket.disconnect" else POLICY


async def _watch_access(key: str, access: BoardAccess) -> int | None:
    while True:
        await asyncio.sleep(ACCESS_S)
        try:
            if await _access(key) != access:
                return NO_ACCESS
        except Exception as error:
            # The board can't be read either: nothing is shown that they may not see.
            log.warning("access not looked at", error=str(error)[:200])


async def _push(feed: BoardFeed, page: BoardPage, send: Send) -> int | None:
    fresh = True
    try:
        while True:
            try:
                async with asyncio.timeout(ALIVE_S):
                    await page.changed.wait()
            except TimeoutError:
                await _say(send, {"type": "alive"})
                continue
            page.changed.clear()
            if page.fresh != fresh:
                fresh = page.fresh
                await _say(send, {"type": "fresh" if fresh else "stale"})
            await _tell(feed, page, send)
            await asyncio.sleep(PERIOD_S)
    except OSError:
        return None


async def _tell(feed: BoardFeed, page: BoardPage, send: Send) -> None:
    """What it doesn't know yet, as it is now: a slow page gets less, never a backlog."""
    whole, keys = page.whole, page.keys
    page.whole, page.keys = False, set()
    if whole and feed.known:
        tiles = {key: shown(tile) for key, tile in feed.tiles.items()}
        sites = {key: site._asdict() for key, site in feed.sites.items()}
        await _say(send, {"type": "full", "sites": sites, "tiles": tiles})
    elif whole:
        page.whole = True
    elif keys:
        changes = {key: shown(feed.tiles[key]) if key in feed.tiles else None for key in keys}
        await _say(send, {"type": "changes", "tiles": changes})


def shown(tile: Tile) -> dict[str, Any]:
    """As it goes to the page."""
    return tile._asdict() | {"session": tile.session._asdict() if tile.session is not None else None}


async def _say(send: Send, message: dict[str, Any]) -> None:
    metrics.BOARD_PUSHES.labels(message["type"]).inc()
    await send({"type": "websocket.send", "text": json.dumps(message, separators=(",", ":"))})
