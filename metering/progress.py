"""How far running sessions are: register and power on the session's row, for lists and live pages.

Derivable from the samples, so it is written late (every two seconds, one statement) and may be lost.
"""

from datetime import datetime
from decimal import Decimal

import psycopg
from django.db import connections

from metering.ingest.message import MeterMessage
from metering.periodic import Coalesced
from metering.readings import ENERGY, POWER, Reading
from tenants.context import SYSTEM_ALIAS

INTERVAL_S = 2.0
UPDATE = """
UPDATE chargepoints_transaction t SET
    last_register_wh = COALESCE(seen.register_wh, t.last_register_wh),
    last_power_w = COALESCE(seen.power_w, t.last_power_w),
    last_reading_at = seen.at
FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::timestamptz[]) AS seen (id, register_wh, power_w, at)
WHERE t.id = seen.id AND (t.last_reading_at IS NULL OR t.last_reading_at <= seen.at)
"""
Progress = tuple[Decimal | None, Decimal | None, datetime]


class SessionProgress:
    """The latest of each session, written by one UPDATE at a time."""

    def __init__(self) -> None:
        self._latest: dict[int, Progress] = {}
        self._connection: psycopg.AsyncConnection[tuple[object, ...]] | None = None
        self._coalesced = Coalesced(INTERVAL_S, lambda: bool(self._latest), self._flush)

    def note(self, messages: list[MeterMessage]) -> None:
        """Take stored readings; never waits."""
        for message in messages:
            if message.transaction_id is not None and message.readings:
                self._note(message.transaction_id, message.readings)
        if self._latest:
            self._coalesced.wake()

    async def close(self) -> None:
        await self._coalesced.close()
        if self._connection is not None:
            await self._connection.close()

    def _note(self, transaction_id: int, readings: list[Reading]) -> None:
        at = max(reading[4] for reading in readings)
        register, power = latest_total(readings, ENERGY, at), latest_total(readings, POWER, at)
        known = self._latest.get(transaction_id)
        if known is not None:
            if known[2] > at:
                return
            register, power = known[0] if register is None else register, known[1] if power is None else power
        if register is not None or power is not None:
            self._latest[transaction_id] = (register, power, at)

    async def _flush(self) -> None:
        latest, self._latest = self._latest, {}
        try:
            if self._connection is None or self._connection.closed:
                parameters = connections[SYSTEM_ALIAS].get_connection_params()
                kept = ("dbname", "user", "password", "host", "port", "connect_timeout", "sslmode")
                self._connection = await psycopg.AsyncConnection.connect(
                    autocommit=True, **{key: parameters[key] for key in kept if key in parameters}
                )
            # In the order of ids, so that two gateways can't deadlock on two sessions.
            rows = [(key, *latest[key]) for key in sorted(latest)]
            await self._connection.execute(UPDATE, [list(column) for column in zip(*rows, strict=True)])
        except (psycopg.Error, OSError):
            if self._connection is not None:
                await self._connection.close()
                self._connection = None
            self._latest = latest | self._latest
            raise


def latest_total(readings: list[Reading], measurand: str, at: datetime) -> Decimal | None:
    """The value over all phases at `at`: the one without a phase, else the sum of L1, L2 and L3."""
    phases: dict[str, str] = {
        reading[1]: reading[6]
        for reading in readings
        if reading[0] == measurand and reading[2] == "Outlet" and reading[4] == at
    }
    if "" in phases:
        return Decimal(phases[""])
    parts = [Decimal(value) for phase, value in phases.items() if phase in {"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"}]
    return sum(parts, Decimal(0)) if parts else None
