"""How promptly the event loop of a serving process comes round: what stalls it, stalls all of its sockets."""

import asyncio

from csms.metrics import LOOP_DELAY_SECONDS

PERIOD_S = 1.0


class LoopWatch:
    """One task that sleeps and looks how late it was woken."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="loop watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PERIOD_S
            await asyncio.sleep(PERIOD_S)
            LOOP_DELAY_SECONDS.observe(max(0.0, loop.time() - due))
