"""Energy in bars: windows in the tenant's calendar, summer time too; the running period is provisional."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from chargepoints.models import ChargePoint
from metering.energy_bars import Bar, empty_bars, energy_bars, energy_since, neighbour_days, window
from metering.models import AggregationState, Period
from metering.readings import ENERGY
from tenants.context import system_transaction, tenant_transaction
from tests.admin.readings_data import MINUTE, add_bucket, add_samples, make_series

BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
HOUR = timedelta(hours=1)
HOUR_START = NOW.replace(minute=0)


def bars(station: ChargePoint, period: Period, day: date, **options: object) -> list[Bar]:
    given = {"evse_number": 1, "zone": BERLIN, "now": NOW, **options}
    with tenant_transaction(station.tenant_id):
        return energy_bars(station.pk, period=period, day=day, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("day", "count"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 1), 24)])
def test_a_day_has_the_hours_that_it_has(day: date, count: int) -> None:
    found = empty_bars(Period.HOUR, day, BERLIN, NOW)
    assert len(found) == count
    assert found[0].start.astimezone(BERLIN).strftime("%d %H:%M") == f"{day.day:02d} 00:00"


def test_hours_begin_with_the_day_in_zones_off_by_half_an_hour() -> None:
    found = empty_bars(Period.HOUR, date(2026, 11, 1), KOLKATA, NOW)
    assert (len(found), found[0].start) == (24, datetime(2026, 10, 31, 18, 30, tzinfo=UTC))


def test_windows_are_a_month_half_a_year_of_weeks_and_a_year() -> None:
    assert len(empty_bars(Period.DAY, date(2028, 2, 10), BERLIN, NOW)) == 29
    weeks = empty_bars(Period.WEEK, date(2026, 11, 18), BERLIN, NOW)
    assert len(weeks) == 26
    assert {bar.start.astimezone(BERLIN).weekday() for bar in weeks} == {0}
    months = empty_bars(Period.MONTH, date(2026, 7, 31), BERLIN, NOW)
    assert [bar.start.astimezone(BERLIN).month for bar in months] == list(range(1, 13))


@pytest.mark.parametrize("period", list(Period))
def test_the_neighbouring_windows_adjoin(period: Period) -> None:
    for day in (date(2026, 1, 31), date(2026, 3, 29), date(2026, 12, 31)):
        before, after = neighbour_days(period, day)
        start, end = window(period, day, BERLIN)
        assert window(period, before, BERLIN)[1] == start
        assert window(period, after, BERLIN)[0] == end


def test_buckets_stand_in_their_bars(station: ChargePoint) -> None:
    first = datetime(2026, 10, 31, 23, tzinfo=UTC)
    add_bucket(station, first, first + 24 * HOUR, 12500, period=Period.DAY)
    add_bucket(station, first + 24 * HOUR, first + 48 * HOUR, 7000, period=Period.DAY, estimated=True)
    add_bucket(station, first, first + 24 * HOUR, 999, period=Period.DAY, evse_number=2)
    add_bucket(station, first, first + HOUR, 111, period=Period.HOUR)
    found = bars(station, Period.DAY, date(2026, 11, 15))
    assert len(found) == 30
    assert (found[0].energy_wh, found[0].estimated) == ({1: Decimal(12500)}, False)
    assert (found[1].energy_wh, found[1].estimated) == ({1: Decimal(7000)}, True)
    assert found[2].energy_wh == {}
    assert (found[0].max_power_w, found[0].mean_power_w, found[0].sources) == (
        Decimal(11000),
        Decimal(7000),
        {"register"},
    )


def test_all_connectors_together_leave_the_main_meter_out(station: ChargePoint) -> None:
    first = datetime(2026, 10, 31, 23, tzinfo=UTC)
    for number, energy in ((0, 99999), (1, 100), (2, 200)):
        add_bucket(station, first, first + 24 * HOUR, energy, period=Period.DAY, evse_number=number)
    (bar, *_rest) = bars(station, Period.DAY, date(2026, 11, 15), evse_number=None)
    assert bar.energy_wh == {1: Decimal(100), 2: Decimal(200)}


@pytest.mark.parametrize("period", list(Period))
def test_the_running_period_grows_with_the_register(station: ChargePoint, period: Period) -> None:
    with system_transaction():
        AggregationState.objects.create(complete_until=HOUR_START)
    add_samples(
        make_series(station, ENERGY),
        (HOUR_START - 10 * MINUTE, 1000),
        (HOUR_START + 10 * MINUTE, 3000),
        (NOW - MINUTE, 4500),
    )
    found = bars(station, period, NOW.astimezone(BERLIN).date())
    (running,) = [bar for bar in found if bar.provisional]
    assert running.start <= NOW < running.end
    # Half of the step over the hour, and the step after it.
    assert running.energy_wh == {1: Decimal(1000 + 1500)}


def test_hours_that_wait_for_their_aggregation_are_provisional(station: ChargePoint) -> None:
    """For ten minutes after the hour the last one isn't summed up."""
    with system_transaction():
        AggregationState.objects.create(complete_until=HOUR_START - HOUR)
    add_samples(make_series(station, ENERGY), (HOUR_START - HOUR, 1000), (HOUR_START - MINUTE, 1500), (NOW, 1700))
    start = HOUR_START.astimezone(UTC)
    found = {bar.start: bar for bar in bars(station, Period.HOUR, start.date(), zone=ZoneInfo("UTC"))}
    if start - HOUR in found:
        assert (found[start - HOUR].energy_wh, found[start - HOUR].provisional) == ({1: Decimal(500)}, True)
    assert (found[start].energy_wh, found[start].provisional) == ({1: Decimal(200)}, True)


def test_what_was_added_survives_a_reset_and_sums_phases(station: ChargePoint) -> None:
    for phase in ("L1", "L2", "L3"):
        series = make_series(station, ENERGY, phase=phase)
        add_samples(series, (HOUR_START, 1000), (HOUR_START + 10 * MINUTE, 1100), (HOUR_START + 20 * MINUTE, 40))
    with tenant_transaction(station.tenant_id):
        steps = energy_since(station.pk, 1, HOUR_START, NOW)
    assert [(number, energy) for number, _at, energy in steps] == [(1, Decimal(300)), (1, Decimal(120))]
