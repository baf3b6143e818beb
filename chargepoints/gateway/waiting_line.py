"""A line before a door: those who come while a group is under way are the next group, in the order of their coming.

Nobody waits for others to come, and under load a hop to a thread and a transaction serve many at once. Who waits may step
out of the line, and whoever comes can be told how long it will take. Knows nothing of what is done. Lives on the event loop.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
# In the order of the items; an exception in place of a result is raised to that one's caller alone.
Work = Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]]

# Until a full group has been seen, one item is reckoned to take so long.
FIRST_PACE_S = 0.002
# How much the latest group counts against those before.
WEIGHT = 0.3


class WaitingLine(Generic[Item, Result]):
    """`await put(item)`: its result. Cancelling what `put` returned takes an item that has not begun out of the line."""

    def __init__(
        self,
        work: Work[Item, Result],
        *,
        most: int,
        at_once: int = 1,
        on_unclaimed: Callable[[Item, Result], None] | None = None,
    ) -> None:
        """Groups of `most` items, `at_once` of them. `on_unclaimed`: done after all, but its caller has gone."""
        self._work, self._most, self._at_once, self._on_unclaimed = work, most, at_once, on_unclaimed
        self._waiting: OrderedDict[asyncio.Future[Result], Item] = OrderedDict()
        # Group -> when it began.
        self._running: dict[asyncio.Task[None], float] = {}
        self._pace_s = FIRST_PACE_S / at_once

    def __len__(self) -> int:
        """How many wait for their group to begin."""
        return len(self._waiting)

    @property
    def wait_s(self) -> float:
        """How long one who comes now will wait, as far as the last groups tell; a group that hangs holds up all."""
        if len(self._running) < self._at_once:
            return 0.0
        hanging = time.monotonic() - max(self._running.values())
        return max(len(self._waiting) * self._pace_s, hanging)

    def put(self, item: Item) -> asyncio.Future[Result]:
        """Take a place in the line."""
        place: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        place.add_done_callback(self._leave_line)
        self._waiting[place] = item
        self._begin()
        return place

    async def close(self) -> None:
        """Return when all that waited is done."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    def _leave_line(self, place: asyncio.Future[Result]) -> None:
        self._waiting.pop(place, None)

    def _begin(self) -> None:
        while self._waiting and len(self._running) < self._at_once:
            group = self._take()
            if group:
                task = asyncio.create_task(self._run(group))
                self._running[task] = time.monotonic()
                task.add_done_callback(self._ended)

    def _take(self) -> list[tuple[asyncio.Future[Result], Item]]:
        group: list[tuple[asyncio.Future[Result], Item]] = []
        while self._waiting and len(group) < self._most:
            place, item = self._waiting.popitem(last=False)
            if not place.done():
                group.append((place, item))
        return group

    async def _run(self, group: list[tuple[asyncio.Future[Result], Item]]) -> None:
        started = time.monotonic()
        try:
            results = await self._work([item for _, item in group])
        except Exception as error:
            for place, _ in group:
                if not place.done():
                    place.set_exception(error)
        else:
            for (place, item), result in zip(group, results, strict=True):
                self._hand_out(place, item, result)
        finally:
            # A small group says little of what one costs in a large one.
            if len(group) * 2 >= self._most:
                pace = (time.monotonic() - started) / len(group) / self._at_once
                self._pace_s += WEIGHT * (pace - self._pace_s)

    def _hand_out(self, place: asyncio.Future[Result], item: Item, result: Result | Exception) -> None:
        if isinstance(result, Exception):
            if not place.done():
                place.set_exception(result)
        elif not place.done():
            place.set_result(result)
        elif self._on_unclaimed is not None:
            self._on_unclaimed(item, result)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._begin()
