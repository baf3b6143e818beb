"""What the writer acknowledges is on disk, once (DESIGN §4, §7.1)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from chargepoints.models import ChargePoint
from metering.ingest.message import MeterMessage
from metering.ingest.writer import SampleWriter
from metering.readings import Kind, SignedValue
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.metering.conftest import NOW, REGISTER, Fetch, make_charge_point, message, reading
from tests.stations import PATIENCE_S

POWER = Kind("Power.Active.Import", "", "Outlet", "W")
STORED = "SELECT value::text FROM metering_sample ORDER BY at, value"


def minutes(count: int) -> list[Any]:
    """Register readings of so many minutes."""
    return [reading(str(1000 + minute), NOW - timedelta(minutes=count - minute)) for minute in range(count)]


async def test_it_returns_only_after_the_commit(writer: SampleWriter, station: ChargePoint, fetch: Fetch) -> None:
    await writer.write(message(station, reading("1234.5"), reading("7360", kind=POWER), transaction_id=7))
    rows = await fetch(
        "SELECT s.tenant_id, charge_point_id, evse_number, measurand, unit, value::text, transaction_id, at, received_at "
        "FROM metering_sample s JOIN metering_series ON series_id = id ORDER BY measurand"
    )
    head = (station.tenant_id, station.pk, 1)
    assert rows == [
        (*head, "Energy.Active.Import.Register", "Wh", "1234.5", 7, NOW, NOW),
        (*head, "Power.Active.Import", "W", "7360", 7, NOW, NOW),
    ]


async def test_many_callers_share_one_transaction(
    station: ChargePoint, fetch: Fetch, settings: Any, redis_clean: Any
) -> None:
    settings.METERING_FLUSH_VALUES, settings.METERING_FLUSH_INTERVAL_MS = 20, 10_000
    writer = SampleWriter()
    await asyncio.gather(*(writer.write(message(station, one)) for one in minutes(20)))
    await writer.close()
    assert await fetch("SELECT count(*), count(DISTINCT xmin::text) FROM metering_sample") == [(20, 1)]


async def test_a_few_values_do_not_wait_for_more(station: ChargePoint, fetch: Fetch, settings: Any) -> None:
    settings.METERING_FLUSH_VALUES, settings.METERING_FLUSH_INTERVAL_MS = 1_000_000, 5
    writer = SampleWriter()
    async with asyncio.timeout(PATIENCE_S):
        await writer.write(message(station, reading()))
    await writer.close()
    assert await fetch("SELECT count(*) FROM metering_sample") == [(1,)]


async def test_a_large_backlog_is_written_in_bounded_batches(
    station: ChargePoint, fetch: Fetch, writer: SampleWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.ingest.writer.LARGEST_BATCH", 50)
    await asyncio.gather(*(writer.write(message(station, one)) for one in minutes(500)))
    ((rows, largest),) = await fetch(
        "SELECT sum(n), max(n) FROM (SELECT count(*) AS n FROM metering_sample GROUP BY xmin::text) AS batches"
    )
    assert rows == 500
    assert largest <= 50


async def test_a_resent_message_adds_nothing(writer: SampleWriter, station: ChargePoint, fetch: Fetch) -> None:
    for _ in range(3):
        await writer.write(message(station, *minutes(5), received_at=NOW + timedelta(seconds=1)))
    await asyncio.gather(*(writer.write(message(station, *minutes(5))) for _ in range(10)))
    assert await fetch("SELECT count(*) FROM metering_sample") == [(5,)]


async def test_context_tells_readings_of_one_instant_apart(
    writer: SampleWriter, station: ChargePoint, fetch: Fetch
) -> None:
    await writer.write(message(station, reading("5", context=3), reading("5", context=2)))
    assert await fetch("SELECT context FROM metering_sample ORDER BY 1") == [(2,), (3,)]


async def test_two_processes_meet_the_same_new_series_at_the_same_instant(station: ChargePoint, fetch: Fetch) -> None:
    writers = [SampleWriter() for _ in range(4)]
    kinds = [Kind(f"Vendor.{number}", "", "Outlet", "") for number in range(30)]
    readings = [[reading("1", NOW, kind) for kind in order] for order in (kinds, kinds[::-1], kinds, kinds[::-1])]
    await asyncio.gather(
        *(writer.write(message(station, *order)) for writer, order in zip(writers, readings, strict=True))
    )
    for writer in writers:
        await writer.close()
    assert await fetch("SELECT count(*) FROM metering_series") == [(30,)]
    assert await fetch("SELECT count(*) FROM metering_sample") == [(30,)]


async def test_the_cache_of_series_is_emptied_by_another_batch_while_one_learns(
    writer: SampleWriter, station: ChargePoint, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen once: the batch then looked its known series up in vain, and all its callers were refused."""
    await writer.write(message(station, reading("1", NOW)))
    store = writer._stores[0]
    learn = store._learn

    async def learn_and_forget(*args: Any) -> Any:
        learnt = await learn(*args)
        store.forget_series()
        return learnt

    for each in writer._stores:
        monkeypatch.setattr(each, "_learn", learn_and_forget)
    await writer.write(message(station, reading("2", NOW - timedelta(minutes=1)), reading("1", NOW, POWER)))
    assert await fetch(STORED) == [("2",), ("1",), ("1",)]


