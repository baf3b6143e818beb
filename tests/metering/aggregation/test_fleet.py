"""Energy of whole fleets by hour and day: always what the buckets of the EVSEs add up to."""

from datetime import timedelta
from decimal import Decimal

import pytest

from metering.aggregation.fleet_history import fill_missing_fleets
from metering.aggregation.retention import drop_old_aggregates, realign_days
from metering.aggregation.runs import aggregate_due_hours, aggregate_late_readings, aggregate_running_hour
from metering.models import Bucket, FleetBucket, Period
from tenants.context import system_transaction
from tenants.models import Tenant
from tests.metering.aggregation.conftest import Bench, at, every

HOUR = timedelta(hours=1)
NOW = at("23:59", 10) + timedelta(minutes=5)


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """100 Wh an hour from 6 to 10 November."""
    bench.put(*every(at("00:00", 6), HOUR, [100 * index for index in range(5 * 24)]))
    aggregate_due_hours(now=NOW)
    return bench


def fleet(tenant: Tenant, period: Period) -> dict[str, Decimal]:
    with system_transaction():
        rows = FleetBucket.objects.filter(tenant=tenant, period=period)
        return {f"{row.start:%d %H}": row.energy_wh for row in rows}


def sums(tenant: Tenant, period: Period) -> dict[str, Decimal]:
    """Of the buckets."""
    found: dict[str, Decimal] = {}
    with system_transaction():
        for row in Bucket.objects.filter(tenant=tenant, period=period, evse_number__gt=0):
            key = f"{row.start:%d %H}"
            found[key] = found.get(key, Decimal(0)) + row.energy_wh
    return found


def test_hours_and_days_are_those_of_all_evses_but_not_of_main_meters(filled: Bench, tenant: Tenant) -> None:
    assert fleet(tenant, Period.DAY) == sums(tenant, Period.DAY)
    assert fleet(tenant, Period.HOUR) == sums(tenant, Period.HOUR)
    assert fleet(tenant, Period.DAY)["07 00"] == 2400
    assert len(fleet(tenant, Period.HOUR)) > 100


def test_late_readings_and_the_running_hour_are_in_it(filled: Bench, tenant: Tenant) -> None:
    filled.put((at("12:30", 8), 6090), late=True)
    aggregate_late_readings(now=NOW)
    filled.put((at("00:20", 11), 12_100))
    aggregate_running_hour(now=at("00:30", 11))
    assert fleet(tenant, Period.HOUR) == sums(tenant, Period.HOUR)
    assert fleet(tenant, Period.DAY) == sums(tenant, Period.DAY)
    assert "11 00" in fleet(tenant, Period.DAY)


def test_what_there_was_before_fleets_were_summed_up_is_filled_in_once(filled: Bench, tenant: Tenant) -> None:
    with system_transaction():
        FleetBucket.objects.filter(start__lt=at("00:00", 10)).delete()
    assert fill_missing_fleets(now=NOW) == 1
    assert fleet(tenant, Period.DAY) == sums(tenant, Period.DAY)
    assert fleet(tenant, Period.HOUR) == sums(tenant, Period.HOUR)
    assert fill_missing_fleets(now=NOW) == 0


def test_a_tenant_that_moves_to_another_zone_has_days_of_that_zone(filled: Bench, tenant: Tenant) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(timezone="Europe/Berlin")
    realign_days(now=NOW)
    assert fleet(tenant, Period.DAY) == sums(tenant, Period.DAY)
    assert "06 23" in fleet(tenant, Period.DAY)


def test_they_are_kept_as_long_as_the_buckets(filled: Bench, tenant: Tenant) -> None:
    drop_old_aggregates(now=at("12:00", 9, month=12))
    assert fleet(tenant, Period.HOUR) == sums(tenant, Period.HOUR)
    assert min(fleet(tenant, Period.HOUR)) == "09 00"
    assert len(fleet(tenant, Period.DAY)) == 5
