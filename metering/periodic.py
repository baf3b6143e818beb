"""A task that runs only while there is something to do: it starts with the first note and ends when idle."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


class Coalesced:
    """Calls `flush` every `interval_s` as long as `pending()`; errors are logged and tried again."""

    def __init__(self, interval_s: float, pending: Callable[[], bool], flush: Callable[[], Awaitable[None]]) -> None:
        self._interval_s, self._pending, self._flush = interval_s, pending, flush
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def wake(self) -> None:
        """Something was noted."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """One last flush. One that is under way is not cut off: it holds what it took."""
        self._closing.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        if self._pending():
            await self._flush()

    async def _run(self) -> None:
        while self._pending() and not self._closing.is_set():
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._closing.wait()
            except TimeoutError:
                pass
            try:
                await self._flush()
            except Exception as error:
                log.warning("will try again", what=self._flush.__qualname__, error=str(error)[:200])
