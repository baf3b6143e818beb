"""Hours, days, weeks and months with hand-worked answers; the arithmetic stands in each test."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from metering.aggregation.runs import aggregate_late_readings
from metering.models import Period
from metering.readings import POWER
from tenants.models import Tenant
from tests.metering.aggregation.conftest import BERLIN, Bench, at, every

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DAY_START, DAY_END = at("00:00"), at("20:00")


def test_energy_is_the_difference_of_the_register(bench: Bench) -> None:
    """1000 at 9:00, 4000 at 9:59, 4000 from 10:00 on: 3000 Wh in the first hour, none in the second."""
    bench.put((at("09:00"), 1000), (at("09:59"), 4000), (at("10:00"), 4000), (at("10:30"), 4000))
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 3000, at("10:00"): 0}
    first = bench.buckets()[0]
    assert (first.energy_source, first.estimated, first.sample_count) == ("register", False, 2)


def test_a_step_over_the_hour_is_shared_by_time(bench: Bench) -> None:
    """9:50 -> 10:10, 600 Wh: half of the time on each side, 300 Wh each."""
    bench.put((at("09:50"), 1000), (at("10:10"), 1600))
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 300, at("10:00"): 300}


def test_a_gap_over_hours_is_filled_evenly_and_marked(bench: Bench) -> None:
    """9:30 -> 13:30, 4000 Wh over four hours: 500, 1000, 1000, 1000, 500."""
    bench.put((at("09:30"), 0), (at("13:30"), 4000))
    bench.aggregate(DAY_START, DAY_END)
    assert list(bench.energy().values()) == [500, 1000, 1000, 1000, 500]
    assert all(bucket.estimated for bucket in bench.buckets())


def test_shares_of_a_step_add_up_exactly_though_thirds_do_not(bench: Bench) -> None:
    """100 Wh over three hours: the shares are rounded, their sum is not."""
    bench.put((at("09:00"), 0), (at("12:00"), 100))
    bench.aggregate(DAY_START, DAY_END)
    assert sum(bucket.energy_wh for bucket in bench.buckets()) == Decimal(100)


def test_a_register_that_starts_anew_with_each_session(bench: Bench) -> None:
    """Session one 0 -> 5000 until 9:30, session two 0 -> 2000 until 10:00: 7000 Wh in the hour."""
    bench.put((at("09:00"), 0), (at("09:30"), 5000), session=1)
    bench.put((at("09:40"), 0), (at("10:00"), 2000), session=2)
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 7000, at("10:00"): 0}
    assert bench.buckets()[0].estimated


def test_a_reset_counts_what_the_register_shows_since(bench: Bench) -> None:
    """100 kWh -> power cut -> 300 Wh: the 300 Wh came since."""
    bench.put((at("09:10"), 100_000), (at("09:20"), 300), (at("09:30"), 800))
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 800}


def test_a_new_meter_adds_nothing_of_its_former_life(bench: Bench) -> None:
    """At 9:20 another meter, that has 5 MWh on it; a minute later one with 90 MWh: neither jump is energy."""
    bench.put((at("09:10"), 1000), (at("09:20"), 5_000_000), (at("09:21"), 90_000_000), (at("09:30"), 90_000_500))
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 500}
    assert bench.buckets()[0].estimated


def test_rounding_between_messages_is_no_reset(bench: Bench) -> None:
    """12345.678 kWh in periodic values, then meterStop 12345677 Wh: one Wh back, then on. The sum is the register's."""
    bench.put(
        (at("09:00"), 12_340_000), (at("09:10"), "12345678"), (at("09:11"), 12_345_677), (at("09:30"), 12_345_700)
    )
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 5700}
    assert not bench.buckets()[0].estimated


def test_phases_are_summed_where_no_total_is_sent(bench: Bench) -> None:
    """1000 Wh on each of three phases."""
    for phase in ("L1", "L2", "L3"):
        bench.put((at("09:00"), 500), (at("09:50"), 1500), phase=phase)
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 3000}
    assert bench.buckets()[0].energy_source == "register_phases"


def test_the_total_counts_where_phases_are_sent_beside_it(bench: Bench) -> None:
    """Total 3000 Wh, phases 1000 each: 3000 and not 6000."""
    bench.put((at("09:00"), 0), (at("09:50"), 3000))
    for phase in ("L1", "L2", "L3"):
        bench.put((at("09:00"), 0), (at("09:50"), 1000), phase=phase)
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 3000}
    assert bench.buckets()[0].energy_source == "register"


