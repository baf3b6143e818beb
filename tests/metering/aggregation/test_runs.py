"""When what is aggregated, and what a crash, a late reading or a missing worker does to it."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from metering.aggregation import hours, runs
from metering.aggregation.hours import aggregate_late
from metering.aggregation.runs import (
    Busy,
    aggregate_due_hours,
    aggregate_late_readings,
    aggregate_running_hour,
    aggregated_until,
    aggregation_lock,
)
from metering.ingest.writer import SampleWriter
from metering.models import Bucket, DirtyRange, Period
from tenants.context import system_transaction, tenant_transaction
from tests.metering.aggregation.conftest import Bench, at, every
from tests.metering.conftest import NOW, message, reading
from tests.stations import PATIENCE_S

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def until() -> datetime | None:
    with system_transaction():
        return aggregated_until()


def marks() -> int:
    with system_transaction():
        return DirtyRange.objects.count()


def test_every_hour_is_aggregated_once_it_is_over(bench: Bench) -> None:
    bench.put(*every(at("09:00"), 10 * MINUTE, [100 * index for index in range(10)]))
    assert aggregate_due_hours(now=at("10:01")) == 0
    assert aggregate_due_hours(now=at("10:02")) == 1
    assert bench.energy() == {at("09:00"): 600}
    assert until() == at("10:00")
    assert aggregate_due_hours(now=at("11:02")) == 1
    assert bench.energy() == {at("09:00"): 600, at("10:00"): 300}


def test_hours_missed_while_no_worker_ran_are_made_up_for(bench: Bench) -> None:
    bench.put(*every(at("01:00", 8), HOUR, [1000 * index for index in range(60)]))
    assert aggregate_due_hours(now=at("20:30", 10)) == 67
    assert sum(bench.energy().values()) == 59_000
    assert until() == at("20:00", 10)


def test_a_crash_in_the_middle_leaves_nothing_and_the_next_run_does_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.put(*every(at("09:00"), 10 * MINUTE, [100 * index for index in range(6)]))

    def crash(parameters: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(hours, "sum_up_touched", crash)
        with pytest.raises(KeyboardInterrupt):
            aggregate_due_hours(now=at("10:02"))
    assert (bench.energy(), until()) == ({}, None)
    aggregate_due_hours(now=at("10:02"))
    assert bench.energy() == {at("09:00"): 500}


def test_the_running_hour_is_provisional_and_moves_nothing(bench: Bench) -> None:
    bench.put((at("09:00"), 0), (at("09:10"), 100))
    aggregate_running_hour(now=at("09:15"))
    assert bench.energy() == {at("09:00"): 100}
    assert (until(), marks()) == (None, 0)
    bench.put((at("09:50"), 300))
    aggregate_due_hours(now=at("10:05"))
    assert bench.energy() == {at("09:00"): 300}


def test_running_twice_changes_and_writes_nothing(bench: Bench) -> None:
    bench.put(*every(at("05:00"), 7 * MINUTE, [123 * index for index in range(80)]))
    bench.put(*every(at("05:00"), 7 * MINUTE, [index % 11 for index in range(80)]), measurand="SoC")
    bench.aggregate(at("00:00"), at("20:00"))
    before = bench.rows()
    bench.aggregate(at("00:00"), at("20:00"))
    # computed_at included: not even touched.
    assert bench.rows() == before


def test_two_workers_do_not_aggregate_at_once(bench: Bench) -> None:
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with aggregation_lock(wait=True):
            held.set()
            go_on.wait(PATIENCE_S)
        connections.close_all()

    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(PATIENCE_S)
    with pytest.raises(Busy):
        aggregate_late_readings()
    go_on.set()
    other.join()


def test_a_mark_that_comes_while_late_readings_are_aggregated_is_not_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.put((at("09:00"), 0), (at("09:50"), 100), late=True)
    real = aggregate_late

    def meanwhile(one: Any, late: list[int]) -> None:
        real(one, late)
        if len(late) == 1 and not bench.statistics("Voltage"):
            another = threading.Thread(target=put_more)
            another.start()
            another.join()

    def put_more() -> None:
        bench.put((at("09:30"), 230), measurand="Voltage", late=True)
        connections.close_all()

    with monkeypatch.context() as patched:
        patched.setattr(runs, "aggregate_late", meanwhile)
        aggregate_late_readings(now=bench.now)
    assert len(bench.statistics("Voltage")) == 1
    assert marks() == 0


def test_a_reading_of_an_hour_that_is_over_marks_it_with_its_commit(station: Any, redis_clean: Any) -> None:
    past, now = NOW - 5 * HOUR, datetime.now(UTC)

    async def write() -> None:
        writer = SampleWriter()
        await asyncio.gather(
            writer.write(message(station, reading(at=now))),
            writer.write(message(station, reading(at=past), reading(at=past + HOUR))),
        )
        await writer.close()

    asyncio.run(write())
    with system_transaction():
        (mark,) = DirtyRange.objects.all()
    assert (mark.first, mark.last, mark.evse_number) == (past, past + HOUR, 1)
    aggregate_late_readings()
    with system_transaction():
        counts = Bucket.objects.filter(period=Period.HOUR).values_list("sample_count", flat=True)
        assert sorted(counts)[-2:] == [1, 1]


def test_another_tenant_sees_no_aggregates(bench: Bench, other_tenant: Any) -> None:
    bench.put((at("09:00"), 0), (at("09:50"), 100))
    bench.aggregate(at("00:00"), at("20:00"))
    with tenant_transaction(other_tenant.pk):
        assert Bucket.objects.count() == 0
    with tenant_transaction(bench.station.tenant_id):
        assert Bucket.objects.filter(period=Period.HOUR).count() == 1


def test_the_command_backfills_and_says_what_it_did(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 5 * HOUR
    bench.put((start, 0), (start + HOUR, 1000))
    call_command("aggregate", "--from", start.isoformat(), "--charge-point", "cp-1")
    assert bench.energy() == {start: 1000, start + HOUR: 0}
    assert "hours from" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--from", "yesterday"], "'yesterday' is no day or time"),
        (["--from", "2026-11-02", "--to", "2026-10-01"], "is not before"),
        (["--from", "2026-11-02", "--charge-point", "nobody"], "no such charge point"),
    ],
)
def test_the_command_names_what_is_wrong(db: None, arguments: list[str], fault: str) -> None:
    with pytest.raises(CommandError, match=fault):
        call_command("aggregate", *arguments)


def test_days_are_worked_out_again_when_a_tenant_moves_to_another_zone(tenant: Any, bench: Bench) -> None:
    from metering.aggregation.retention import realign_days
    from tenants.models import Tenant

    bench.put(*every(at("00:00", 7), HOUR, [100 * index for index in range(80)]))
    bench.aggregate(at("00:00", 7), at("20:00"))
    Tenant.objects.using("system").filter(pk=tenant.pk).update(timezone="Europe/Berlin")
    assert realign_days(now=bench.now) == 1
    days = bench.buckets(Period.DAY)
    # Whole days in Berlin begin at 23:00 UTC; the day whose first hours are gone stays as it was.
    assert [row.start for row in days] == [at("00:00", 7), at("23:00", 7), at("23:00", 8), at("23:00", 9)]
    assert [row.energy_wh for row in days[1:]] == [Decimal(2400), Decimal(2400), Decimal(800)]
    assert realign_days(now=bench.now) == 0
