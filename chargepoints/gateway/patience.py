"""Writes that can't be asked for again: tried until PostgreSQL is back, for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from tenants.periodic import AWAY

PAUSE_S = 1.0
# A restart or a failover takes less; past it the sweeps end what was left.
LONGEST_S = 60.0


async def insist(write: Callable[[], Awaitable[object]], *, gives_up: Callable[[], bool]) -> None:
    """Await `write()`, again while the database is away. Its error once LONGEST_S are over or `gives_up()` says so.

    A write whose commit was acknowledged to nobody is made twice: it must bear that.
    """
    deadline = time.monotonic() + LONGEST_S
    while True:
        try:
            await write()
            return
        except AWAY:
            if gives_up() or time.monotonic() > deadline:
                raise
        await asyncio.sleep(PAUSE_S)
