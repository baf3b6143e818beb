"""Spilled readings reach PostgreSQL once, whoever dies on the way."""

import asyncio
import os
import signal
import sys
import zlib
from datetime import timedelta
from typing import Any

import orjson
import pytest
import redis.asyncio
from django.conf import settings
from django.db import connections

from chargepoints.models import ChargePoint
from metering.ingest import drain
from metering.ingest.drain import DEAD_LETTERS, drain_spill
from metering.ingest.message import pack, unpack
from metering.ingest.spill import GROUP, STREAM, VALUES, SpillStream, remove_entries
from metering.readings import SignedValue
from metering.tasks import flush_spilled
from tests.metering.conftest import NOW, REGISTER, Fetch, message, reading

WORKER_ENVIRONMENT = os.environ | {"DJANGO_SETTINGS_MODULE": "csms.settings"}
COUNT = "SELECT count(*) FROM metering_sample"


async def spill(station: ChargePoint, numbers: Any) -> None:
    """One entry of two values for each number."""
    stream = SpillStream()
    for number in numbers:
        at = NOW - timedelta(minutes=number)
        await stream.add([message(station, reading(str(number), at), reading(str(number), at, context=1))])
    await stream.close()


async def test_everything_survives_the_way_through_the_stream(station: ChargePoint, fetch: Fetch) -> None:
    full = message(
        station,
        reading("7360.00", kind=REGISTER)._replace(raw_value="7.36", raw_unit="kWh"),
        transaction_id=5,
        evse_number=2,
        signed=[SignedValue(REGISTER, NOW, 3, "OCMF")],
        quarantined=[("clock", reading("1", NOW + timedelta(days=900)))],
    )
    stream = SpillStream()
    await stream.add([full])
    await stream.close()
    assert await drain_spill() == 3
    assert await fetch(
        "SELECT evse_number, value::text, raw_value, raw_unit, transaction_id, at, received_at "
        "FROM metering_sample JOIN metering_series ON series_id = id"
    ) == [(2, "7360.00", "7.36", "kWh", 5, NOW, NOW)]
    assert await fetch("SELECT content FROM metering_signedreading") == [("OCMF",)]
    assert await fetch("SELECT reason, transaction_id FROM metering_quarantinedreading") == [("clock", 5)]


async def test_entries_of_the_version_before_are_still_read(
    station: ChargePoint, fetch: Fetch, redis_clean: Any
) -> None:
    """They have no name of a session that is still to be found; what has none is written in that form."""
    row = [
        station.tenant_id,
        station.pk,
        1,
        5,
        NOW.isoformat(),
        [[list(REGISTER), NOW.isoformat(), 0, "7", None, None]],
    ]
    redis_clean.xadd(STREAM, {"batch": zlib.compress(orjson.dumps([[*row, [], []]])), "values": 1})
    assert pack(unpack(redis_clean.xrange(STREAM)[0][1][b"batch"])) == pack(
        [message(station, reading("7"), transaction_id=5)]
    )
    assert await drain_spill() == 1
    assert await fetch("SELECT value::text, transaction_id FROM metering_sample") == [("7", 5)]


async def test_an_entry_that_can_not_be_read_is_laid_aside_and_holds_nothing_up(
    station: ChargePoint, fetch: Fetch, redis_clean: Any
) -> None:
    for batch in (b"spoilt", zlib.compress(b"[[1]]"), zlib.compress(b"{")):
        redis_clean.xadd(STREAM, {"batch": batch, "values": 1})
    await spill(station, range(2))
    assert await drain_spill() == 4
    assert redis_clean.xlen(STREAM) == 0
    assert redis_clean.xrange(DEAD_LETTERS)[0][1][b"batch"] == b"spoilt"
    assert redis_clean.xlen(DEAD_LETTERS) == 3


async def test_an_empty_stream_is_nothing_to_do(station: ChargePoint) -> None:
    assert await drain_spill() == 0


async def test_several_workers_at_once_store_each_entry_once(
    station: ChargePoint, fetch: Fetch, redis_clean: Any
) -> None:
    await spill(station, range(200))
    drained = await asyncio.gather(*(drain_spill() for _ in range(4)))
    assert sum(drained) == 400
    assert await fetch(COUNT) == [(400,)]
    assert (redis_clean.xlen(STREAM), redis_clean.get(VALUES)) == (0, b"0")


async def test_the_first_spilled_of_two_that_differ_wins(station: ChargePoint, fetch: Fetch) -> None:
    stream = SpillStream()
    for value in ("1", "2"):
        await stream.add([message(station, reading(value))])
    await stream.close()
    await drain_spill()
    assert await fetch("SELECT value::text FROM metering_sample") == [("1",)]


