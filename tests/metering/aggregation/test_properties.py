"""What holds for all readings: energy adds up over any split, and neither order nor repetition matters."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from metering.aggregation.energy import step_between
from metering.aggregation.periods import ceil_hour, floor_hour, hour_shift, period_end, period_start
from metering.aggregation.runs import aggregate_late_readings
from metering.models import Bucket, BucketStatistics, DirtyRange, Period, Sample
from tenants.context import system_transaction
from tests.examples import examples
from tests.metering.aggregation.conftest import BERLIN, Bench, at

MIDNIGHT = at("00:00", 9)
slow = examples(10, suppress_health_check=list(HealthCheck))
quick = examples(100)

seconds = st.integers(0, 40 * 3600)
rises = st.one_of(st.just(Decimal(0)), st.decimals(0, 9000, places=3), st.decimals(-5, 0, places=3))


@st.composite
def registers(draw: st.DrawFn) -> list[tuple[datetime, Decimal]]:
    """A register that rises, sometimes stands, sometimes runs back a little, and may begin anew."""
    times = sorted(draw(st.sets(seconds, min_size=2, max_size=40)))
    value, found = draw(st.decimals(0, 10**7, places=3)), []
    for time in times:
        value = Decimal(0) if draw(st.integers(0, 15)) == 0 else max(value + draw(rises), Decimal(0))
        found.append((MIDNIGHT + timedelta(seconds=time), value))
    return found


def expected(readings: list[tuple[datetime, Decimal]]) -> Decimal:
    """Reading by reading."""
    return sum((step_between(*one, *two).energy_wh for one, two in pairwise(readings)), Decimal(0))


def wipe() -> None:
    with system_transaction():
        for model in (Sample, DirtyRange, Bucket, BucketStatistics):
            model.objects.all().delete()


@slow
@given(registers())
def test_hours_add_up_to_what_lies_between_the_readings_and_days_to_their_hours(
    bench: Bench, readings: list[tuple[datetime, Decimal]]
) -> None:
    wipe()
    bench.put(*readings)  # type: ignore[arg-type]
    bench.aggregate(at("00:00", 9), at("20:00"))
    total = sum(row.energy_wh for row in bench.buckets())
    assert total == expected(readings)
    for period in (Period.DAY, Period.WEEK, Period.MONTH):
        assert sum(row.energy_wh for row in bench.buckets(period)) == total
        assert sum(row.sample_count for row in bench.buckets(period)) == len(readings)


@slow
@given(registers(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_readings_that_come_in_any_order_and_pieces_give_the_same(
    bench: Bench, readings: list[tuple[datetime, Decimal]], random: object, pieces: int
) -> None:
    """All at once, or late in shuffled pieces with an aggregation after each: the same hours and days."""
    wipe()
    bench.put(*readings)  # type: ignore[arg-type]
    bench.aggregate(at("00:00", 9), at("20:00"))
    at_once = [row[:-1] for row in bench.rows()]
    wipe()
    shuffled = list(readings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for piece in range(pieces):
        part = shuffled[piece::pieces]
        if part:
            bench.put(*part, late=True)  # type: ignore[arg-type]
            aggregate_late_readings(now=bench.now)
    in_pieces = [row[:-1] for row in bench.rows()]
    assert [row for row in in_pieces if row[-1] != 0] == [row for row in at_once if row[-1] != 0]


@quick
@given(st.lists(st.decimals(0, 16_000, places=3), min_size=1, max_size=20), st.data())
def test_energy_of_a_rising_register_is_the_same_over_any_split(values: list[Decimal], data: st.DataObject) -> None:
    """Leaving out readings in between changes nothing of the sum."""
    total, readings = Decimal(1000), []
    for index, value in enumerate(values):
        total += value
        readings.append((MIDNIGHT + timedelta(minutes=10 * index), total))
    kept = [one for one in readings[1:-1] if data.draw(st.booleans())]
    coarse = [readings[0], *kept, *readings[-1:]] if len(readings) > 1 else readings
    assert expected(coarse) == expected(readings) == readings[-1][1] - readings[0][1]


@quick
@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.sampled_from([Period.DAY, Period.WEEK, Period.MONTH])
)
def test_every_instant_lies_in_exactly_one_period(naive: datetime, period: Period) -> None:
    moment = naive.replace(tzinfo=UTC)
    start = period_start(moment, period, BERLIN)
    end = period_end(start, period, BERLIN)
    assert start <= moment < end
    assert period_start(end, period, BERLIN) == end
    assert period_start(end - timedelta(microseconds=1), period, BERLIN) == start


@pytest.mark.parametrize(
    ("zone", "minutes"),
    [("UTC", 0), ("Europe/Berlin", 0), ("Asia/Kolkata", 30), ("Asia/Kathmandu", 15), ("America/St_Johns", 30)],
)
def test_hours_are_shifted_so_that_midnight_begins_one(zone: str, minutes: int) -> None:
    from zoneinfo import ZoneInfo

    shift = hour_shift(ZoneInfo(zone), MIDNIGHT)
    assert shift == timedelta(minutes=minutes)
    midnight = period_start(MIDNIGHT, Period.DAY, ZoneInfo(zone))
    assert floor_hour(midnight, shift) == ceil_hour(midnight, shift) == midnight
