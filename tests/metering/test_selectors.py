"""What lists, sessions and the overview read of readings."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from chargepoints.models import ChargePoint, Transaction
from chargepoints.services.closing_sessions import close_by_hand
from chargepoints.services.transactions import Start, Stop, start_transaction, stop_transaction
from metering.ingest.message import MeterMessage
from metering.ingest.writer import SampleWriter
from metering.progress import SessionProgress
from metering.readings import POWER, Kind, Reading
from metering.selectors import energy_since_wh, last_register, power_now_w, samples
from tenants.context import tenant_transaction
from tests.metering.conftest import NOW, REGISTER, message, reading

MIDNIGHT = NOW - timedelta(hours=10)
WATTS = Kind(POWER, "", "Outlet", "W")


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def begin(station: ChargePoint, *, evse_number: int = 1, ago: float, meter: int = 1000) -> Transaction:
    """A session that began so many hours ago."""
    return start_transaction(
        tenant_id=station.tenant_id,
        charge_point_id=station.pk,
        start=Start(evse_number, "TAG", NOW - hours(ago), Decimal(meter), NOW),
    ).transaction


def end(session: Transaction, *, ago: float, meter: int) -> None:
    stop_transaction(
        tenant_id=session.tenant_id,
        charge_point_id=session.charge_point_id,
        stop=Stop(session.protocol_id, NOW - hours(ago), Decimal(meter), NOW),
    )


def write(*messages: MeterMessage) -> None:
    """Store, and bring the sessions' rows up to date."""

    async def write_all() -> None:
        progress = SessionProgress()
        writer = SampleWriter(progress.note)
        await asyncio.gather(*(writer.write(one) for one in messages))
        await writer.close()
        await progress.close()

    asyncio.run(write_all())


def registers(session: Transaction, station: ChargePoint, *values: tuple[float, str], phase: str = "") -> MeterMessage:
    """Register readings: (hours ago, Wh)."""
    kind = REGISTER._replace(phase=phase)
    readings: list[Reading] = [reading(value, NOW - hours(ago), kind) for ago, value in values]
    return message(station, *readings, transaction_id=session.pk, evse_number=session.evse.number)


def last(session: Transaction) -> tuple[Decimal, float] | None:
    """Wh, and hours ago."""
    with tenant_transaction(session.tenant_id):
        found = last_register(session.pk)
    return None if found is None else (found[0], (NOW - found[1]) / hours(1))


def test_the_last_register_of_a_rising_streak(station: ChargePoint) -> None:
    session = begin(station, ago=5)
    assert last(session) is None
    write(registers(session, station, (4, "1200"), (3, "1800.125"), (2, "1800.125")))
    assert last(session) == (Decimal("1800.125"), 2)


def test_a_register_that_falls_was_reset(station: ChargePoint) -> None:
    session = begin(station, ago=5)
    write(registers(session, station, (4, "1200"), (3, "1800"), (2, "10"), (1, "5000")))
    assert last(session) == (Decimal(1800), 3)


def test_a_register_reset_at_once_tells_nothing(station: ChargePoint) -> None:
    session = begin(station, ago=5)
    write(registers(session, station, (4, "10"), (3, "500"), (2, "1200")))
    assert last(session) is None


def test_phases_are_summed_where_no_total_is_sent(station: ChargePoint) -> None:
    session = begin(station, ago=5)
    write(*(registers(session, station, (4, "400"), (3, "500"), phase=phase) for phase in ("L1", "L2", "L3")))
    assert last(session) == (Decimal(1500), 3)


def test_readings_of_other_sessions_do_not_count(station: ChargePoint) -> None:
    first = begin(station, ago=5)
    end(first, ago=4, meter=1500)
    second = begin(station, ago=3, meter=1500)
    write(registers(first, station, (4.5, "1400")), registers(second, station, (1, "2500")))
    assert last(first) == (Decimal(1400), 4.5)
    assert last(second) == (Decimal(2500), 1)