async def test_an_entry_of_a_worker_that_died_before_its_commit_is_taken_over(
    station: ChargePoint, fetch: Fetch, redis_clean: Any
) -> None:
    await spill(station, range(3))
    redis_clean.xgroup_create(STREAM, GROUP, id="0")
    redis_clean.xreadgroup(GROUP, "dead", {STREAM: ">"}, count=2)
    assert await drain_spill() == 2
    assert await drain_spill(abandoned_ms=0) == 4
    assert await fetch(COUNT) == [(6,)]
    assert redis_clean.xlen(STREAM) == 0


async def test_a_worker_killed_between_commit_and_removal_leaves_what_is_absorbed(
    station: ChargePoint, fetch: Fetch, redis_clean: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    async def die(*_: Any) -> None:
        raise Killed

    await spill(station, range(3))
    with monkeypatch.context() as patch:
        patch.setattr(drain, "remove_entries", die)
        with pytest.raises(Killed):
            await drain_spill()
    assert redis_clean.xlen(STREAM) == 3
    assert await fetch(COUNT) == [(6,)]
    assert await drain_spill(abandoned_ms=0) == 6
    assert await fetch(COUNT) == [(6,)]
    assert (redis_clean.xlen(STREAM), redis_clean.get(VALUES)) == (0, b"0")


@pytest.mark.parametrize(("where", "committed"), [("before", 0), ("after", 40)])
async def test_a_worker_process_killed_around_its_commit_loses_nothing_and_doubles_nothing(
    station: ChargePoint, fetch: Fetch, redis_clean: Any, where: str, committed: int
) -> None:
    """SIGKILL, twice, to a process of its own; then another takes over what the dead ones had taken."""
    await spill(station, range(30))
    for _ in range(2):
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", "-m", "tests.metering.dying_worker", where, env=WORKER_ENVIRONMENT
        )
        assert await worker.wait() == -signal.SIGKILL
    assert redis_clean.xlen(STREAM) == 30
    # Twenty entries of two values share a transaction; the second worker had taken over the first one's.
    assert await fetch(COUNT) == [(committed,)]
    assert await drain_spill(abandoned_ms=0) == 60
    assert await fetch("SELECT count(*), count(DISTINCT (at, context)) FROM metering_sample") == [(60, 60)]
    assert (redis_clean.xlen(STREAM), redis_clean.get(VALUES)) == (0, b"0")


async def test_an_entry_that_two_workers_remove_is_counted_once(station: ChargePoint, redis_clean: Any) -> None:
    """One was taken for dead, and finished after all."""
    await spill(station, range(2))
    redis_clean.xgroup_create(STREAM, GROUP, id="0")
    (first, fields), _ = redis_clean.xrange(STREAM)
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
    for _ in range(2):
        await remove_entries(client, [(first, int(fields[b"values"]))])
    await client.aclose()
    assert redis_clean.get(VALUES) == b"2"


async def test_entries_added_while_draining_are_drained_too(station: ChargePoint, fetch: Fetch) -> None:
    await spill(station, range(50))
    await asyncio.gather(drain_spill(), spill(station, range(50, 60)))
    await drain_spill()
    assert await fetch(COUNT) == [(120,)]


async def test_readings_of_a_deleted_charge_point_are_laid_aside_and_the_others_stored(
    station: ChargePoint, fetch: Fetch, redis_clean: Any
) -> None:
    stream = SpillStream()
    gone = message(station, reading("9"))
    gone.charge_point_id += 1000
    await stream.add([message(station, reading("1")), gone])
    await stream.close()
    assert await drain_spill() == 1
    assert await fetch(COUNT) == [(1,)]
    assert redis_clean.xlen(DEAD_LETTERS) == 1
    assert redis_clean.xlen(STREAM) == 0


@pytest.mark.usefixtures("usual_sample_partitions")
async def test_an_entry_older_than_raw_samples_are_kept_is_not_lost(station: ChargePoint, fetch: Fetch) -> None:
    """PostgreSQL was away for longer than partitions reach back."""
    long_ago = NOW - timedelta(days=30)
    stream = SpillStream()
    await stream.add([message(station, reading("1", long_ago), received_at=long_ago)])
    await stream.close()
    assert await drain_spill() == 1
    assert await fetch("SELECT at FROM metering_sample") == [(long_ago,)]


def test_the_beat_task_waits_quietly_for_postgres(
    station: ChargePoint, redis_clean: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(spill(station, range(2)))
    with monkeypatch.context() as patch:
        patch.setitem(connections.settings["system"], "PORT", "1")
        assert flush_spilled() == 0
    assert redis_clean.xlen(STREAM) == 2
    monkeypatch.setattr(drain_spill, "__kwdefaults__", {"abandoned_ms": 0})
    assert flush_spilled() == 4
