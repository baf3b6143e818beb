"""Sessions whose energy has come to its limit, found as soon as their progress is written. Runs in the gateway.

The query is raw and asynchronous, as the progress is; what is found is worked on in a thread of its own.
"""

import asyncio
from datetime import UTC, datetime

import structlog

from chargepoints.gateway.threads import DatabaseThreads
from metering.ingest.connection import Connection
from metering.sessions.enforcement import enforce_sessions
from tenants.arrays import array_literal
from tenants.context import in_database
from tenants.databases.names import MAIN

log = structlog.get_logger(__name__)

FULL = """
SELECT l.transaction_id FROM metering_sessionlimit l
JOIN chargepoints_transaction t ON t.id = l.transaction_id
WHERE l.transaction_id = ANY (%s::bigint[]) AND l.reached = '' AND t.state = 'active'
AND t.last_register_wh - t.meter_start_wh >= l.max_energy_wh
"""


class LimitWatch:
    """Looks at the sessions of each progress flush."""

    def __init__(self, database: str = MAIN) -> None:
        self._database = database
        self._threads: DatabaseThreads | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def look(self, connection: Connection, session_ids: list[int]) -> None:
        """Find those that have had enough; they are stopped meanwhile, the flush doesn't wait."""
        cursor = await connection.execute(FULL, [array_literal(session_ids)])
        full = [row[0] for row in await cursor.fetchall()]
        if full:
            task = asyncio.create_task(self._enforce(full))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _enforce(self, session_ids: list[int]) -> None:
        if self._threads is None:
            self._threads = DatabaseThreads(1, "limits")
        try:
            await self._threads.run(_enforce_in, self._database, session_ids)
        except Exception as error:
            log.warning("the periodic check will find them", error=str(error)[:200])

    async def close(self) -> None:
        """What was found is finished."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._threads is not None:
            self._threads.close()


def _enforce_in(database: str, session_ids: list[int]) -> None:
    with in_database(database):
        enforce_sessions(session_ids, datetime.now(UTC))
