"""What a server does when it is told to end, before its own way of ending: the gateway finishes what it has begun.

uvicorn closes every websocket at once (1012), and the answers of messages that are being handled then go nowhere: the
stations would have to say them again. So the signal comes here first.
"""

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import FrameType

import structlog

log = structlog.get_logger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def drain_first(drain: Callable[[], Awaitable[None]]) -> None:
    """Call within the server's event loop, once the server listens to signals. A second signal ends the wait."""
    # A server in a thread of a test has no signals.
    if threading.current_thread() is not threading.main_thread():
        return
    found = {number: signal.getsignal(number) for number in SIGNALS}
    previous = {
        signal.Signals(number): handler
        for number, handler in found.items()
        if callable(handler) and handler is not signal.default_int_handler
    }
    drained = Drained(drain, previous, asyncio.get_running_loop())
    for number in previous:
        signal.signal(number, drained)


class Drained:
    """The handler of all these signals: drains, then does what the server would have done at once."""

    def __init__(
        self,
        drain: Callable[[], Awaitable[None]],
        previous: Mapping[signal.Signals, Callable[[int, FrameType | None], object]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._drain, self._previous, self._loop = drain, previous, loop
        self._begun: asyncio.Task[None] | None = None
        self._asked = self._handed_on = False

    @property
    def is_over(self) -> bool:
        """What was begun has been finished, or been given up."""
        return self._begun is not None and self._begun.done()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            self._hand_on(number, frame)
        else:
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
            # A server takes what it is told twice for an order to drop everything.
            if not self._handed_on:
                self._hand_on(number, None)

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        self._handed_on = True
        self._previous[signal.Signals(number)](number, frame)
