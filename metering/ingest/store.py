"""The SQL of ingest, on one raw connection under the system role: a batch is one transaction.

COPY straight into a table is refused under row-level security, and a temporary table would not survive a
transaction-pooling proxy; `unnest` of arrays takes one round trip and needs neither.
"""

from typing import Any

import orjson
import psycopg
from django.db import connections

from metering.ingest.message import MeterMessage
from tenants.context import SYSTEM_ALIAS

SeriesKey = tuple[int, int, int, str, str, str, str]
# Distinct series that one process remembers (about 200 bytes each); past it the memory starts anew.
SERIES_REMEMBERED = 500_000

INSERT_SAMPLES = """
INSERT INTO metering_sample
    (tenant_id, series_id, at, context, value, transaction_id, received_at, raw_value, raw_unit)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::smallint[], %s::numeric[], %s::bigint[],
                     %s::timestamptz[], %s::text[], %s::text[])
ON CONFLICT DO NOTHING
"""
INSERT_SERIES = """
INSERT INTO metering_series (tenant_id, charge_point_id, evse_number, measurand, phase, location, unit)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::smallint[], %s::text[], %s::text[], %s::text[], %s::text[])
ON CONFLICT DO NOTHING
"""
SELECT_SERIES = """
SELECT s.tenant_id, s.charge_point_id, s.evse_number, s.measurand, s.phase, s.location, s.unit, s.id
FROM metering_series s JOIN
    unnest(%s::bigint[], %s::bigint[], %s::smallint[], %s::text[], %s::text[], %s::text[], %s::text[])
        AS wanted (tenant_id, charge_point_id, evse_number, measurand, phase, location, unit)
    USING (tenant_id, charge_point_id, evse_number, measurand, phase, location, unit)
"""
INSERT_SIGNED = """
INSERT INTO metering_signedreading (tenant_id, charge_point_id, evse_number, transaction_id, received_at,
    measurand, phase, location, unit, at, context, content)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
INSERT_QUARANTINED = """
INSERT INTO metering_quarantinedreading (tenant_id, charge_point_id, evse_number, received_at, reason, reading)
VALUES (%s, %s, %s, %s, %s, %s)
"""


class SampleStore:
    """One connection and the series that it knows."""

    def __init__(self, series: dict[SeriesKey, int] | None = None) -> None:
        # Shared between the stores of a process: ids never change, and a deleted one fails its insert's commit.
        self._series: dict[SeriesKey, int] = {} if series is None else series
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def insert(self, messages: list[MeterMessage]) -> None:
        """Store all messages in one transaction; psycopg.Error and nothing stored where one can't be."""
        connection = await self._connect()
        rare = any(message.signed or message.quarantined for message in messages)
        rows = await self._rows(connection, messages)
        if not rare:
            if rows[0]:
                await connection.execute(INSERT_SAMPLES, rows)
            return
        async with connection.transaction():
            if rows[0]:
                await connection.execute(INSERT_SAMPLES, rows)
            await self._insert_rare(connection, messages)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def forget_series(self) -> None:
        """After an error: perhaps a series was deleted with its charge point."""
        self._series.clear()

    async def _rows(self, connection: psycopg.AsyncConnection[Any], messages: list[MeterMessage]) -> list[list[Any]]:
        keys: list[SeriesKey] = []
        tenant_ids, at, contexts, values, transaction_ids, received, raw_values, raw_units = ([] for _ in range(8))
        for message in messages:
            tenant_id, charge_point_id, evse = message.tenant_id, message.charge_point_id, message.evse_number
            for reading in message.readings:
                keys.append((tenant_id, charge_point_id, evse, *reading[:4]))
                tenant_ids.append(tenant_id)
                at.append(reading[4])
                contexts.append(reading[5])
                values.append(reading[6])
                transaction_ids.append(message.transaction_id)
                received.append(message.received_at)
                raw_values.append(reading[7])
                raw_units.append(reading[8])
        known = self._series
        missing = {key for key in keys if key not in known}
        if missing:
            await self._learn(connection, list(missing))
        series_ids = [known[key] for key in keys]
        return [tenant_ids, series_ids, at, contexts, values, transaction_ids, received, raw_values, raw_units]

    async def _learn(self, connection: psycopg.AsyncConnection[Any], keys: list[SeriesKey]) -> None:
        if len(self._series) > SERIES_REMEMBERED:
            self._series.clear()
        # Sorted, so that two processes that meet the same new series wait for each other instead of deadlocking.
        columns = [list(column) for column in zip(*sorted(keys), strict=True)]
        await connection.execute(INSERT_SERIES, columns)
        cursor = await connection.execute(SELECT_SERIES, columns)
        for *key, series_id in await cursor.fetchall():
            self._series[tuple(key)] = series_id
        unknown = [key for key in keys if key not in self._series]
        if unknown:
            raise psycopg.IntegrityError(f"series could not be made: {unknown[0]}")

    async def _insert_rare(self, connection: psycopg.AsyncConnection[Any], messages: list[MeterMessage]) -> None:
        for message in messages:
            head = (message.tenant_id, message.charge_point_id, message.evse_number)
            for value in message.signed:
                await connection.execute(
                    INSERT_SIGNED, (*head, message.transaction_id, message.received_at, *value[:6], value.content)
                )
            for reason, reading in message.quarantined:
                packed = orjson.dumps(reading._asdict()).decode()
                await connection.execute(INSERT_QUARANTINED, (*head, message.received_at, reason, packed))

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None or self._connection.closed or self._connection.broken:
            parameters = connections[SYSTEM_ALIAS].get_connection_params()
            kept = ("dbname", "user", "password", "host", "port", "connect_timeout", "sslmode")
            self._connection = await psycopg.AsyncConnection.connect(
                autocommit=True, **{key: parameters[key] for key in kept if key in parameters}
            )
        return self._connection
