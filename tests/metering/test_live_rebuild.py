"""Redis was lost: the live statistics of the past day come back from the samples, each reading once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargepoints.models import ChargePoint
from metering.ingest.connection import connect_system
from metering.ingest.drain import drain_spill
from metering.ingest.message import MeterMessage
from metering.ingest.spill import SpillStream
from metering.ingest.store import SampleStore
from metering.live import LiveStatistics, live_statistics, rebuild, rebuild_live_statistics
from metering.live.keys import AHEAD_S, BUILT, EPOCH, SETTLE_S, Epoch
from metering.readings import Kind
from metering.tasks import rebuild_lost_live_statistics
from tests.conftest import eventually
from tests.metering.conftest import NOW, make_charge_point, message, reading
from tests.metering.line import Line

POWER = Kind("Power.Active.Import", "", "Outlet", "W")
SECOND = timedelta(seconds=1)


class Clock:
    """What gather and rebuild take for now."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self, _zone: Any = None) -> datetime:
        return self.at

    def __getattr__(self, name: str) -> Any:
        return getattr(datetime, name)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in ("gather", "rebuild"):
        monkeypatch.setattr(f"metering.live.{module}.datetime", clock)
    return clock


class Gateway:
    """A process's way of readings, without the group commit between."""

    def __init__(self) -> None:
        self.store, self.live = SampleStore(), LiveStatistics()

    async def take(self, *messages: MeterMessage) -> None:
        await self.store.insert(list(messages))
        self.live.note(list(messages))

    async def close(self) -> None:
        await self.live.close()
        await self.store.close()


@pytest.fixture
async def gateways(station: ChargePoint) -> Any:
    both = [Gateway(), Gateway()]
    yield both
    for gateway in both:
        await gateway.close()


def power(station: ChargePoint, value: int, received_at: datetime, age: timedelta = timedelta(0)) -> MeterMessage:
    """`age`: of the reading, when it was received."""
    return message(station, reading(str(value), received_at - age, POWER), received_at=received_at)


async def rows(station: ChargePoint) -> list[dict[str, Any]]:
    return await asyncio.to_thread(live_statistics, station.pk)


async def sweep() -> int:
    return await asyncio.to_thread(rebuild_live_statistics)


def epoch(client: Any) -> Epoch:
    return Epoch.read(client.get(EPOCH).decode())


async def test_an_empty_redis_is_filled_from_the_samples_within_a_minute(
    station: ChargePoint, clock: Clock, gateways: list[Gateway]
) -> None:
    for minutes, value in ((23 * 60, 900), (60, 100), (30, 50), (1, 200)):
        await gateways[0].store.insert([power(station, value, NOW - timedelta(minutes=minutes))])
    too_old = power(station, 99_999, NOW - timedelta(hours=25))
    await gateways[0].store.insert([too_old])
    runs = 0
    while not await sweep():
        clock.at += 10 * SECOND
        runs += 1
    assert clock.at - NOW <= timedelta(minutes=1)
    (row,) = await rows(station)
    assert row == {
        "connectorId": 1, "measurand": "Power.Active.Import", "phase": "", "location": "Outlet", "unit": "W",
        "min": 50.0, "max": 900.0, "sum": 1250.0, "count": 4, "avg": 312.5,
        "lastValue": 200.0, "lastTime": NOW - timedelta(minutes=1),
    }  # fmt: skip
    assert await sweep() == 0


async def test_readings_of_all_sides_of_the_loss_count_once(
    station: ChargePoint, clock: Clock, gateways: list[Gateway], redis_clean: Any
) -> None:
    """Two gateways go on all the time; Redis is flushed in the middle, with readings merged, gathered and stored."""
    expected = 0
    flushed, second = False, 0
    while second < 90:
        clock.at = NOW + second * SECOND
        for number, gateway in enumerate(gateways):
            await gateway.take(power(station, 1, clock.at + number * SECOND / 2))
            expected += 1
        # They don't flush at the same instants.
        for number, gateway in enumerate(gateways):
            if second % 2 == number:
                await gateway.live._flush()
        if second == 15:
            redis_clean.flushdb()
            flushed = True
        if second % 10 == 3:
            await sweep()
        second += 1
    for gateway in gateways:
        await gateway.live._flush()
    assert flushed
    assert redis_clean.get(BUILT) == redis_clean.get(EPOCH)
    (row,) = await rows(station)
    assert (row["count"], row["sum"]) == (expected, float(expected))