def test_the_outlet_counts_where_the_inlet_is_metered_too(bench: Bench) -> None:
    """5000 Wh went in, 4700 came out."""
    bench.put((at("09:00"), 0), (at("09:50"), 5000), location="Inlet")
    bench.put((at("09:00"), 0), (at("09:50"), 4700))
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 4700}


def test_power_is_integrated_where_no_register_is_sent(bench: Bench) -> None:
    """0 W at 9:00, 6000 W at 9:10 and 9:20, 0 at 9:30: 500 + 1000 + 500 Wh."""
    bench.put((at("09:00"), 0), (at("09:10"), 6000), (at("09:20"), 6000), (at("09:30"), 0), measurand=POWER)
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 2000}
    assert bench.buckets()[0].energy_source == "power"


def test_power_is_integrated_over_the_hour(bench: Bench) -> None:
    """9:55 0 W -> 10:05 6000 W: 5 min at a mean of 1500 W, then of 4500 W: 125 and 375 Wh."""
    bench.put((at("09:55"), 0), (at("10:05"), 6000), measurand=POWER)
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 125, at("10:00"): 375}


def test_nothing_is_made_up_between_distant_readings_of_power(bench: Bench) -> None:
    bench.put((at("09:00"), 6000), (at("11:00"), 6000), measurand=POWER)
    bench.aggregate(DAY_START, DAY_END)
    assert sum(bench.energy().values()) == 0


def test_power_of_phases_is_summed(bench: Bench) -> None:
    """Three phases at 2000 W for half an hour: 3000 Wh, at most 6000 W."""
    for phase in ("L1", "L2", "L3"):
        bench.put(*every(at("09:00"), 10 * MINUTE, [2000] * 4), measurand=POWER, phase=phase)
    bench.aggregate(DAY_START, DAY_END)
    (bucket,) = bench.buckets()
    assert [bucket.energy_wh, bucket.max_power_w, bucket.power_sum_w, bucket.power_count] == [3000, 6000, 24000, 4]


def test_the_register_counts_where_power_is_sent_too(bench: Bench) -> None:
    bench.put((at("09:00"), 0), (at("09:50"), 3000))
    bench.put(*every(at("09:00"), 10 * MINUTE, [7000] * 6), measurand=POWER)
    bench.aggregate(DAY_START, DAY_END)
    (bucket,) = bench.buckets()
    assert [bucket.energy_wh, bucket.energy_source, bucket.max_power_w, bucket.sample_count] == [
        3000,
        "register",
        7000,
        8,
    ]


def test_energy_per_interval_is_added_up(bench: Bench) -> None:
    """Values for the 15 minutes that end with them: the one of 10:00 belongs to the hour before."""
    bench.put(*every(at("09:15"), 15 * MINUTE, [100, 200, 300, 400, 50]), measurand="Energy.Active.Import.Interval")
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 1000, at("10:00"): 50}
    assert bench.buckets()[0].energy_source == "interval"


def test_statistics_of_each_measurand(bench: Bench) -> None:
    bench.put((at("09:00"), 230), (at("09:20"), 226), (at("09:40"), 231.5), measurand="Voltage", phase="L1")
    bench.aggregate(DAY_START, DAY_END)
    (row,) = bench.statistics("Voltage")
    assert [row.minimum, row.maximum, row.total, row.count] == [226, Decimal("231.5"), Decimal("687.5"), 3]
    assert (row.last, row.last_at) == (Decimal("231.5"), at("09:40"))


def test_evses_are_summed_up_apart(bench: Bench) -> None:
    bench.put((at("09:00"), 0), (at("09:50"), 100))
    bench.put((at("09:00"), 0), (at("09:50"), 900), evse_number=2)
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 100}
    assert bench.energy(evse_number=2) == {at("09:00"): 900}


