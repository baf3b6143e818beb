"""MeterValues, and the readings in starts and stops, from CALL to committed rows (OCPP.md "Core")."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from chargepoints.context import LookUpFailed, StationContext
from chargepoints.gateway.threads import DatabaseThreads
from chargepoints.models import ChargePoint
from chargepoints.protocol.dispatcher import answer
from chargepoints.protocol.framing import Call
from chargepoints.protocol.timestamps import format_timestamp
from chargepoints.selectors import find_transaction_id
from chargepoints.services.transactions import Start, start_transaction
from metering.ingest.drain import drain_spill
from metering.ingest.process import close_ingest, get_ingest
from metering.ingest.writer import IngestUnavailable
from tests.conftest import eventually
from tests.metering.conftest import NOW, Fetch, make_charge_point
from tests.metering.line import Line

Send = Callable[[str, dict[str, Any]], Awaitable[list[Any]]]
SAMPLES = """
SELECT evse_number, measurand, value::text, context, transaction_id IS NOT NULL
FROM metering_sample JOIN metering_series ON series_id = id ORDER BY at, measurand, context
"""
REGISTER = "Energy.Active.Import.Register"


@pytest.fixture
def database_away() -> asyncio.Event:
    """Set: sessions can't be looked up."""
    return asyncio.Event()


@pytest.fixture
async def send(station: ChargePoint, database_away: asyncio.Event) -> AsyncIterator[Send]:
    """Sends a CALL as the station; the answer frame."""
    threads = DatabaseThreads(2, "test")

    async def look_up(protocol_id: str) -> tuple[int, int] | None:
        if database_away.is_set():
            raise LookUpFailed
        return await threads.run(find_transaction_id, station.tenant_id, station.pk, protocol_id)

    context = StationContext(
        tenant_id=station.tenant_id,
        tenant_slug="acme",
        charge_point_id=station.pk,
        identity=station.identity,
        version="1.6",
        lenient=True,
        accepted=True,
        connection_id=uuid.uuid4(),
        look_up_transaction=look_up,
        received_at=NOW,
    )

    async def send(action: str, payload: dict[str, Any]) -> list[Any]:
        outcome = await answer(Call(str(uuid.uuid4()), action, payload), context, threads.run)
        return list(orjson.loads(outcome.text))

    yield send
    await close_ingest()
    threads.close()


def at(minutes: int) -> str:
    return format_timestamp(NOW + timedelta(minutes=minutes))


async def start(send: Send, meter: int = 1000) -> int:
    answered = await send(
        "StartTransaction", {"connectorId": 1, "idTag": "TAG", "meterStart": meter, "timestamp": at(-30)}
    )
    return int(answered[2]["transactionId"])


