"""A worker process that SIGKILLs itself in the middle of a flush: `python -m tests.metering.dying_worker WHERE`.

`before`: its rows are written and not yet committed. `after`: they are committed, the entries still in the stream.
"""

import asyncio
import os
import signal
import sys
from typing import Any
from unittest import mock

import django


async def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(where: str) -> None:
    """Drain until death."""
    django.setup()
    from metering.ingest import drain
    from metering.ingest.store import SampleStore

    class DyingStore(SampleStore):
        async def insert(self, messages: Any) -> None:
            connection = await self._connect()
            async with connection.transaction():
                await super().insert(messages)
                await die()

    patched = {"SampleStore": DyingStore} if where == "before" else {"remove_entries": die}
    with mock.patch.multiple(drain, **patched):
        asyncio.run(drain.drain_spill(abandoned_ms=0))


if __name__ == "__main__":
    main(sys.argv[1])