def test_closing_by_hand_takes_the_last_reading(station: ChargePoint) -> None:
    """OCPP.md "Core": the last reading of a rising streak, else the next session's start, else the start."""
    session = begin(station, ago=5)
    write(registers(session, station, (4, "1200"), (3, "1800"), (2, "3")))
    closed = close_by_hand(transaction=session, actor="alice", reason="hangs")
    assert closed.meter_stop_wh == Decimal(1800)


def test_energy_today_counts_only_what_was_delivered_since_midnight(station: ChargePoint) -> None:
    over_midnight = begin(station, evse_number=1, ago=12)
    write(registers(over_midnight, station, (11, "2000"), (10.5, "2500"), (9, "4000"), (1, "7000")))
    finished = begin(station, evse_number=2, ago=5, meter=100)
    end(finished, ago=4, meter=600)
    yesterday = begin(station, evse_number=3, ago=20)
    end(yesterday, ago=15, meter=90_000)
    running = begin(station, evse_number=4, ago=1)
    write(registers(running, station, (0.5, "1250")))
    swapped = begin(station, evse_number=5, ago=3, meter=50_000)
    end(swapped, ago=2, meter=10)
    with tenant_transaction(station.tenant_id):
        assert energy_since_wh(MIDNIGHT) == (7000 - 2500) + (600 - 100) + (1250 - 1000)


def test_a_session_over_midnight_that_has_ended_counts_from_midnight(station: ChargePoint) -> None:
    session = begin(station, ago=12)
    write(registers(session, station, (11, "2000")))
    end(session, ago=8, meter=5000)
    with tenant_transaction(station.tenant_id):
        assert energy_since_wh(MIDNIGHT) == 3000


def test_energy_today_is_two_queries_however_many_sessions_run(station: ChargePoint) -> None:
    for number in range(1, 6):
        session = begin(station, evse_number=number, ago=12)
        write(registers(session, station, (11, "2000"), (1, "7000")))
    with tenant_transaction(station.tenant_id), CaptureQueriesContext(connections["default"]) as queries:
        assert energy_since_wh(MIDNIGHT) == 5 * 5000
    assert len(queries) == 2


def test_power_now_is_that_of_running_sessions_that_still_report(station: ChargePoint) -> None:
    # Not NOW: these tests may run long after they were loaded.
    now = datetime.now(UTC)
    for number, (value, ago) in enumerate([("7000", 0.01), ("11000", 0.02), ("22000", 1.0)], start=1):
        session = begin(station, evse_number=number, ago=2)
        write(message(station, reading(value, now - hours(ago), WATTS), transaction_id=session.pk))
        if number == 2:
            end(session, ago=0, meter=2000)
    with tenant_transaction(station.tenant_id):
        assert power_now_w() == 7000


@pytest.mark.parametrize(
    ("wanted", "values"),
    [
        ({}, ["5", "7", "3", "1"]),
        ({"measurand": POWER}, ["7"]),
        ({"evse_number": 2}, ["5"]),
        ({"start": NOW - hours(2)}, ["5", "7", "3"]),
        ({"end": NOW - hours(1)}, ["3", "1"]),
        ({"phase": "L1"}, []),
        ({"transaction_id": 77}, ["7", "3", "1"]),
    ],
)
def test_samples_are_filtered_and_newest_first(
    station: ChargePoint, wanted: dict[str, object], values: list[str]
) -> None:
    write(
        message(
            station,
            reading("1", NOW - hours(3)),
            reading("3", NOW - hours(2)),
            reading("7", NOW - hours(1), WATTS),
            transaction_id=77,
        ),
        message(station, reading("5", NOW), evse_number=2),
    )
    with tenant_transaction(station.tenant_id):
        found = [f"{sample.value.normalize():f}" for sample in samples(station.pk, **wanted)]  # type: ignore[arg-type]
    assert found == values