async def test_a_deleted_charge_point_fails_alone(writer: SampleWriter, station: ChargePoint, fetch: Fetch) -> None:
    gone = message(station, reading())
    gone.charge_point_id = station.pk + 1000
    outcomes = await asyncio.gather(
        *(writer.write(one) for one in (*(message(station, one) for one in minutes(9)), gone)), return_exceptions=True
    )
    assert outcomes[:9] == [None] * 9
    assert isinstance(outcomes[9], Exception)
    assert await fetch("SELECT count(*) FROM metering_sample") == [(9,)]


async def test_a_reading_that_the_database_refuses_is_set_aside_and_the_others_stored(
    writer: SampleWriter, station: ChargePoint, fetch: Fetch
) -> None:
    """A station would send a refused message again for ever, so it is acknowledged."""
    bad = message(station, reading("12 apples"), transaction_id=9)
    await asyncio.gather(*(writer.write(one) for one in (*(message(station, one) for one in minutes(9)), bad)))
    assert await fetch("SELECT count(*) FROM metering_sample") == [(9,)]
    assert await fetch("SELECT reason, reading->>'value', transaction_id FROM metering_quarantinedreading") == [
        ("refused", "12 apples", 9)
    ]


async def test_a_failure_that_is_no_database_error_hits_only_its_message(
    writer: SampleWriter, station: ChargePoint, fetch: Fetch
) -> None:
    bad = message(station, reading(kind=Kind("\ud800", "", "Outlet", "")))
    outcomes = await asyncio.gather(
        *(writer.write(one) for one in (*(message(station, one) for one in minutes(9)), bad)), return_exceptions=True
    )
    assert outcomes[:9] == [None] * 9
    assert await fetch("SELECT count(*) FROM metering_sample") == [(9,)]


@pytest.mark.usefixtures("no_sample_partition_today")
async def test_a_missing_partition_is_made_and_nothing_lost(
    writer: SampleWriter, station: ChargePoint, fetch: Fetch
) -> None:
    await asyncio.gather(
        *(
            writer.write(message(station, reading(str(value), NOW, Kind(f"M{value}", "", "Outlet", ""))))
            for value in range(5)
        )
    )
    assert await fetch(STORED) == [("0",), ("1",), ("2",), ("3",), ("4",)]


@pytest.mark.parametrize("days", [-20_000, -8, 2, 400])
async def test_a_clock_beyond_belief_goes_to_quarantine_once(
    writer: SampleWriter, station: ChargePoint, fetch: Fetch, days: int
) -> None:
    at = NOW + timedelta(days=days)
    for _ in range(2):
        await writer.write(message(station, reading("5", at), reading("6", NOW)))
    assert await fetch(STORED) == [("6",)]
    assert await fetch(
        "SELECT reason, received_at, reading->>'value', reading->>'at' FROM metering_quarantinedreading"
    ) == [("clock", NOW, "5", at.isoformat())]


async def test_signed_values_are_kept_verbatim_and_once(
    writer: SampleWriter, station: ChargePoint, fetch: Fetch
) -> None:
    content = 'OCMF|{"RV": 1}|\'"\\%s'
    for _ in range(2):
        await writer.write(message(station, signed=[SignedValue(REGISTER, NOW, 3, content)], transaction_id=4))
    assert await fetch("SELECT content, transaction_id FROM metering_signedreading") == [(content, 4)]


async def test_a_caller_that_is_cancelled_leaves_its_message_in_the_batch(
    station: ChargePoint, fetch: Fetch, settings: Any
) -> None:
    settings.METERING_FLUSH_INTERVAL_MS = 100
    writer = SampleWriter()
    callers = [asyncio.create_task(writer.write(message(station, one))) for one in minutes(3)]
    await asyncio.sleep(0)
    callers[1].cancel()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), asyncio.CancelledError, type(None)]
    await writer.close()
    assert await fetch("SELECT count(*) FROM metering_sample") == [(3,)]


async def test_close_writes_what_waits(station: ChargePoint, fetch: Fetch, settings: Any) -> None:
    settings.METERING_FLUSH_INTERVAL_MS, settings.METERING_FLUSH_VALUES = 60_000, 1_000_000
    writer = SampleWriter()
    caller = asyncio.create_task(writer.write(message(station, *minutes(3))))
    await asyncio.sleep(0)
    await writer.close()
    await caller
    assert await fetch("SELECT count(*) FROM metering_sample") == [(3,)]


async def test_what_was_stored_is_told_once_with_every_message(station: ChargePoint) -> None:
    told: list[MeterMessage] = []
    writer = SampleWriter(told.extend)
    await asyncio.gather(*(writer.write(message(station, one)) for one in minutes(4)))
    await writer.close()
    assert sorted(one.readings[0].value for one in told) == ["1000", "1001", "1002", "1003"]


def test_another_tenant_sees_no_readings(station: ChargePoint, other_tenant: Tenant) -> None:
    from metering.models import Sample, Series

    other = make_charge_point(other_tenant)

    async def write_both() -> None:
        writer = SampleWriter()
        await asyncio.gather(*(writer.write(message(one, *minutes(2))) for one in (station, other)))
        await writer.close()

    asyncio.run(write_both())
    with tenant_transaction(station.tenant_id):
        assert {series.charge_point_id for series in Series.objects.all()} == {station.pk}
        assert Sample.objects.count() == 2
    assert Sample.objects.using("default").count() == 0
