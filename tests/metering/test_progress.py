"""Sessions' rows show how far they are, and only ever move forward."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chargepoints.models import ChargePoint, Transaction
from chargepoints.services.transactions import Start, start_transaction
from metering.ingest.connection import AWAY
from metering.ingest.message import MeterMessage
from metering.progress import SessionProgress
from metering.readings import ENERGY, POWER, Kind, total_of_phases
from tests.metering.conftest import NOW, Fetch, message, reading
from tests.metering.line import Line

WATTS = Kind(POWER, "", "Outlet", "W")
ROWS = "SELECT last_register_wh::text, last_power_w::text, last_reading_at FROM chargepoints_transaction ORDER BY id"


def begin(station: ChargePoint, evse_number: int = 1) -> Transaction:
    """A session that began an hour ago at 1000 Wh."""
    return start_transaction(
        tenant_id=station.tenant_id,
        charge_point_id=station.pk,
        start=Start(evse_number, "TAG", NOW - timedelta(hours=1), Decimal(1000), NOW),
    ).transaction


@pytest.fixture
def session(station: ChargePoint) -> Transaction:
    return begin(station)


async def note(*batches: list[MeterMessage]) -> None:
    for batch in batches:
        progress = SessionProgress()
        progress.note(batch)
        await progress.close()


async def test_register_and_power_of_different_messages_are_kept(
    station: ChargePoint, session: Transaction, fetch: Fetch
) -> None:
    earlier = NOW - timedelta(seconds=10)
    first = message(station, reading("1500", earlier), transaction_id=session.pk)
    await note([first, message(station, reading("7400", NOW, WATTS), transaction_id=session.pk)])
    assert await fetch(ROWS) == [("1500.000", "7400.000", NOW)]


async def test_a_late_replay_does_not_turn_it_back(station: ChargePoint, session: Transaction, fetch: Fetch) -> None:
    late = message(station, reading("1200", NOW - timedelta(minutes=5)), transaction_id=session.pk)
    await note([message(station, reading("1500"), transaction_id=session.pk)], [late])
    assert await fetch(ROWS) == [("1500.000", None, NOW)]


async def test_phases_without_a_total_are_summed(station: ChargePoint, session: Transaction, fetch: Fetch) -> None:
    phases = [reading("1000.5", NOW, WATTS._replace(phase=phase)) for phase in ("L1", "L2", "L3")]
    await note([message(station, *phases, transaction_id=session.pk)])
    assert await fetch(ROWS) == [(None, "3001.500", NOW)]


async def test_a_broken_meter_does_not_stop_the_others(
    station: ChargePoint, session: Transaction, fetch: Fetch
) -> None:
    """Its register is larger than the column; the update of all sessions is one statement."""
    broken = message(station, reading("9999999999999.9996"), transaction_id=session.pk)
    await note([broken, message(station, reading("5", NOW, WATTS), transaction_id=session.pk)])
    assert await fetch(ROWS) == [(None, "5.000", NOW)]


async def test_readings_at_the_inlet_or_of_no_session_are_not_the_sessions(
    station: ChargePoint, session: Transaction, fetch: Fetch
) -> None:
    inlet = reading("9000", NOW, Kind(ENERGY, "", "Inlet", "Wh"))
    await note([message(station, inlet, transaction_id=session.pk), message(station, reading("2000"))])
    assert await fetch(ROWS) == [(None, None, None)]


async def test_it_catches_up_when_postgres_is_back(
    postgres_line: Line, station: ChargePoint, session: Transaction, fetch: Fetch
) -> None:
    progress = SessionProgress()
    postgres_line.refuse()
    progress.note([message(station, reading("1400"), reading("7", NOW, WATTS), transaction_id=session.pk)])
    with pytest.raises(AWAY):
        await progress._flush()
    later = NOW + timedelta(seconds=5)
    progress.note([message(station, reading("1500", later), transaction_id=session.pk)])
    postgres_line.mend()
    await progress.close()
    assert await fetch(ROWS) == [("1500.000", "7.000", later)]


async def test_many_sessions_are_one_statement(station: ChargePoint, session: Transaction, fetch: Fetch) -> None:
    others = [await asyncio.to_thread(begin, station, number) for number in (2, 3)]
    messages = [message(station, reading("1500"), transaction_id=one.pk) for one in (session, *others)]
    await note(messages)
    ((count, statements),) = await fetch(
        "SELECT count(*), count(DISTINCT xmin::text) FROM chargepoints_transaction WHERE last_register_wh = 1500"
    )
    assert (count, statements) == (3, 1)


@pytest.mark.parametrize(
    ("phases", "total"),
    [
        ({"": "5", "L1": "1"}, "5"),
        ({"L1": "1", "L2": "2", "L3": "3"}, "6"),
        ({"L1-N": "1", "L2-N": "2"}, "3"),
        ({"N": "1"}, None),
        ({}, None),
    ],
)
def test_the_total_is_the_one_sent_else_the_sum_of_the_phases(phases: dict[str, str], total: Any) -> None:
    summed = total_of_phases({phase: Decimal(value) for phase, value in phases.items()})
    assert summed == (None if total is None else Decimal(total))
