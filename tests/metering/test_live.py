"""Live statistics of the past 24 hours (API.md "Metering")."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargepoints.models import ChargePoint
from metering.ingest.message import MeterMessage
from metering.live import BUCKET_S, LiveStatistics, live_statistics, live_statistics_of
from metering.live.keys import BUILT, EPOCH, Epoch
from metering.readings import Kind
from tests.metering.conftest import NOW, message, reading
from tests.metering.line import Line

POWER = Kind("Power.Active.Import", "L1", "Outlet", "W")


@pytest.fixture(autouse=True)
def _usual_epoch(redis_clean: Any) -> None:
    """One that began long ago, its base complete."""
    epoch = Epoch.begin(NOW - timedelta(days=3), redis_clean.info("server")["run_id"])
    redis_clean.mset({EPOCH: epoch.text, BUILT: epoch.text})


async def note(*batches: list[MeterMessage]) -> None:
    """Each batch is a flush of its own."""
    for batch in batches:
        live = LiveStatistics()
        live.note(batch)
        await live.close()


async def test_statistics_hold_every_value_once(station: ChargePoint) -> None:
    times = [NOW - timedelta(seconds=seconds) for seconds in (30, 20, 10)]
    first = [
        message(station, reading(value, at, POWER)) for value, at in zip(("100", "-50", "250"), times, strict=True)
    ]
    await note(first, [message(station, reading("40", NOW, POWER))])
    (row,) = await asyncio.to_thread(live_statistics, station.pk)
    assert row == {
        "connectorId": 1, "measurand": "Power.Active.Import", "phase": "L1", "location": "Outlet", "unit": "W",
        "min": -50.0, "max": 250.0, "sum": 340.0, "count": 4, "avg": 85.0, "lastValue": 40.0, "lastTime": NOW,
    }  # fmt: skip


async def test_a_late_reading_counts_but_is_not_the_last(station: ChargePoint) -> None:
    await note([message(station, reading("5"))], [message(station, reading("9", NOW - timedelta(hours=5)))])
    (row,) = await asyncio.to_thread(live_statistics, station.pk)
    assert (row["lastValue"], row["lastTime"], row["max"], row["count"]) == (5.0, NOW, 9.0, 2)


async def test_connectors_phases_and_places_are_apart(station: ChargePoint) -> None:
    inlet = POWER._replace(location="Inlet")
    await note(
        [
            message(station, reading("1", kind=POWER), reading("2", kind=inlet)),
            message(station, reading("3", kind=POWER), evse_number=2),
        ]
    )
    rows = await asyncio.to_thread(live_statistics, station.pk)
    assert [(row["connectorId"], row["location"], row["sum"]) for row in rows] == [
        (1, "Inlet", 2.0), (1, "Outlet", 1.0), (2, "Outlet", 3.0)
    ]  # fmt: skip


async def test_extremes_older_than_a_day_fall_out_while_the_station_goes_on(
    station: ChargePoint, redis_clean: Any
) -> None:
    await note([message(station, reading("99999", NOW - timedelta(hours=25))), message(station, reading("1"))])
    (row,) = await asyncio.to_thread(live_statistics, station.pk)
    assert row["max"] == 1.0
    (key,) = redis_clean.keys("{csms:live}:*:*")
    expires = (int(datetime.now(UTC).timestamp()) // BUCKET_S + 1) * BUCKET_S + 24 * 3600
    assert abs(redis_clean.ttl(key) - (expires - datetime.now(UTC).timestamp())) < BUCKET_S + 5


async def test_many_charge_points_are_read_at_once(station: ChargePoint) -> None:
    await note([message(station, reading("1"))])
    found = await asyncio.to_thread(live_statistics_of, [station.pk, station.pk + 1])
    assert len(found[station.pk]) == 1
    assert found[station.pk + 1] == []


async def test_a_flush_is_one_round_trip_for_a_whole_fleet(
    station: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveStatistics()
    messages = []
    for number in range(300):
        one = message(station, reading("1"), reading("2", kind=POWER))
        one.charge_point_id = 10_000 + number
        messages.append(one)
    live.note(messages)
    assert live._gathered
    await live.close()
    found = await asyncio.to_thread(live_statistics_of, range(10_000, 10_300))
    assert all(len(rows) == 2 for rows in found.values())


async def test_units_of_one_measurand_are_not_mixed(station: ChargePoint) -> None:
    other = POWER._replace(unit="hp")
    await note([message(station, reading("1000", kind=POWER), reading("7", kind=other))])
    rows = await asyncio.to_thread(live_statistics, station.pk)
    assert [(row["unit"], row["sum"]) for row in rows] == [("W", 1000.0), ("hp", 7.0)]


async def test_redis_away_costs_no_memory_and_asks_for_a_rebuild_when_it_is_back(
    redis_line: Line, station: ChargePoint, redis_clean: Any
) -> None:
    """Whether the merge that failed was made is unknown: the epoch that it belonged to ends."""
    before = redis_clean.get(EPOCH)
    redis_line.refuse()
    live = LiveStatistics()
    live.note([message(station, reading("1"))])
    await live._flush()
    for number in range(10):
        live.note([message(station, reading(str(number), NOW - timedelta(minutes=number)))])
    assert live._gathered == {}
    await live._flush()
    redis_line.mend()
    await live._flush()
    epoch = Epoch.read(redis_clean.get(EPOCH).decode())
    assert epoch.text != before.decode()
    assert redis_clean.get(BUILT) == before
    live.note([message(station, reading("2"), received_at=epoch.since)])
    await live.close()
    (row,) = await asyncio.to_thread(live_statistics, station.pk)
    assert row["count"] == 1


async def test_a_flush_under_way_is_finished_when_the_process_ends(
    station: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.live.gather.INTERVAL_S", 0.01)
    live = LiveStatistics()
    under_way = asyncio.Event()
    merge_part = live._merge_part

    async def merge_slowly(part: Any) -> Any:
        under_way.set()
        await asyncio.sleep(0)
        return await merge_part(part)

    monkeypatch.setattr(live, "_merge_part", merge_slowly)
    live.note([message(station, reading("1"))])
    await under_way.wait()
    await live.close()
    (row,) = await asyncio.to_thread(live_statistics, station.pk)
    assert row["count"] == 1
