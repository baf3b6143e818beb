"""Reads the board of each tenant that somebody looks at, once a second, and tells its pages what changed.

Once for all pages of a tenant in this process, straight from the tables: nothing that could be missed, nothing that has to be
rebuilt when Redis or PostgreSQL was away. A tenant that nobody looks at costs nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from chargepoints.gateway.threads import DatabaseThreads
from csms import metrics
from csms.dashboard.board import Board, Place, Tile, board_of

log = structlog.get_logger(__name__)

PERIOD_S = 1.0
# Reading takes a tenth of the time at most, however many connectors there are.
SHARE = 10
T = TypeVar("T")


class BoardPage:
    """What one open page has yet to be told, and whose it is. `changed` is set when there is something."""

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.changed = asyncio.Event()
        self.keys: set[str] = set()
        self.whole = True
        self.fresh = True

    def note(self, keys: set[str], whole: bool) -> None:
        self.keys |= keys
        self.whole |= whole
        self.changed.set()

    def note_freshness(self, fresh: bool) -> None:
        if fresh != self.fresh:
            self.fresh = fresh
            self.changed.set()


class BoardFeed:
    """The board of one tenant: its tiles now, and the pages that look at it."""

    def __init__(self, tenant_id: int, read: Callable[[int], Awaitable[Board]]) -> None:
        self._tenant_id, self._read = tenant_id, read
        self._pages: set[BoardPage] = set()
        self._task: asyncio.Task[None] | None = None
        self.tiles: dict[str, Tile] = {}
        self.sites: dict[int, Place] = {}
        self.known = False

    def open(self, user_id: int) -> BoardPage:
        """A page that begins to look; it is told of everything first."""
        page = BoardPage(user_id)
        self._pages.add(page)
        metrics.BOARDS_OPEN.inc()
        if self.known:
            page.note(set(), True)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow(), name="live board")
        return page

    def close(self, page: BoardPage) -> None:
        if page in self._pages:
            self._pages.discard(page)
            metrics.BOARDS_OPEN.dec()

    @property
    def pages(self) -> int:
        return len(self._pages)

    def pages_of(self, user_id: int) -> int:
        return sum(page.user_id == user_id for page in self._pages)

    async def _follow(self) -> None:
        while self._pages:
            began = time.monotonic()
            try:
                tiles, sites = await self._read(self._tenant_id)
            except Exception as error:
                log.warning("board not read", tenant_id=self._tenant_id, error=str(error)[:200])
                metrics.BOARD_FAILURES.inc()
                self._tell_freshness(False)
            else:
                metrics.BOARD_SECONDS.observe(time.monotonic() - began)
                self._take(tiles, sites)
                self._tell_freshness(True)
            await asyncio.sleep(max(PERIOD_S, SHARE * (time.monotonic() - began)))
        # Whoever comes next must not be shown how it was long ago.
        self.known = False

    def _take(self, tiles: dict[str, Tile], sites: dict[int, Place]) -> None:
        # Sites change once in a blue moon: then all is drawn anew.
        whole = not self.known or sites != self.sites
        changed = {key for key, tile in tiles.items() if self.tiles.get(key) != tile} | (
            self.tiles.keys() - tiles.keys()
        )
        self.tiles, self.sites, self.known = tiles, sites, True
        if changed or whole:
            for page in self._pages:
                page.note(changed, whole)

    def _tell_freshness(self, fresh: bool) -> None:
        for page in self._pages:
            page.note_freshness(fresh)


class BoardFeeds:
    """All boards that this process shows. Lives on its event loop."""

    def __init__(self) -> None:
        self._threads = DatabaseThreads(2, "board")
        self._feeds: dict[int, BoardFeed] = {}

    def feed(self, tenant_id: int) -> BoardFeed:
        for other in [one for one, feed in self._feeds.items() if not feed.pages and one != tenant_id]:
            del self._feeds[other]
        return self._feeds.setdefault(tenant_id, BoardFeed(tenant_id, self._read))

    @property
    def pages(self) -> int:
        return sum(feed.pages for feed in self._feeds.values())

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """In a thread of the board's own: other requests don't wait behind it."""
        return await self._threads.run(function, *args)

    async def _read(self, tenant_id: int) -> Board:
        return await self._threads.run(board_of, tenant_id)
