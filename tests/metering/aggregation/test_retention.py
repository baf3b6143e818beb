"""Samples and aggregates go when they are past keeping, and never before they have been summed up."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chargepoints.models import ChargePoint
from metering.aggregation.retention import drop_old_aggregates, drop_old_samples
from metering.aggregation.runs import aggregate_due_hours, aggregate_late_readings
from metering.models import MeteringSettings, Period, Sample
from tenants.context import system_transaction
from tenants.models import Tenant
from tenants.partitions import partition_days
from tests.metering.aggregation.conftest import Bench, at, every
from tests.metering.conftest import make_charge_point

HOUR = timedelta(hours=1)
LATER = datetime(2026, 11, 14, 1, 30, tzinfo=UTC)


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """100 Wh an hour from 6 to 10 November, aggregated until the evening of the 10th."""
    bench.put(*every(at("00:00", 6), HOUR, [100 * index for index in range(5 * 24)]))
    aggregate_due_hours(now=at("23:59", 10) + timedelta(minutes=5))
    return bench


def first_sample() -> datetime:
    with system_transaction():
        return Sample.objects.order_by("at").values_list("at", flat=True)[0]


def ours() -> list[date]:
    """The partitions of these days; the tests of other days have their own."""
    return [day for day in partition_days("metering_sample") if date(2026, 11, 6) <= day <= date(2026, 11, 12)]


def keep(row: Tenant | ChargePoint, days: Any) -> None:
    with system_transaction():
        type(row).objects.filter(pk=row.pk).update(desired_configuration={"MeterValueRetentionDays": days})


def test_partitions_past_keeping_are_dropped(filled: Bench) -> None:
    drop_old_samples(now=LATER)
    # Seven days before the 14th is the 7th.
    assert ours()[0] == date(2026, 11, 7)
    assert first_sample() == at("00:00", 7)


def test_nothing_is_dropped_before_it_is_aggregated(bench: Bench) -> None:
    bench.put((at("00:00", 6), 0), (at("01:00", 6), 100))
    assert drop_old_samples(now=LATER) == 0
    assert ours()[0] == date(2026, 11, 6)


def test_nothing_is_dropped_that_late_readings_wait_in(filled: Bench) -> None:
    filled.put((at("10:30", 6), 1040), late=True)
    drop_old_samples(now=LATER)
    assert date(2026, 11, 6) in ours()
    aggregate_late_readings(now=LATER)
    drop_old_samples(now=LATER)
    assert date(2026, 11, 6) not in ours()


def test_a_station_that_keeps_less_has_its_samples_deleted(filled: Bench, tenant: Tenant) -> None:
    other = Bench(make_charge_point(tenant, "CP-2"), filled.now)
    other.put((at("12:00", 8), 5))
    keep(filled.station, 2)
    drop_old_samples(now=at("23:59", 10))
    with system_transaction():
        mine = Sample.objects.filter(series__charge_point=filled.station).order_by("at")
        assert mine[0].at == at("00:00", 8)
        assert Sample.objects.filter(series__charge_point=other.station).exists()


def test_a_tenants_wish_holds_for_its_stations_and_a_longer_one_keeps_the_partitions(
    filled: Bench, tenant: Tenant
) -> None:
    keep(tenant, "20")
    drop_old_samples(now=LATER)
    assert ours()[0] == date(2026, 11, 6)
    keep(tenant, "7")
    drop_old_samples(now=LATER)
    assert ours()[0] == date(2026, 11, 7)


@pytest.mark.parametrize("nonsense", ["soon", "", "-1", None, 99999])
def test_a_wish_that_is_no_number_of_days_counts_for_nothing(filled: Bench, nonsense: Any) -> None:
    keep(filled.station, nonsense)
    drop_old_samples(now=LATER)
    assert ours()[0] == date(2026, 11, 7)


def test_the_register_goes_on_from_what_was_summed_up_though_its_samples_are_gone(filled: Bench) -> None:
    """Silent from the evening of the 10th; on the 20th it has 1000 Wh more, whose samples are long dropped before."""
    total = sum(filled.energy().values())
    later = datetime(2026, 11, 19, 10, 30, tzinfo=UTC)
    from tenants.partitions import drop_partitions_before, ensure_partitions

    ensure_partitions("metering_sample", later.date(), later.date())
    drop_partitions_before("metering_sample", date(2026, 11, 12))
    filled.put((later, 11_900 + 1000))
    aggregate_due_hours(now=later + HOUR)
    aggregate_late_readings(now=later + HOUR)
    assert sum(row.energy_wh for row in filled.buckets()) == Decimal(str(total)) + 1000
    # None of it in hours that are closed.
    assert {row.energy_wh for row in filled.buckets() if row.start < at("00:00", 10)} == {Decimal(100)}


def test_hours_are_kept_thirty_days_and_days_a_year_unless_the_tenant_says_otherwise(
    filled: Bench, tenant: Tenant
) -> None:
    drop_old_aggregates(now=at("12:00", 9, month=12))
    assert filled.buckets()[0].start == at("00:00", 9)
    assert len(filled.buckets(Period.DAY)) == 5
    with system_transaction():
        MeteringSettings.objects.create(tenant=tenant, hour_days=10, day_days=32)
    drop_old_aggregates(now=at("12:00", 10, month=12))
    assert filled.buckets() == []
    assert filled.buckets(Period.DAY)[0].start == at("00:00", 8)
    assert filled.statistics("Energy.Active.Import.Register", Period.DAY)[0].start == at("00:00", 8)
    assert filled.buckets(Period.MONTH)[0].energy_wh == Decimal(11_900)


def test_a_closed_hour_is_never_worked_out_from_the_samples_that_are_left(filled: Bench) -> None:
    keep(filled.station, 2)
    drop_old_samples(now=at("23:59", 10))
    before = filled.rows()
    # A replay from before the samples that are kept.
    filled.put((at("10:30", 7), 3450), late=True)
    aggregate_late_readings(now=at("23:59", 10))
    assert filled.rows() == before
