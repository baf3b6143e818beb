"""This process's writer, with what follows a commit: live statistics, session progress and alerts. Started on first use."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from chargepoints.gateway.threads import DatabaseThreads
from metering.alerts.watch import Watch
from metering.ingest.message import MeterMessage
from metering.ingest.writer import IngestUnavailable, SampleWriter
from metering.live import LiveStatistics
from metering.progress import SessionProgress
from tenants.databases.fence import is_elsewhere
from tenants.databases.names import MAIN, own_databases
from tenants.databases.placement import look_again, remembered_database_of


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
    """The writers and what they feed. Each database has a writer of its own: while one is away, the others go on."""

    def __init__(self) -> None:
        self.live = LiveStatistics()
        self.watch = Watch()
        self.followers = [make() for make in _followers]
        self.progress = SessionProgress()
        self.writer = SampleWriter(lambda messages: self._stored(messages, self.progress))
        # Of databases beside the main one.
        self._writers: dict[str, SampleWriter] = {}
        self._progress: list[SessionProgress] = []
        self._threads: DatabaseThreads | None = None

    def writer_of(self, tenant_id: int) -> SampleWriter:
        """That of the database where the tenant lives, as far as this process knows."""
        database = remembered_database_of(tenant_id)
        if database == MAIN:
            return self.writer
        if database not in self._writers:
            progress = SessionProgress(database)
            self._writers[database] = SampleWriter(lambda messages: self._stored(messages, progress), database)
            self._progress.append(progress)
        return self._writers[database]

    async def write(self, message: MeterMessage) -> None:
        """Durable on return, where the tenant lives; as `SampleWriter.write`. IngestUnavailable while it is being moved."""
        if not own_databases():
            await self.writer.write(message)
            return
        try:
            await self.writer_of(message.tenant_id).write(message)
        except Exception as error:
            if not is_elsewhere(error):
                raise
            await self._write_anew(message)

    async def _write_anew(self, message: MeterMessage) -> None:
        """It has moved since this process looked, or is on the way."""
        self._threads = self._threads or DatabaseThreads(1, "placement")
        await self._threads.run(look_again, message.tenant_id)
        try:
            await self.writer_of(message.tenant_id).write(message)
        except Exception as error:
            if not is_elsewhere(error):
                raise
            raise IngestUnavailable("the tenant is being moved") from None

    def _stored(self, messages: list[MeterMessage], progress: SessionProgress) -> None:
        self.live.note(messages)
        progress.note(messages)
        self.watch.note(messages)
        for follower in self.followers:
            follower.note(messages)

    async def close(self) -> None:
        await asyncio.gather(*(writer.close() for writer in (self.writer, *self._writers.values())))
        fed: list[Follower] = [self.live, self.progress, *self._progress, self.watch, *self.followers]
        await asyncio.gather(*(each.close() for each in fed), return_exceptions=True)
        if self._threads is not None:
            self._threads.close()


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
