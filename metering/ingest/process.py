"""This process's writer, with what follows a commit: live statistics, session progress and alerts. Started on first use."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from metering.alerts.watch import Watch
from metering.ingest.message import MeterMessage
from metering.ingest.writer import SampleWriter
from metering.live import LiveStatistics
from metering.progress import SessionProgress


class Follower(Protocol):
    """Something of a higher app that looks at what was stored, on the event loop."""

    def note(self, messages: list[MeterMessage]) -> None:
        """Never waits."""

    def close(self) -> Awaitable[None]:
        """Finish what was begun."""


_followers: list[Callable[[], Follower]] = []


def register_follower(make: Callable[[], Follower]) -> None:
    """`make()` is called once in each process that writes readings."""
    if make not in _followers:
        _followers.append(make)


class Ingest:
    """The writer and what it feeds."""

    def __init__(self) -> None:
        self.live = LiveStatistics()
        self.progress = SessionProgress()
        self.watch = Watch()
        self.followers = [make() for make in _followers]
        self.writer = SampleWriter(self._stored)

    def _stored(self, messages: list[MeterMessage]) -> None:
        self.live.note(messages)
        self.progress.note(messages)
        self.watch.note(messages)
        for follower in self.followers:
            follower.note(messages)

    async def close(self) -> None:
        await self.writer.close()
        fed: list[Follower] = [self.live, self.progress, self.watch, *self.followers]
        await asyncio.gather(*(each.close() for each in fed), return_exceptions=True)


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
