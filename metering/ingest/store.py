"""The SQL of ingest, on one raw connection under the system role: a batch is one transaction.

COPY straight into a table is refused under row-level security, and a temporary table costs three round trips
and does not survive a transaction-pooling proxy; one INSERT from `unnest` of arrays needs neither. The array
literals are put together here: psycopg's list dumper took half of the processor time of ingest.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg

from metering.aggregation.periods import floor_hour
from metering.ingest.connection import Connection, connect_system, cut
from metering.ingest.message import MeterMessage
from metering.readings import Kind, Reading
from tenants.databases.fence import HOLD, sorted_ids
from tenants.databases.names import MAIN, own_databases
from tenants.services.system_alerts import MISSING_PARTITION, RAISE, partition_subject

SeriesKey = tuple[int, int, int, Kind]
# A meter: (charge point, EVSE number).
Meter = tuple[int, int]
# Distinct series that one process remembers (about 200 bytes each); past it the memory starts anew.
SERIES_REMEMBERED = 500_000
# A commit that takes longer is given up on; the batch goes to the spill (and may be in both: absorbed).
TIMEOUT_S = 5.0

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
SELECT_TRANSACTIONS = """
SELECT t.charge_point_id, t.protocol_id, t.id
FROM chargepoints_transaction t JOIN unnest(%s::bigint[], %s::text[]) AS named (charge_point_id, protocol_id)
    USING (charge_point_id, protocol_id)
"""
# With the readings or not at all: what is summed up of these hours is out of date (see metering.aggregation).
INSERT_LATE = """
INSERT INTO metering_dirtyrange (tenant_id, charge_point_id, evse_number, first, last)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::smallint[], %s::timestamptz[], %s::timestamptz[])
"""
INSERT_SIGNED = """
INSERT INTO metering_signedreading (tenant_id, charge_point_id, evse_number, transaction_id, received_at,
    measurand, phase, location, unit, at, context, content)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
INSERT_QUARANTINED = """
INSERT INTO metering_quarantinedreading
    (tenant_id, charge_point_id, evse_number, transaction_id, received_at, reason, reading)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


class SeriesCache:
    """Ids of series by meter and kind. Shared by the stores of a process: ids never change."""

    def __init__(self) -> None:
        self._by_meter: dict[Meter, dict[Kind, int]] = {}
        self._count = 0

    def of_meter(self, meter: Meter) -> dict[Kind, int]:
        return self._by_meter.get(meter, {})

    def keep(self, meter: Meter, kind: Kind, series_id: int) -> None:
        if self._count >= SERIES_REMEMBERED:
            self.forget()
        self._by_meter.setdefault(meter, {})[kind] = series_id
        self._count += 1

    def forget(self) -> None:
        """Start anew; who holds on to a meter's series keeps them."""
        self._by_meter = {}
        self._count = 0


class SampleStore:
    """One connection, opened when needed and replaced when it broke."""

    def __init__(self, series: SeriesCache | None = None, database: str = MAIN) -> None:
        self._database = database
        self._series = SeriesCache() if series is None else series
        self._connection: Connection | None = None

    async def insert(self, messages: list[MeterMessage]) -> None:
        """Store all messages in one transaction; nothing of them where one can't be.

        Raises one of `connection.AWAY` while PostgreSQL can't take them; psycopg.DataError, IntegrityError or
        another exception where one of the messages is to blame; one that `fence.is_elsewhere` where a tenant doesn't live here.
        """
        connection = await self._connect()
        watchdog = asyncio.get_running_loop().call_later(TIMEOUT_S, cut, connection)
        guarded = bool(own_databases())
        tenants = sorted_ids(message.tenant_id for message in messages) if guarded else []
        try:
            if guarded:
                # Before series are made where the tenant's stations may be gone by now; what counts is asked again below.
                await connection.execute(HOLD, [tenants])
            await _attach_named(connection, [message for message in messages if message.named_transaction])
            columns = await self._columns(connection, messages)
            late = late_stretches(messages, floor_hour(datetime.now(UTC)))
            if not guarded and not late and not any(message.signed or message.quarantined for message in messages):
                if columns:
                    await connection.execute(INSERT_SAMPLES, columns)
                return
            async with connection.transaction():
                if guarded:
                    await connection.execute(HOLD, [tenants])
                if columns:
                    await connection.execute(INSERT_SAMPLES, columns)
                if late:
                    await connection.execute(INSERT_LATE, [list(column) for column in zip(*late, strict=True)])
                await _insert_rare(connection, messages)
        finally:
            watchdog.cancel()

    async def ensure_partitions(self, days: Iterable[str]) -> None:
        """Make the partitions of these days (ISO dates)."""
        connection = await self._connect()
        for day in days:
            await connection.execute("SELECT csms_ensure_partition('metering_sample', %s::date)", [day])

    async def tell_missing(self, days: Iterable[str]) -> None:
        """A system alert for each day that has no partition: in the main database, where the staff look."""
        detail = "Readings came and found none; ingest makes it, or keeps them in quarantine."
        async with await connect_system() as connection:
            for day in days:
                subject = partition_subject("metering_sample", day, self._database)
                await connection.execute(RAISE, [MISSING_PARTITION, subject, detail])

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def forget_series(self) -> None:
        """After an error: perhaps a series is gone with its charge point."""
        self._series.forget()

    async def _columns(self, connection: Connection, messages: list[MeterMessage]) -> list[str]:
        """The arguments of INSERT_SAMPLES as array literals; empty where there are no plain readings."""
        series_ids = await self._series_ids(connection, messages)
        if not series_ids:
            return []
        tenant_ids, at, contexts, values, transaction_ids, received, raw_values, raw_units = (
            [""] * 0 for _ in range(8)
        )
        for message in messages:
            count = len(message.readings)
            tenant_ids += [str(message.tenant_id)] * count
            transaction_ids += ["NULL" if message.transaction_id is None else str(message.transaction_id)] * count
            received += [message.received_at.isoformat()] * count
            written: Any = None
            text = ""
            for _, moment, context, value, raw_value, raw_unit in message.readings:
                # Readings of one meterValue share their time.
                if moment is not written:
                    written, text = moment, moment.isoformat()
                at.append(text)
                contexts.append(str(context))
                values.append(value)
                # Digits and known units only: nothing here needs quoting.
                raw_values.append(raw_value or "NULL")
                raw_units.append(raw_unit or "NULL")
        columns = (tenant_ids, series_ids, at, contexts, values, transaction_ids, received, raw_values, raw_units)
        return ["{" + ",".join(column) + "}" for column in columns]

    async def _series_ids(self, connection: Connection, messages: list[MeterMessage]) -> list[str]:
        """The series id of each reading, in order. New series are made."""
        # Held on to: another batch may empty the cache while this one waits for the database.
        known = [self._series.of_meter((message.charge_point_id, message.evse_number)) for message in messages]
        found, missing = _look_up(messages, known, {})
        if missing:
            found, missing = _look_up(messages, known, await self._learn(connection, missing))
            if missing:
                raise psycopg.IntegrityError(f"series could not be made: {next(iter(missing))}")
        return found

    async def _learn(self, connection: Connection, keys: set[SeriesKey]) -> dict[SeriesKey, int]:
        # Sorted, so that two processes that meet the same new series wait for each other instead of deadlocking.
        rows = [(*key[:3], *key[3]) for key in sorted(keys)]
        columns = [list(column) for column in zip(*rows, strict=True)]
        # Most often they are there and only this process doesn't know: a reconnected fleet writes nothing here.
        learnt = await self._select_series(connection, columns)
        if len(learnt) < len(keys):
            await connection.execute(INSERT_SERIES, columns)
            learnt = await self._select_series(connection, columns)
        for (_, charge_point_id, evse_number, kind), series_id in learnt.items():
            self._series.keep((charge_point_id, evse_number), kind, series_id)
        return learnt

    async def _select_series(self, connection: Connection, columns: list[list[Any]]) -> dict[SeriesKey, int]:
        cursor = await connection.execute(SELECT_SERIES, columns)
        return {
            (tenant_id, charge_point_id, evse_number, Kind(*kind)): series_id
            for tenant_id, charge_point_id, evse_number, *kind, series_id in await cursor.fetchall()
        }

    async def _connect(self) -> Connection:
        if self._connection is None or self._connection.closed or self._connection.broken:
            self._connection = await connect_system(self._database)
        return self._connection


