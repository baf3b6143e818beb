"""The raw message log: gathered in memory, written in batches off the reply path.

It is a record for people, not the truth: when PostgreSQL is away, the oldest lines make room and are counted.
"""

import asyncio
import itertools
import re
from collections import deque
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import structlog
from django.db import connections

from chargepoints.context import StationContext
from chargepoints.metrics import MESSAGES_NOT_LOGGED
from chargepoints.services.shown_payloads import shown_frame
from tenants.arrays import array_literal
from tenants.databases.names import MAIN, SYSTEM, alias_of, own_databases
from tenants.databases.placement import remembered_database_of

log = structlog.get_logger(__name__)

BATCH = 500
INTERVAL_S = 0.25
LIMIT = 50_000
LONGEST = 65_536
INSERT = """
INSERT INTO chargepoints_message
    (at, tenant_id, charge_point_id, connection_id, direction, kind, message_id, action, payload, error_code, note)
SELECT * FROM unnest(
    %s::timestamptz[], %s::bigint[], %s::bigint[], %s::uuid[], %s::text[], %s::smallint[],
    %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
"""
# Where a station's password travels: ChangeConfiguration to it. Reported values are masked too.
_KEY_VALUE = re.compile(r'("key"\s*:\s*"AuthorizationKey"[^{}]*?"value"\s*:\s*")[^"]*(")', re.IGNORECASE)
_VALUE_KEY = re.compile(r'("value"\s*:\s*")[^"]*("[^{}]*?"key"\s*:\s*"AuthorizationKey")', re.IGNORECASE)

Line = tuple[datetime, int, int, UUID, str, int, str, str, str, str, str]


def mask(text: str) -> str:
    """The frame without passwords and without tokens of addresses."""
    text = shown_frame(text)
    if "uthorizationkey" not in text.lower():
        return text
    return _VALUE_KEY.sub(r"\1***\2", _KEY_VALUE.sub(r"\1***\2", text))


def line_of(
    context: StationContext,
    at: datetime,
    direction: str,
    kind: int,
    message_id: str,
    action: str,
    text: str,
    code: str,
    note: str,
) -> Line:
    """A frame as it is kept: masked, cut to what the columns take, without the one character that PostgreSQL refuses."""
    return (
        at,
        context.tenant_id,
        context.charge_point_id,
        context.connection_id,
        direction,
        int(kind),
        message_id[:64].replace("\0", ""),
        action[:50].replace("\0", ""),
        mask(text)[:LONGEST].replace("\0", ""),
        code[:50],
        note[:500].replace("\0", ""),
    )


class MessageLog:
    """One per gateway process: each line to the database where its tenant lives."""

    def __init__(self) -> None:
        self._writers = {MAIN: MessageLogWriter()}

    def start(self) -> None:
        for writer in self._writers.values():
            writer.start()

    def add(self, line: Line) -> None:
        """Take a line; never waits."""
        database = remembered_database_of(line[1]) if own_databases() else MAIN
        writer = self._writers.get(database)
        if writer is None:
            writer = self._writers[database] = MessageLogWriter(database)
            writer.start()
        writer.add(line)

    async def close(self) -> None:
        """Write what is left (bounded in time), then stop."""
        await asyncio.gather(*(writer.close() for writer in self._writers.values()))


class MessageLogWriter:
    """One for each database; lives on the gateway's event loop."""

    def __init__(self, database: str = MAIN) -> None:
        self._database = database
        self._lines: deque[Line] = deque()
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._connection: psycopg.AsyncConnection[Any] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="message log")

    def add(self, line: Line) -> None:
        """Take a line; never waits."""
        if len(self._lines) >= LIMIT:
            self._lines.popleft()
            MESSAGES_NOT_LOGGED.inc()
        self._lines.append(line)
        if len(self._lines) >= BATCH:
            self._wake.set()

    async def close(self) -> None:
        """Write what is left (bounded in time), then stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            async with asyncio.timeout(5):
                while self._lines:
                    await self._write()
        except (psycopg.Error, TimeoutError, OSError) as error:
            log.warning("message log not written out", lines=len(self._lines), error=str(error))
        if self._connection is not None:
            await self._connection.close()

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(INTERVAL_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                while self._lines:
                    await self._write()
            except (psycopg.Error, OSError) as error:
                log.warning("message log waits", error=str(error)[:200], lines=len(self._lines))
                await self._drop_connection()
                await asyncio.sleep(1)

    async def _write(self) -> None:
        batch = list(itertools.islice(self._lines, BATCH))
        connection = await self._connect()
        try:
            await connection.execute(INSERT, [array_literal(column) for column in zip(*batch, strict=True)])
        except psycopg.DataError:
            # One line that PostgreSQL can't take must not hold up the rest.
            await self._write_singly(connection, batch)
        except psycopg.errors.CheckViolation as error:
            MESSAGES_NOT_LOGGED.inc(len(batch))
            log.error("message log has no partition for today", error=str(error)[:200])
        # The deque may have dropped lines meanwhile; drop only those that were written.
        written = set(map(id, batch))
        while self._lines and id(self._lines[0]) in written:
            self._lines.popleft()

    async def _write_singly(self, connection: psycopg.AsyncConnection[Any], batch: list[Line]) -> None:
        for line in batch:
            try:
                await connection.execute(INSERT, [[value] for value in line])
            except psycopg.DataError:
                MESSAGES_NOT_LOGGED.inc()

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            parameters = connections[alias_of(SYSTEM, self._database)].get_connection_params()
            kept = ("dbname", "user", "password", "host", "port", "connect_timeout", "sslmode")
            self._connection = await psycopg.AsyncConnection.connect(
                autocommit=True, prepare_threshold=None, **{key: parameters[key] for key in kept if key in parameters}
            )
        return self._connection

    async def _drop_connection(self) -> None:
        if self._connection is not None:
            await asyncio.gather(self._connection.close(), return_exceptions=True)
            self._connection = None
