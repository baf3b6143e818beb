"""Lines for charts: thinned out without losing an extreme, gaps that stay gaps, older times from hours and days."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import connections
from django.test.utils import CaptureQueriesContext

from chargepoints.models import ChargePoint
from metering.charts import POINTS, Line, Lines, Point, lines, series_of, step_for, with_gaps
from metering.models import Period, Series
from metering.readings import ENERGY, POWER
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.admin.readings_data import MINUTE, add_samples, add_statistics, every, make_series
from tests.metering.conftest import make_charge_point

# Within the partitions that a fresh installation has.
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def draw(series: Series, start: datetime, end: datetime = NOW) -> tuple[Line, timedelta | None]:
    """The one line, and the step."""
    with tenant_transaction(series.tenant_id):
        drawn: Lines = lines([series], start=start, end=end, now=NOW)
    (line,) = drawn.lines
    return line, drawn.step


def values(line: Line) -> list[float | None]:
    return [None if point is None else float(point.value) for point in line.points]


def test_few_readings_are_drawn_one_by_one(station: ChargePoint) -> None:
    series = make_series(station)
    add_samples(series, *every(MINUTE, NOW - HOUR, NOW, lambda n: n))
    line, step = draw(series, NOW - 6 * HOUR)
    assert step is None
    assert values(line) == [float(number) for number in range(60)]
    assert line.points[0] == Point(NOW - HOUR, Decimal(0), Decimal(0), Decimal(0))


def test_a_moment_reported_twice_is_one_point(station: ChargePoint) -> None:
    series = make_series(station)
    add_samples(series, (NOW - MINUTE, 7), context=0)
    add_samples(series, (NOW - MINUTE, 7), context=1)
    line, _step = draw(series, NOW - HOUR)
    assert values(line) == [7]


def test_start_is_inclusive_and_end_exclusive(station: ChargePoint) -> None:
    series = make_series(station)
    add_samples(series, *every(MINUTE, NOW - 4 * MINUTE, NOW, lambda n: n))
    line, _step = draw(series, NOW - 3 * MINUTE, NOW - MINUTE)
    assert values(line) == [1, 2]


def test_thinning_out_keeps_extremes_and_means(station: ChargePoint) -> None:
    series = make_series(station)
    second = timedelta(seconds=5)
    peak, dip = 2001, 2900
    readings = every(second, NOW - 6 * HOUR, NOW, lambda n: 99999 if n == peak else -50 if n == dip else 7000)
    add_samples(series, *readings)
    line, step = draw(series, NOW - 6 * HOUR)
    assert step == timedelta(seconds=60)
    points = [point for point in line.points if point]
    assert len(points) == len(line.points) == 360 <= POINTS
    assert max(point.high for point in points) == 99999
    assert min(point.low for point in points) == -50
    held = next(point for point in points if point.high == 99999)
    assert held.low == 7000
    assert round(held.value, 6) == round(Decimal(99999 + 11 * 7000) / 12, 6)
    assert abs(held.at - readings[peak][0]) <= timedelta(seconds=60)


def test_a_register_is_drawn_by_its_highest_not_its_mean(station: ChargePoint) -> None:
    series = make_series(station, ENERGY)
    add_samples(series, *every(timedelta(seconds=5), NOW - 6 * HOUR, NOW, lambda n: n))
    line, _step = draw(series, NOW - 6 * HOUR)
    assert values(line)[:3] == [11, 23, 35]
    assert line.points[0] is not None
    assert line.points[0].at == NOW - 6 * HOUR + timedelta(seconds=55)


def test_a_line_never_has_many_more_points_than_asked_for(station: ChargePoint) -> None:
    series = make_series(station)
    add_samples(series, *every(timedelta(seconds=10), NOW - DAY, NOW, lambda n: n % 7))
    for length in (HOUR, 10 * HOUR, DAY, 7 * DAY):
        line, _step = draw(series, NOW - length)
        assert len(line.points) <= POINTS + 1, length


def test_an_outage_is_a_gap(station: ChargePoint) -> None:
    series = make_series(station)
    add_samples(series, *every(MINUTE, NOW - HOUR, NOW - 40 * MINUTE, lambda n: 1))
    add_samples(series, *every(MINUTE, NOW - 20 * MINUTE, NOW, lambda n: 2))
    line, _step = draw(series, NOW - HOUR)
    assert values(line) == [1] * 20 + [None] + [2] * 20


def test_an_outage_is_a_gap_when_thinned_out_too(station: ChargePoint) -> None:
    series = make_series(station)
    second = timedelta(seconds=5)
    add_samples(series, *every(second, NOW - 6 * HOUR, NOW - 3 * HOUR, lambda n: 1))
    add_samples(series, *every(second, NOW - 2 * HOUR, NOW, lambda n: 2))
    line, step = draw(series, NOW - 6 * HOUR)
    assert step == MINUTE
    assert values(line) == [1] * 180 + [None] + [2] * 120


def at_minutes(*minutes: int) -> list[Point]:
    return [Point(NOW + minute * MINUTE, Decimal(minute), Decimal(minute), Decimal(minute)) for minute in minutes]


def shown(points: list[Point], step: timedelta = timedelta(0), *, regular: bool = False) -> list[int | None]:
    return [None if point is None else int(point.value) for point in with_gaps(points, step, regular=regular)]


def test_a_slower_rhythm_is_no_gap() -> None:
    """While nobody charges, only the clock-aligned readings come."""
    assert shown(at_minutes(0, 1, 2, 3, 15, 30, 45, 60)) == [0, 1, 2, 3, 15, 30, 45, 60]


def test_a_gap_between_two_sessions() -> None:
    assert shown(at_minutes(0, 1, 2, 90, 91, 92)) == [0, 1, 2, None, 90, 91, 92]


def test_two_lone_readings_are_joined_within_hours_only() -> None:
    assert shown(at_minutes(0, 120)) == [0, 120]
    assert shown(at_minutes(0, 200)) == [0, None, 200]


def test_steps_shorter_than_the_resolution_are_no_gaps() -> None:
    assert shown(at_minutes(0, 1, 2, 10, 11), timedelta(minutes=5)) == [0, 1, 2, 10, 11]
    assert shown(at_minutes(0, 60, 120, 300), HOUR, regular=True) == [0, 60, 120, None, 300]


def test_hours_stand_in_where_samples_are_gone(station: ChargePoint) -> None:
    series = make_series(station)
    for hour in range(20, 30):
        add_statistics(series, NOW - 2 * DAY + hour * HOUR - DAY, low=1000 + hour, high=3000 + hour)
    add_samples(series, *every(MINUTE, NOW - 3 * HOUR, NOW, lambda n: 7))
    line, step = draw(series, NOW - 3 * DAY)
    assert step == HOUR
    first = line.points[0]
    assert first == Point(NOW - 3 * DAY + 20 * HOUR + HOUR / 2, Decimal(2020), Decimal(1020), Decimal(3020))
    assert values(line) == [2000.0 + hour for hour in range(20, 30)] + [None] + [7.0] * 180


def test_an_hour_that_samples_cover_is_not_drawn_twice(station: ChargePoint) -> None:
    series = make_series(station)
    begin = NOW - 30 * HOUR
    for hour in range(4):
        add_statistics(series, begin + hour * HOUR, low=1, high=3)
    add_samples(series, *every(MINUTE, begin + 2 * HOUR, NOW, lambda n: 7))
    line, _step = draw(series, begin, begin + 6 * HOUR)
    assert values(line) == [2, 2] + [7] * 240


def test_of_wide_ranges_the_hours_are_thinned_out_and_the_last_ones_come_from_samples(station: ChargePoint) -> None:
    series = make_series(station)
    begin = NOW - 60 * DAY
    for hour in range(0, 60 * 24 - 2):
        add_statistics(series, begin + hour * HOUR, low=5 if hour == 77 else 1000, high=9999 if hour == 700 else 3000)
    add_samples(series, *every(MINUTE, NOW - 5 * HOUR, NOW, lambda n: 7))
    line, step = draw(series, begin)
    assert step == 3 * HOUR
    points = [point for point in line.points if point]
    assert len(points) <= POINTS + 3 * 60
    assert (min(point.low for point in points), max(point.high for point in points)) == (Decimal(5), Decimal(9999))
    assert values(line)[-100:] == [7] * 100


def test_days_stand_in_where_hours_are_gone(station: ChargePoint) -> None:
    series = make_series(station)
    for day in range(300, 10, -1):
        add_statistics(series, NOW - day * DAY, period=Period.DAY, low=0, high=day)
    line, step = draw(series, NOW - 365 * DAY)
    assert step == DAY
    assert values(line)[:2] == [150, 149.5]
    assert len(line.points) == 290


def test_at_most_four_queries_however_many_lines(station: ChargePoint) -> None:
    for phase in ("", "L1", "L2", "L3"):
        for measurand in (POWER, "Current.Import", "Voltage"):
            series = make_series(station, measurand, phase=phase)
            add_samples(series, *every(MINUTE, NOW - 10 * HOUR, NOW, lambda n: n))
    with tenant_transaction(station.tenant_id):
        found = series_of(station.pk, evse_number=1, measurands=None)
        with CaptureQueriesContext(connections["default"]) as queries:
            drawn = lines(found, start=NOW - 8 * DAY - HOUR / 2, end=NOW, now=NOW)
    assert len(drawn.lines) == 12
    assert len(queries) <= 4


def test_a_station_without_readings_has_no_lines(station: ChargePoint) -> None:
    with tenant_transaction(station.tenant_id):
        assert lines([], start=NOW - DAY, end=NOW, now=NOW).lines == []


def test_of_all_connectors_phases_are_left_out_where_there_is_a_total(station: ChargePoint) -> None:
    for number, phases in ((1, ("", "L1", "L2")), (2, ("L1", "L2"))):
        for phase in phases:
            make_series(station, POWER, evse_number=number, phase=phase)
    with tenant_transaction(station.tenant_id):
        both = series_of(station.pk, evse_number=None, measurands=[POWER])
        one = series_of(station.pk, evse_number=1, measurands=[POWER])
    assert [(series.evse_number, series.phase) for series in both] == [(1, ""), (2, "L1"), (2, "L2")]
    assert [series.phase for series in one] == ["", "L1", "L2"]


def test_another_stations_readings_are_not_drawn(station: ChargePoint, tenant: Tenant) -> None:
    make_series(make_charge_point(tenant, "CP-2"))
    with tenant_transaction(tenant.pk):
        assert series_of(station.pk, evse_number=None, measurands=None) == []


def test_steps_are_handsome_and_fine_enough() -> None:
    assert step_for(HOUR) == timedelta(seconds=10)
    assert step_for(DAY) == timedelta(seconds=180)
    assert step_for(7 * DAY) == timedelta(seconds=1200)
    assert step_for(400 * DAY) == DAY
