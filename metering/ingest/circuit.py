"""Whether PostgreSQL takes readings: after a failure it is left alone until a probe gets through."""

import asyncio

import structlog

from metering.ingest.connection import AWAY, connect_system, cut
from metering.metrics import POSTGRES_AWAY
from tenants.databases.names import MAIN, called

log = structlog.get_logger(__name__)

PROBE_INTERVAL_S = 1.0
PROBE_TIMEOUT_S = 3.0


class Circuit:
    """Opened by a failure, closed by a probe. While open nobody waits for PostgreSQL."""

    def __init__(self, database: str = MAIN) -> None:
        self._database = database
        self._probing: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        return self._probing is not None

    def open(self, reason: str) -> None:
        """PostgreSQL did not take a batch."""
        if self._probing is None:
            log.error("PostgreSQL away: readings go to Redis", database=called(self._database), reason=reason[:200])
            POSTGRES_AWAY.set(1)
            self._probing = asyncio.create_task(self._probe_until_back())

    async def close(self) -> None:
        """Stop probing, at the end of the process."""
        probing, self._probing = self._probing, None
        if probing is not None:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)

    async def _probe_until_back(self) -> None:
        while True:
            await asyncio.sleep(PROBE_INTERVAL_S)
            try:
                if await _takes_writes(self._database):
                    break
            except AWAY:
                continue
        log.info("PostgreSQL back", database=called(self._database))
        POSTGRES_AWAY.set(0)
        self._probing = None


async def _takes_writes(database: str) -> bool:
    """False for a standby: after a failover the old address may lead to one for a while."""
    connection = await connect_system(database)
    watchdog = asyncio.get_running_loop().call_later(PROBE_TIMEOUT_S, cut, connection)
    try:
        cursor = await connection.execute("SELECT NOT pg_is_in_recovery()")
        row = await cursor.fetchone()
        return bool(row and row[0])
    finally:
        watchdog.cancel()
        await connection.close()