async def test_what_a_gateway_gathered_before_the_loss_is_not_merged_on_top_of_the_base(
    station: ChargePoint, clock: Clock, gateways: list[Gateway], redis_clean: Any
) -> None:
    one, _ = gateways
    await one.take(power(station, 1, NOW))
    await one.live._flush()
    began = epoch(redis_clean)
    clock.at = began.since + (SETTLE_S + 1) * SECOND
    assert await sweep() == 1
    await one.take(power(station, 2, clock.at))
    redis_clean.flushdb()
    await one.live._flush()
    clock.at = epoch(redis_clean).since + (SETTLE_S + 1) * SECOND
    assert await sweep() == 1
    (row,) = await rows(station)
    assert (row["count"], row["sum"]) == (2, 3.0)


async def test_a_gateway_that_learns_late_of_an_epoch_begins_another(
    station: ChargePoint, clock: Clock, gateways: list[Gateway], redis_clean: Any
) -> None:
    """What it gathered lies on both sides of T, and can't be told apart."""
    late, other = gateways
    await late.take(power(station, 1, NOW))
    await late.live._flush()
    began = epoch(redis_clean).since
    clock.at = began + SECOND
    await late.take(power(station, 2, clock.at))
    redis_clean.delete(EPOCH)
    await other.take(power(station, 4, clock.at + SECOND / 2))
    await other.live._flush()
    meanwhile = epoch(redis_clean)
    clock.at = meanwhile.since + SECOND
    await late.take(power(station, 8, clock.at))
    await late.live._flush()
    last = epoch(redis_clean)
    assert last.text != meanwhile.text
    assert last.since == clock.at + AHEAD_S * SECOND
    clock.at = last.since + (SETTLE_S + 1) * SECOND
    await sweep()
    (row,) = await rows(station)
    assert (row["count"], row["sum"]) == (4, 15.0)


async def test_a_new_process_takes_the_epoch_that_is_there(
    station: ChargePoint, clock: Clock, gateways: list[Gateway], redis_clean: Any
) -> None:
    await sweep()
    began = epoch(redis_clean)
    clock.at = began.since + (SETTLE_S + 1) * SECOND
    await sweep()
    await gateways[0].take(power(station, 5, clock.at))
    await gateways[0].live._flush()
    assert epoch(redis_clean) == began
    (row,) = await rows(station)
    assert row["count"] == 1


async def test_a_merge_whose_answer_was_lost_does_not_count_twice(
    redis_line: Line, station: ChargePoint, clock: Clock, gateways: list[Gateway], redis_clean: Any
) -> None:
    await sweep()
    clock.at = epoch(redis_clean).since + SECOND
    gateway = Gateway()
    await gateway.take(power(station, 1, clock.at))
    await gateway.live._flush()
    pool = gateway.live._redis.connection_pool
    await pool.disconnect()
    pool.connection_kwargs["socket_timeout"] = 0.3
    # Those that were made before keep their own patience.
    pool.reset()
    await gateway.take(power(station, 2, clock.at + SECOND))
    redis_line.swallow_answers()
    await gateway.live._flush()
    redis_line.mend()
    await gateway.take(power(station, 4, clock.at + 2 * SECOND))
    clock.at += 3 * SECOND
    await gateway.live._flush()
    clock.at = epoch(redis_clean).since + (SETTLE_S + 1) * SECOND
    await gateway.take(power(station, 8, clock.at))
    await gateway.close()
    assert await sweep() == 1
    (row,) = await rows(station)
    assert (row["count"], row["sum"]) == (4, 15.0)


async def test_readings_that_were_spilled_before_t_are_waited_for(
    station: ChargePoint, clock: Clock, gateways: list[Gateway], redis_clean: Any
) -> None:
    # Redis stamps what is spilled with the real time.
    clock.at = datetime.now(UTC)
    await gateways[0].store.insert([power(station, 1, clock.at)])
    await sweep()
    spilled = power(station, 2, clock.at + SECOND)
    stream = SpillStream()
    await stream.add([spilled])
    await stream.close()
    clock.at = epoch(redis_clean).since + timedelta(minutes=5)
    assert await sweep() == 0
    await drain_spill()
    assert await sweep() == 1
    (row,) = await rows(station)
    assert (row["count"], row["sum"]) == (2, 3.0)


async def test_spilled_after_t_is_the_gateways_and_not_the_bases_though_drained_before_the_rebuild(
    station: ChargePoint, clock: Clock, gateways: list[Gateway], redis_clean: Any
) -> None:
    await sweep()
    clock.at = epoch(redis_clean).since + SECOND
    spilled = power(station, 2, clock.at)
    stream = SpillStream()
    await stream.add([spilled])
    await stream.close()
    gateways[0].live.note([spilled])
    await gateways[0].live._flush()
    await drain_spill()
    clock.at += (SETTLE_S + 1) * SECOND
    await sweep()
    (row,) = await rows(station)
    assert (row["count"], row["sum"]) == (1, 2.0)


