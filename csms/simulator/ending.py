"""Ending tasks so that they have ended."""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_S = 1.0


async def end_tasks(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel them until they are done.

    Once isn't enough: `asyncio.wait_for`, by which the ocpp library waits for an answer, loses a cancellation that comes in
    the same instant as the answer (CPython issue 86296; Python 3.12 doesn't).
    """
    tasks = list(tasks)
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