def _look_up(
    messages: list[MeterMessage], known: list[dict[Kind, int]], learnt: dict[SeriesKey, int]
) -> tuple[list[str], set[SeriesKey]]:
    """Ids of the readings' series, and the keys of those that neither `known` (per message) nor `learnt` has."""
    found: list[str] = []
    missing: set[SeriesKey] = set()
    for message, series in zip(messages, known, strict=True):
        for reading in message.readings:
            series_id = series.get(reading.kind)
            if series_id is None:
                key = (message.tenant_id, message.charge_point_id, message.evse_number, reading.kind)
                series_id = learnt.get(key)
                if series_id is None:
                    missing.add(key)
                    continue
            found.append(str(series_id))
    return found, missing


def late_stretches(messages: list[MeterMessage], hour: datetime) -> list[tuple[int, int, int, datetime, datetime]]:
    """Readings from before the running `hour`: (tenant, charge point, EVSE, earliest, latest) of each meter."""
    late: dict[Meter, tuple[int, int, int, datetime, datetime]] = {}
    for message in messages:
        checked: Any = None
        for reading in message.readings:
            # Readings of one meterValue share their time.
            if reading.at is checked:
                continue
            checked = reading.at
            if checked < hour:
                meter = (message.charge_point_id, message.evse_number)
                known = late.get(meter)
                first, last = (min(known[3], checked), max(known[4], checked)) if known else (checked, checked)
                late[meter] = (message.tenant_id, *meter, first, last)
    return list(late.values())


async def _attach_named(connection: Connection, messages: list[MeterMessage]) -> None:
    """Find the sessions that could not be looked up when the message came. Unknown ones stay unattached."""
    if not messages:
        return
    wanted = sorted({(message.charge_point_id, message.named_transaction) for message in messages})
    columns = [list(column) for column in zip(*wanted, strict=True)]
    cursor = await connection.execute(SELECT_TRANSACTIONS, columns)
    found = {(charge_point_id, name): pk for charge_point_id, name, pk in await cursor.fetchall()}
    for message in messages:
        message.transaction_id = found.get((message.charge_point_id, message.named_transaction))


async def _insert_rare(connection: Connection, messages: list[MeterMessage]) -> None:
    for message in messages:
        head = (
            message.tenant_id,
            message.charge_point_id,
            message.evse_number,
            message.transaction_id,
            message.received_at,
        )
        for value in message.signed:
            await connection.execute(INSERT_SIGNED, (*head, *value.kind, value.at, value.context, value.content))
        for reason, reading in message.quarantined:
            await connection.execute(INSERT_QUARANTINED, (*head, reason, _described(reading)))


def _described(reading: Reading) -> str:
    """JSON; equal for equal readings, so that a resent one adds nothing."""
    described = reading.kind._asdict() | reading._asdict()
    del described["kind"]
    return orjson.dumps(described).decode()
