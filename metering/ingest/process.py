"""This process's writer, with what follows a commit: live statistics, session progress and alerts. Started on first use."""

import asyncio

from metering.alerts.watch import Watch
from metering.ingest.message import MeterMessage
from metering.ingest.writer import SampleWriter
from metering.live import LiveStatistics
from metering.progress import SessionProgress


class Ingest:
    """The writer and what it feeds."""

    def __init__(self) -> None:
        self.live = LiveStatistics()
        self.progress = SessionProgress()
        self.watch = Watch()
        self.writer = SampleWriter(self._stored)

    def _stored(self, messages: list[MeterMessage]) -> None:
        self.live.note(messages)
        self.progress.note(messages)
        self.watch.note(messages)

    async def close(self) -> None:
        await self.writer.close()
        await asyncio.gather(self.live.close(), self.progress.close(), self.watch.close(), return_exceptions=True)


_ingest: Ingest | None = None


def get_ingest() -> Ingest:
    """Call on the event loop."""
    global _ingest
    if _ingest is None:
        _ingest = Ingest()
    return _ingest


async def close_ingest() -> None:
    """Write out and stop, if it was started."""
    global _ingest
    ingest, _ingest = _ingest, None
    if ingest is not None:
        await ingest.close()