async def test_a_redis_that_restarted_with_older_data_is_rebuilt_too(
    station: ChargePoint, clock: Clock, gateways: list[Gateway], redis_clean: Any
) -> None:
    """Its log ends a second before its death: what was merged since is gone, and nothing shows it but its run id."""
    earlier = Epoch.begin(NOW - timedelta(days=2), "another-run")
    redis_clean.mset({EPOCH: earlier.text, BUILT: earlier.text})
    await gateways[0].take(power(station, 1, NOW), power(station, 2, NOW - 60 * SECOND))
    await gateways[0].live._flush()
    await sweep()
    assert epoch(redis_clean).run_id == redis_clean.info("server")["run_id"]
    clock.at = epoch(redis_clean).since + (SETTLE_S + 1) * SECOND
    assert await sweep() == 1
    (row,) = await rows(station)
    assert (row["count"], row["sum"]) == (2, 3.0)


async def test_a_rebuild_that_died_half_way_is_done_again_and_doubles_nothing(
    station: ChargePoint, clock: Clock, gateways: list[Gateway], redis_clean: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [station, *[await asyncio.to_thread(make_charge_point, station.tenant, f"CP-{n}") for n in range(2, 6)]]
    for one in others:
        await gateways[0].store.insert([power(one, 3, NOW), power(one, 5, NOW - timedelta(hours=6))])
    await sweep()
    clock.at = epoch(redis_clean).since + (SETTLE_S + 1) * SECOND
    await gateways[1].take(power(station, 7, clock.at))
    await gateways[1].live._flush()
    monkeypatch.setattr(rebuild, "SLICE", 2)
    series = rebuild._series
    calls = 0

    def die_in_the_middle(*arguments: Any) -> Any:
        nonlocal calls
        for slice_of in series(*arguments):
            calls += 1
            if calls == 3:
                raise ConnectionResetError("died")
            yield slice_of

    with monkeypatch.context() as patch:
        patch.setattr(rebuild, "_series", die_in_the_middle)
        assert await asyncio.to_thread(rebuild_lost_live_statistics) == 0
    assert redis_clean.get(BUILT) is None
    assert await sweep() == 10
    for one in others:
        (row,) = await rows(one)
        assert (row["count"], row["sum"]) == ((3, 15.0) if one == station else (2, 8.0))


async def test_a_rebuild_that_a_newer_epoch_overtakes_writes_nothing_more(
    station: ChargePoint, clock: Clock, gateways: list[Gateway], redis_clean: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gateways[0].store.insert([power(station, 3, NOW)])
    await sweep()
    clock.at = epoch(redis_clean).since + (SETTLE_S + 1) * SECOND
    series = rebuild._series

    def flushed_meanwhile(*arguments: Any) -> Any:
        for slice_of in series(*arguments):
            redis_clean.flushdb()
            yield slice_of

    with monkeypatch.context() as patch:
        patch.setattr(rebuild, "_series", flushed_meanwhile)
        assert await sweep() == 0
    assert redis_clean.keys() == []


async def test_one_worker_rebuilds_at_a_time(
    station: ChargePoint, clock: Clock, gateways: list[Gateway], redis_clean: Any
) -> None:
    await gateways[0].store.insert([power(station, 3, NOW)])
    await sweep()
    clock.at = epoch(redis_clean).since + (SETTLE_S + 1) * SECOND
    other = await connect_system()
    await other.execute("SELECT pg_advisory_lock(hashtext(%s))", [rebuild.LOCK])
    assert await sweep() == 0
    await other.close()
    await eventually(sweep)


async def test_the_task_waits_quietly_for_redis(redis_line: Line, station: ChargePoint) -> None:
    redis_line.refuse()
    assert await asyncio.to_thread(rebuild_lost_live_statistics) == 0


async def test_connectors_series_and_contexts_are_told_apart(
    station: ChargePoint, clock: Clock, gateways: list[Gateway], redis_clean: Any
) -> None:
    """Rebuilt and merged come to the same."""
    moments = [NOW - timedelta(hours=hours) for hours in (20, 9, 0)]
    messages = [
        message(station, reading(f"{7.5 * evse}", at, POWER), reading("3", at, Kind("SoC", "", "EV", "Percent")),
                evse_number=evse, received_at=NOW - 10 * SECOND)
        for at in moments for evse in (1, 2)
    ]  # fmt: skip
    old = Epoch.begin(NOW - timedelta(days=2), redis_clean.info("server")["run_id"])
    redis_clean.mset({EPOCH: old.text, BUILT: old.text})
    await gateways[0].take(*messages)
    await gateways[0].live._flush()
    merged = await rows(station)
    assert len(merged) == 4
    redis_clean.flushdb()
    await sweep()
    clock.at = epoch(redis_clean).since + (SETTLE_S + 1) * SECOND
    # 20 hours old: still within the window by then.
    assert await sweep() == 12
    assert await rows(station) == merged


def test_times_are_of_one_zone() -> None:
    assert Epoch.begin(NOW, "").since.tzinfo == UTC
