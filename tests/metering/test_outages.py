"""PostgreSQL or Redis goes away in the middle: nothing acknowledged is lost, nothing is doubled."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from chargepoints.models import ChargePoint
from metering.ingest.connection import AWAY
from metering.ingest.drain import drain_spill
from metering.ingest.spill import STREAM, VALUES
from metering.ingest.writer import IngestUnavailable, SampleWriter
from tenants.models import Tenant
from tests.conftest import eventually
from tests.metering.conftest import NOW, Fetch, message, reading
from tests.metering.line import Line
from tests.stations import PATIENCE_S, Connect

COUNT = "SELECT count(*) FROM metering_sample"


def one(station: ChargePoint, number: int) -> Any:
    """The message of one minute."""
    return message(station, reading(str(number), NOW - timedelta(minutes=number)))


@pytest.fixture(autouse=True)
def _probes_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metering.ingest.circuit.PROBE_INTERVAL_S", 0.05)
    monkeypatch.setattr("metering.ingest.circuit.PROBE_TIMEOUT_S", 1)


@contextmanager
def impatient() -> Iterator[None]:
    """Only while a line is silent: on a busy machine a healthy write may take as long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("metering.ingest.store.TIMEOUT_S", 0.3)
        yield


async def test_postgres_crashes_readings_spill_and_are_drained_once(
    postgres_line: Line, station: ChargePoint, fetch: Fetch, redis_clean: Any
) -> None:
    writer = SampleWriter()
    await writer.write(one(station, 1))
    postgres_line.refuse()
    for number in range(2, 6):
        await writer.write(one(station, number))
    assert await fetch(COUNT) == [(1,)]
    with pytest.raises(AWAY):
        await drain_spill()
    postgres_line.mend()
    # What that run had read is not waited for.
    assert await drain_spill() == 4
    assert await drain_spill() == 0
    assert await fetch(COUNT) == [(5,)]
    assert redis_clean.xlen(STREAM) == 0
    assert int(redis_clean.get(VALUES)) == 0
    await writer.close()


async def test_ingest_returns_to_postgres_by_itself(
    postgres_line: Line, station: ChargePoint, fetch: Fetch, redis_clean: Any
) -> None:
    writer = SampleWriter()
    postgres_line.refuse()
    await writer.write(one(station, 1))
    assert writer._circuit.is_open
    postgres_line.mend()
    await eventually(lambda: not writer._circuit.is_open)
    await writer.write(one(station, 2))
    assert await fetch(COUNT) == [(1,)]
    assert redis_clean.xlen(STREAM) == 1
    await writer.close()


async def test_a_hung_postgres_delays_one_batch_and_no_later_one(
    postgres_line: Line, station: ChargePoint, redis_clean: Any
) -> None:
    writer = SampleWriter()
    await writer.write(one(station, 1))
    postgres_line.freeze()
    with impatient():
        async with asyncio.timeout(PATIENCE_S):
            await writer.write(one(station, 2))
    loop = asyncio.get_running_loop()
    started = loop.time()
    for number in range(3, 13):
        await writer.write(one(station, number))
    # One that waited for PostgreSQL would take as long as PostgreSQL is given.
    assert loop.time() - started < PATIENCE_S
    assert redis_clean.get(VALUES) == b"11"
    postgres_line.mend()
    await writer.close()


async def test_a_commit_whose_answer_was_lost_is_spilled_too_and_absorbed(
    postgres_line: Line, station: ChargePoint, fetch: Fetch, redis_clean: Any
) -> None:
    writer = SampleWriter()
    await writer.write(one(station, 1))
    postgres_line.swallow_answers()
    with impatient():
        await writer.write(one(station, 2))
    assert redis_clean.xlen(STREAM) == 1
    postgres_line.mend()
    await drain_spill()
    assert await fetch(COUNT) == [(2,)]
    await writer.close()


async def test_redis_away_does_not_matter_while_postgres_is_there(
    redis_line: Line, station: ChargePoint, fetch: Fetch
) -> None:
    redis_line.refuse()
    writer = SampleWriter()
    await writer.write(one(station, 1))
    assert await fetch(COUNT) == [(1,)]
    await writer.close()


