"""What a server does when it is told to end, before its own way of ending: the gateway finishes what it has begun.

uvicorn closes every websocket at once (1012), and the answers of messages that are being handled then go nowhere: the
stations would have to say them again. So the signal comes here first.
"""

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable
from types import FrameType

import structlog

log = structlog.get_logger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def drain_first(drain: Callable[[], Awaitable[None]]) -> None:
    """Call within the server's event loop, once the server listens to signals. A second signal ends the wait."""
    # A server in a thread of a test has no signals.
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            previous = signal.getsignal(number)
            if callable(previous) and previous is not signal.default_int_handler:
                signal.signal(number, _Drained(drain, previous, asyncio.get_running_loop()))


class _Drained:
    """A signal's handler: drains, then does what the server would have done at once."""

    def __init__(
        self,
        drain: Callable[[], Awaitable[None]],
        previous: Callable[[int, FrameType | None], object],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._drain, self._previous, self._loop = drain, previous, loop
        self._begun: asyncio.Task[None] | None = None
        self._asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            self._previous(number, frame)
            return
        self._asked = True
        self._loop.call_soon_threadsafe(self._begin, number)

    def _begin(self, number: int) -> None:
        self._begun = asyncio.ensure_future(self._run(number))

    async def _run(self, number: int) -> None:
        try:
            await self._drain()
        except Exception as error:
            log.warning("ended without draining", error=str(error)[:200])
        finally:
            self._previous(number, None)