def test_a_late_reading_moves_energy_to_where_it_was_used(bench: Bench) -> None:
    """9:00 0 Wh, 12:00 3000 Wh: 1000 an hour. Then a replayed 11:00 says 0: all of it in the last hour."""
    bench.put((at("09:00"), 0), (at("12:00"), 3000))
    bench.aggregate(DAY_START, DAY_END)
    assert list(bench.energy().values()) == [1000, 1000, 1000, 0]
    bench.put((at("11:00"), 0), late=True)
    aggregate_late_readings(now=bench.now)
    assert list(bench.energy().values()) == [0, 0, 3000, 0]


def test_a_station_that_was_silent_for_hours_fills_the_hours_between(bench: Bench) -> None:
    """The hour of its first reading is summed up by itself; those of the silence follow as late ones."""
    bench.put((at("09:30"), 0))
    bench.aggregate(at("09:00"), at("10:00"))
    bench.put((at("13:30"), 4000))
    bench.aggregate(at("13:00"), at("14:00"))
    assert list(bench.energy().values()) == [500, 1000, 1000, 1000, 500]


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_the_day_of_the_clock_change_has_its_hours(
    tenant: Tenant, bench: Bench, partitions: Any, day: date, hours: int
) -> None:
    """100 Wh in each hour from the day before to the day after: 23 or 25 hours of it on the day itself."""
    Tenant.objects.using("system").filter(pk=tenant.pk).update(timezone="Europe/Berlin")
    partitions(day - timedelta(days=1), day + timedelta(days=1))
    midnight = datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(UTC)
    begin = midnight - 5 * HOUR
    bench.now = midnight + 40 * HOUR
    bench.put(*every(begin, HOUR, [100 * index for index in range(5 + hours + 6)]))
    bench.aggregate(begin, begin + (5 + hours + 6) * HOUR)
    days = bench.buckets(Period.DAY)
    assert [float(row.energy_wh) for row in days] == [500, 100 * hours, 500]
    assert (days[1].start, days[1].end - days[1].start) == (midnight, hours * HOUR)


def test_weeks_begin_on_monday_and_months_on_the_first_where_the_tenant_is(tenant: Tenant, bench: Bench) -> None:
    """Sunday 8 November 23:30 UTC is Monday in Berlin."""
    Tenant.objects.using("system").filter(pk=tenant.pk).update(timezone="Europe/Berlin")
    bench.put((at("21:30", 8), 0), (at("22:30", 8), 100), (at("23:30", 8), 300), (at("09:00", 10), 300))
    bench.aggregate(at("00:00", 8), DAY_END)
    weeks = {row.start.astimezone(BERLIN).date(): float(row.energy_wh) for row in bench.buckets(Period.WEEK)}
    # 21:30-23:00 UTC is still Sunday: 50 + 50 + 100; the rest of the step to 23:30 is Monday's.
    assert weeks == {date(2026, 11, 2): 200, date(2026, 11, 9): 100}
    (month,) = bench.buckets(Period.MONTH)
    assert (month.start.astimezone(BERLIN).date(), float(month.energy_wh)) == (date(2026, 11, 1), 300)
    assert month.end.astimezone(BERLIN).date() == date(2026, 12, 1)


def test_hours_begin_at_half_past_where_midnight_does(tenant: Tenant, bench: Bench) -> None:
    """India is at +05:30: midnight is 18:30 UTC, and the day adds up exactly to its hours."""
    Tenant.objects.using("system").filter(pk=tenant.pk).update(timezone="Asia/Kolkata")
    bench.put((at("18:00", 9), 0), (at("19:00", 9), 1000))
    bench.aggregate(at("00:00", 9), DAY_END)
    assert bench.energy() == {at("17:30", 9): 500, at("18:30", 9): 500}
    assert bench.energy(Period.DAY) == {at("18:30", 8): 500, at("18:30", 9): 500}


def test_tenants_of_different_zones_are_summed_up_apart(
    tenant: Tenant, other_tenant: Tenant, bench: Bench, station: Any
) -> None:
    from tests.metering.conftest import make_charge_point

    Tenant.objects.using("system").filter(pk=other_tenant.pk).update(timezone="Asia/Kolkata")
    theirs = Bench(make_charge_point(other_tenant, "CP-2"), bench.now)
    for one in (bench, theirs):
        one.put((at("09:00"), 0), (at("10:00"), 1000))
    bench.aggregate(DAY_START, DAY_END)
    assert bench.energy() == {at("09:00"): 1000, at("10:00"): 0}
    assert theirs.energy() == {at("08:30"): 500, at("09:30"): 500}