@pytest.mark.parametrize("way", ["refuse", "freeze"])
async def test_both_away_is_refused_and_works_again_later(
    postgres_line: Line, redis_line: Line, station: ChargePoint, fetch: Fetch, way: str
) -> None:
    writer = SampleWriter()
    await writer.write(one(station, 1))
    for line in (postgres_line, redis_line):
        getattr(line, way)()
    with impatient(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("metering.ingest.writer.SPILL_TIMEOUT_S", 0.5)
        writes = [writer.write(one(station, number)) for number in (2, 3)]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [IngestUnavailable] * 2
    for line in (postgres_line, redis_line):
        line.mend()
    await eventually(lambda: not writer._circuit.is_open)
    for number in (2, 3):
        await writer.write(one(station, number))
    assert await fetch(COUNT) == [(3,)]
    await writer.close()


async def test_a_full_spill_is_refused_not_overrun(
    postgres_line: Line, station: ChargePoint, settings: Any, redis_clean: Any
) -> None:
    settings.METERING_SPILL_LIMIT = 2
    writer = SampleWriter()
    postgres_line.refuse()
    for number in (1, 2):
        await writer.write(one(station, number))
    with pytest.raises(IngestUnavailable):
        await writer.write(one(station, 3))
    assert redis_clean.xlen(STREAM) == 2
    await writer.close()


async def test_past_the_buffer_limit_callers_wait_and_none_is_lost(
    postgres_line: Line, station: ChargePoint, settings: Any, fetch: Fetch
) -> None:
    settings.METERING_BUFFER_LIMIT, settings.METERING_FLUSH_INTERVAL_MS = 10, 1
    writer = SampleWriter()
    await writer.write(one(station, 0))
    postgres_line.freeze()
    callers = [asyncio.create_task(writer.write(one(station, number))) for number in range(1, 41)]
    await eventually(lambda: writer._values == 10)
    callers[35].cancel()
    await asyncio.sleep(0.1)
    assert writer._values == 10
    postgres_line.mend()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert [
        outcome for outcome in outcomes if outcome is not None and not isinstance(outcome, asyncio.CancelledError)
    ] == []
    # The one that gave up while it waited for room was never taken.
    assert await fetch(COUNT) == [(40,)]
    await writer.close()


async def test_a_bad_message_in_a_batch_while_postgres_goes_away_loses_no_other(
    postgres_line: Line, station: ChargePoint, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is halved after the first error; the line breaks before the second half is stored."""
    writer = SampleWriter()
    await writer.write(one(station, 0))
    store_insert, calls = type(writer._stores[0]).insert, 0

    async def insert(self: Any, messages: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            postgres_line.refuse()
        await store_insert(self, messages)

    monkeypatch.setattr(type(writer._stores[0]), "insert", insert)
    bad = message(station, reading("12 apples"))
    await asyncio.gather(*(writer.write(each) for each in [*(one(station, number) for number in range(1, 8)), bad]))
    postgres_line.mend()
    await drain_spill()
    assert await fetch(COUNT) == [(8,)]
    assert await fetch("SELECT reason FROM metering_quarantinedreading") == [("refused",)]
    await writer.close()


@pytest.mark.parametrize("way", ["refuses", "hangs"])
async def test_a_new_socket_names_a_session_while_the_database_can_not_be_asked(
    tenant: Tenant, connect: Connect, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The readings are taken at once, and attached by whoever stores them."""
    over = threading.Event()

    def look_up(*_: Any) -> None:
        if way == "hangs":
            over.wait(PATIENCE_S)
        raise OperationalError("gone")

    async with connect() as station:
        await station.boot()
        session = (await station.start(timestamp=NOW.isoformat()))["transactionId"]
    monkeypatch.setattr("chargepoints.consumers.find_transaction_id", look_up)
    monkeypatch.setattr("chargepoints.consumers.LOOK_UP_S", 0.2)
    async with connect() as station:
        value = {"timestamp": NOW.isoformat(), "sampledValue": [{"value": "1500"}]}
        await station.call("MeterValues", connectorId=1, transactionId=session, meterValue=[value])
        over.set()
    assert await fetch(
        "SELECT value::text, protocol_id FROM metering_sample s JOIN chargepoints_transaction t ON t.id = transaction_id "
        "WHERE context = 0"
    ) == [("1500", str(session))]
