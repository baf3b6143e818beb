"""How far running sessions are: register and power on the session's row, for lists and live pages.

Derivable from the samples, so it is written late (every two seconds, one statement) and may be lost.
"""

import asyncio
from datetime import datetime
from decimal import Decimal

import psycopg
import structlog

from metering.ingest.connection import AWAY, Connection, connect_system, cut
from metering.ingest.message import MeterMessage
from metering.periodic import Coalesced
from metering.readings import ENERGY, POWER, total_of_phases
from metering.sessions.watch import LimitWatch
from tenants.arrays import array_literal
from tenants.databases.names import MAIN

log = structlog.get_logger(__name__)

INTERVAL_S = 2.0
TIMEOUT_S = 10.0
# What the session's columns hold; a meter beyond that is broken, and must not fail the others' update.
LARGEST = {ENERGY: Decimal(10) ** 13 - 1, POWER: Decimal(10) ** 11 - 1}
UPDATE = """
UPDATE chargepoints_transaction t SET
    last_register_wh = COALESCE(seen.register_wh, t.last_register_wh),
    last_power_w = COALESCE(seen.power_w, t.last_power_w),
    last_reading_at = seen.at
FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::timestamptz[]) AS seen (id, register_wh, power_w, at)
WHERE t.id = seen.id AND (t.last_reading_at IS NULL OR t.last_reading_at <= seen.at)
"""
# Measurand -> when, and the value of each phase ('' is the total) at that time.
Latest = dict[str, tuple[datetime, dict[str, str]]]


class SessionProgress:
    """The latest of each session of one database, written by one UPDATE at a time."""

    def __init__(self, database: str = MAIN) -> None:
        self._database = database
        self._latest: dict[int, Latest] = {}
        self._connection: Connection | None = None
        self._coalesced = Coalesced(INTERVAL_S, lambda: bool(self._latest), self._flush)
        self._limits = LimitWatch(database)

    def note(self, messages: list[MeterMessage]) -> None:
        """Take stored readings; never waits. Bounded by the number of sessions."""
        for message in messages:
            if message.transaction_id is None:
                continue
            for kind, at, _, value, _, _ in message.readings:
                measurand = kind.measurand
                if measurand in LARGEST and kind.location == "Outlet":
                    self._note(message.transaction_id, measurand, at, kind.phase, value)
        if self._latest:
            self._coalesced.wake()

    async def close(self) -> None:
        await self._coalesced.close()
        await self._limits.close()
        if self._connection is not None:
            await self._connection.close()

    def _note(self, transaction_id: int, measurand: str, at: datetime, phase: str, value: str) -> None:
        latest = self._latest.setdefault(transaction_id, {})
        known = latest.get(measurand)
        if known is None or at > known[0]:
            latest[measurand] = (at, {phase: value})
        elif at == known[0]:
            known[1][phase] = value

    async def _flush(self) -> None:
        latest, self._latest = self._latest, {}
        rows = [(transaction_id, *_summary(latest[transaction_id])) for transaction_id in sorted(latest)]
        try:
            if self._connection is None or self._connection.closed:
                self._connection = await connect_system(self._database)
            watchdog = asyncio.get_running_loop().call_later(TIMEOUT_S, cut, self._connection)
            try:
                await self._connection.execute(UPDATE, [array_literal(column) for column in zip(*rows, strict=True)])
                await self._limits.look(self._connection, [row[0] for row in rows])
            finally:
                watchdog.cancel()
        except AWAY:
            if self._connection is not None:
                await self._connection.close()
                self._connection = None
            self._keep(latest)
            raise
        except psycopg.Error:
            log.exception("session progress dropped")

    def _keep(self, unwritten: dict[int, Latest]) -> None:
        """For the next try, unless newer has come."""
        for transaction_id, measured in unwritten.items():
            for measurand, (at, phases) in measured.items():
                for phase, value in phases.items():
                    self._note(transaction_id, measurand, at, phase, value)


def _summary(latest: Latest) -> tuple[Decimal | None, Decimal | None, datetime]:
    """Register (Wh), power (W), and the newest time of the two."""
    values = {}
    for measurand, (_, phases) in latest.items():
        total = total_of_phases({phase: Decimal(value) for phase, value in phases.items()})
        if total is not None and abs(total) <= LARGEST[measurand]:
            values[measurand] = total
    return values.get(ENERGY), values.get(POWER), max(at for at, _ in latest.values())