def values(minutes: int, *samples: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": at(minutes), "sampledValue": list(samples)}], **fields}


async def test_a_session_leaves_all_its_readings(send: Send, fetch: Fetch) -> None:
    transaction_id = await start(send)
    power = {"value": "7.4", "unit": "kW", "measurand": "Power.Active.Import"}
    message = values(-20, {"value": "1500"}, power, {"value": "NaN"}, transactionId=transaction_id)
    for _ in range(2):
        assert (await send("MeterValues", message))[2] == {}
    stop = {"transactionId": transaction_id, "meterStop": 2500, "timestamp": at(-5), "idTag": "TAG"}
    for _ in range(2):
        assert (await send("StopTransaction", stop))[0] == 3
    assert await fetch(SAMPLES) == [
        (1, REGISTER, "1000", 2, True),
        (1, REGISTER, "1500", 0, True),
        (1, "Power.Active.Import", "7400.0", 0, True),
        (1, REGISTER, "2500", 3, True),
    ]


async def test_transaction_data_becomes_readings_and_its_end_register_is_not_doubled(send: Send, fetch: Fetch) -> None:
    transaction_id = await start(send)
    data = [
        {"timestamp": at(-30), "sampledValue": [{"value": "1000", "context": "Transaction.Begin"}]},
        {"timestamp": at(-5), "sampledValue": [{"value": "2.5", "unit": "kWh", "context": "Transaction.End"}]},
    ]
    await send(
        "StopTransaction",
        {"transactionId": transaction_id, "meterStop": 2500, "timestamp": at(-5), "transactionData": data},
    )
    rows = await fetch(SAMPLES)
    assert [(value, context) for _, _, value, context, _ in rows] == [("1000", 2), ("2500.0", 3)]


@pytest.mark.parametrize("transaction_id", [None, 0, -1, 99_999])
async def test_readings_without_a_session_of_this_station_are_kept_unattached(
    send: Send, fetch: Fetch, transaction_id: int | None
) -> None:
    fields = {} if transaction_id is None else {"transactionId": transaction_id}
    assert (await send("MeterValues", values(-1, {"value": "5"}, **fields)))[2] == {}
    assert await fetch(SAMPLES) == [(1, REGISTER, "5", 0, False)]


async def test_a_late_replay_of_an_ended_session_is_attached(send: Send, fetch: Fetch) -> None:
    transaction_id = await start(send)
    await send("StopTransaction", {"transactionId": transaction_id, "meterStop": 2500, "timestamp": at(-5)})
    await send("MeterValues", values(-15, {"value": "1700"}, transactionId=transaction_id))
    assert (1, REGISTER, "1700", 0, True) in await fetch(SAMPLES)


async def test_a_stop_of_an_unknown_session_loses_no_reading(send: Send, fetch: Fetch) -> None:
    data = [{"timestamp": at(-9), "sampledValue": [{"value": "1"}, {"value": "SIG", "format": "SignedData"}]}]
    stop = {"transactionId": 4711, "meterStop": 5, "timestamp": at(-5), "transactionData": data}
    for _ in range(2):
        assert (await send("StopTransaction", stop))[0] == 3
    assert await fetch(SAMPLES) == []
    assert await fetch("SELECT reason FROM metering_quarantinedreading") == [("unmatched_stop",)]
    assert await fetch("SELECT content FROM metering_signedreading") == [("SIG",)]


async def test_a_message_of_nothing_but_nonsense_is_answered(send: Send, fetch: Fetch) -> None:
    assert (await send("MeterValues", values(-1, {"value": ""}, {"value": "text"})))[2] == {}
    assert await fetch(SAMPLES) == []


async def test_connector_zero_is_the_stations_main_meter(send: Send, fetch: Fetch) -> None:
    await send("MeterValues", values(-1, {"value": "5"}) | {"connectorId": 0})
    assert await fetch(SAMPLES) == [(0, REGISTER, "5", 0, False)]


async def test_readings_that_nothing_takes_are_answered_with_an_error(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any) -> None:
        raise IngestUnavailable

    monkeypatch.setattr(get_ingest().writer, "write", refuse)
    answered = await send("MeterValues", values(-1, {"value": "5"}))
    assert (answered[0], answered[2]) == (4, "InternalError")


async def test_a_stop_is_answered_though_its_readings_are_refused_for_good(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction_id = await start(send)

    async def refuse(*_: Any) -> None:
        raise ValueError("not these")

    monkeypatch.setattr(get_ingest().writer, "write", refuse)
    stop = {"transactionId": transaction_id, "meterStop": 2500, "timestamp": at(-5)}
    assert (await send("StopTransaction", stop))[0] == 3


async def start_elsewhere(send: Send, station: ChargePoint) -> tuple[int, int]:
    """A session that began over another socket: (the protocol's id, ours)."""
    session = await asyncio.to_thread(
        start_transaction,
        tenant_id=station.tenant_id,
        charge_point_id=station.pk,
        start=Start(1, "TAG", NOW - timedelta(minutes=30), Decimal(1000), NOW),
    )
    return int(session.transaction.protocol_id), session.transaction.pk


async def test_a_session_that_can_not_be_looked_up_is_attached_when_its_readings_are_drained(
    postgres_line: Line, station: ChargePoint, send: Send, fetch: Fetch, database_away: asyncio.Event
) -> None:
    """PostgreSQL is away, and the socket is new: it has not met the session that the message names."""
    protocol_id, session_id = await start_elsewhere(send, station)
    postgres_line.refuse()
    database_away.set()
    for minutes, named in ((-9, protocol_id), (-8, 99_999), (-7, 0)):
        assert (await send("MeterValues", values(minutes, {"value": "5"}, transactionId=named)))[0] == 3
    assert get_ingest().writer.is_spilling
    postgres_line.mend()
    assert await drain_spill() == 3
    assert await fetch("SELECT transaction_id FROM metering_sample ORDER BY at") == [(session_id,), (None,), (None,)]


async def test_nobody_asks_a_database_that_is_known_to_be_away(
    postgres_line: Line, station: ChargePoint, send: Send, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol_id, _ = await start_elsewhere(send, station)
    postgres_line.refuse()
    await send("MeterValues", values(-9, {"value": "5"}))

    def asked(*_: Any) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr("tests.metering.test_ocpp16.find_transaction_id", asked)
    assert (await send("MeterValues", values(-8, {"value": "5"}, transactionId=protocol_id)))[0] == 3


async def test_a_session_that_could_not_be_looked_up_is_attached_though_postgres_is_back_by_then(
    station: ChargePoint, send: Send, fetch: Fetch, database_away: asyncio.Event
) -> None:
    protocol_id, session_id = await start_elsewhere(send, station)
    database_away.set()
    await send("MeterValues", values(-9, {"value": "5"}, transactionId=protocol_id))
    assert await fetch("SELECT transaction_id FROM metering_sample") == [(session_id,)]


async def test_another_stations_session_is_not_attached_when_looked_up_late(
    station: ChargePoint, send: Send, fetch: Fetch, database_away: asyncio.Event
) -> None:
    other = await asyncio.to_thread(make_charge_point, station.tenant, "CP-2")
    protocol_id, _ = await start_elsewhere(send, other)
    database_away.set()
    await send("MeterValues", values(-9, {"value": "5"}, transactionId=protocol_id))
    assert await fetch("SELECT transaction_id FROM metering_sample") == [(None,)]


async def test_a_stop_whose_session_can_not_be_looked_up_is_sent_again(
    send: Send, fetch: Fetch, database_away: asyncio.Event
) -> None:
    """The database goes away right after the stop, of a session that this socket has not met, was stored."""
    data = [{"timestamp": at(-9), "sampledValue": [{"value": "1"}]}]
    stop = {"transactionId": 4711, "meterStop": 2500, "timestamp": at(-5), "transactionData": data}
    database_away.set()
    assert (await send("StopTransaction", stop))[0] == 4
    database_away.clear()
    assert (await send("StopTransaction", stop))[0] == 3
    assert await fetch("SELECT reason FROM metering_quarantinedreading") == [("unmatched_stop",)]


async def test_the_same_message_over_two_sockets_at_once_is_stored_once(send: Send, fetch: Fetch) -> None:
    transaction_id = await start(send)
    message = values(-20, {"value": "1500"}, transactionId=transaction_id)
    await asyncio.gather(*(send("MeterValues", message) for _ in range(10)))
    assert len(await fetch(SAMPLES)) == 2


async def test_the_session_shows_its_progress(send: Send, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    transaction_id = await start(send)
    power = {"value": "7.4", "unit": "kW", "measurand": "Power.Active.Import"}
    await send("MeterValues", values(-20, {"value": "1500"}, power, transactionId=transaction_id))

    async def progress() -> Any:
        ((register, watts, read_at),) = await fetch(
            "SELECT last_register_wh::text, last_power_w::text, last_reading_at FROM chargepoints_transaction"
        )
        return register == "1500.000" and watts == "7400.000" and read_at == NOW - timedelta(minutes=20)

    await eventually(progress)
