"""Sessions that hang are closed as inferred, and only those."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Transaction
from chargepoints.services.closing_sessions import close_silent
from chargepoints.services.transactions import Start, Stop, start_transaction, stop_transaction
from metering.models import MeteringSettings
from metering.sessions.closing import close_silent_sessions
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, OutboxEvent
from tests.api.conftest import bring_online

NOW = timezone.now().replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture
def session(station: ChargePoint) -> Transaction:
    """Began 30 hours ago; its last reading, of 4500 Wh, came 25 hours ago."""
    begun = start_transaction(
        tenant_id=station.tenant_id,
        charge_point_id=station.pk,
        start=Start(1, "TAG", NOW - 30 * HOUR, Decimal(1000), NOW - 30 * HOUR),
    ).transaction
    change(begun, last_reading_at=NOW - 25 * HOUR, last_register_wh=Decimal(4500))
    return begun


def change(session: Transaction, **fields: Any) -> None:
    with tenant_transaction(session.tenant_id):
        Transaction.objects.filter(pk=session.pk).update(**fields)


def seen(station: ChargePoint, ago: timedelta) -> None:
    with tenant_transaction(station.tenant_id):
        ChargePoint.objects.update(last_seen_at=NOW - ago)


def connected(station: ChargePoint, ago: timedelta) -> None:
    bring_online(station, connected_at=NOW - ago)


def state(session: Transaction) -> str:
    with tenant_transaction(session.tenant_id):
        return Transaction.objects.get(pk=session.pk).state


def test_a_silent_session_ends_with_what_is_known(station: ChargePoint, session: Transaction) -> None:
    connected(station, HOUR)
    assert close_silent_sessions(NOW) == 1
    with tenant_transaction(station.tenant_id):
        row = Transaction.objects.get()
        event = OutboxEvent.objects.get(event_type="session.stopped")
        audited = AuditEntry.objects.get(action="close")
    assert (row.state, row.flags[-1], row.stopped_by) == ("inferred", "closed_without_readings", "system")
    # No sample is stored here, so the register is that of the start; the time is that of the last reading.
    assert (row.meter_stop_wh, row.stopped_at) == (Decimal(1000), NOW - 25 * HOUR)
    assert event.data["inferred"] is True
    assert (audited.actor, audited.origin) == ("system", "system")
    assert close_silent_sessions(NOW) == 0


def test_the_stations_own_stop_supersedes_it(station: ChargePoint, session: Transaction) -> None:
    connected(station, HOUR)
    close_silent_sessions(NOW)
    stop = Stop(session.protocol_id, NOW, Decimal(9000), NOW)
    stop_transaction(tenant_id=station.tenant_id, charge_point_id=station.pk, stop=stop)
    with tenant_transaction(station.tenant_id):
        row = Transaction.objects.get()
    assert (row.state, row.meter_stop_wh) == ("stopped", Decimal(9000))
    assert "superseded_inferred_stop" in row.flags


@pytest.mark.parametrize(
    ("fields", "closed"),
    [
        ({"last_reading_at": NOW - 23 * HOUR}, False),
        ({"last_reading_at": None}, True),
        ({"last_reading_at": None, "started_at": NOW - 23 * HOUR}, False),
        # An offline start that has just come in: its readings may follow.
        ({"start_received_at": NOW - HOUR}, False),
        ({"state": "stopped"}, False),
        ({"verdict": "Invalid"}, True),
    ],
)
def test_only_what_is_open_and_silent_is_closed(
    station: ChargePoint, session: Transaction, fields: dict[str, Any], closed: bool
) -> None:
    connected(station, HOUR)
    change(session, **fields)
    assert close_silent_sessions(NOW) == int(closed)


@pytest.mark.parametrize(("away", "closed"), [(23 * HOUR, False), (25 * HOUR, True)])
def test_a_station_that_is_away_is_waited_for_as_long(
    station: ChargePoint, session: Transaction, away: timedelta, closed: bool
) -> None:
    seen(station, away)
    assert close_silent_sessions(NOW) == int(closed)


def test_a_station_that_has_just_come_back_may_replay_first(station: ChargePoint, session: Transaction) -> None:
    connected(station, timedelta(minutes=5))
    assert close_silent_sessions(NOW) == 0
    change(session, last_reading_at=NOW - 49 * HOUR, started_at=NOW - 60 * HOUR, start_received_at=NOW - 60 * HOUR)
    assert close_silent_sessions(NOW) == 1


def test_each_tenant_waits_as_long_as_it_likes(station: ChargePoint, session: Transaction) -> None:
    connected(station, HOUR)
    with tenant_transaction(station.tenant_id):
        MeteringSettings.objects.create(tenant_id=station.tenant_id, close_after_hours=48)
    assert close_silent_sessions(NOW) == 0
    assert close_silent_sessions(NOW + 24 * HOUR) == 1


def test_a_reading_that_comes_meanwhile_keeps_it_open(station: ChargePoint, session: Transaction) -> None:
    """The sweep found it silent; before it holds the lock, the station reports."""
    change(session, last_reading_at=NOW)
    assert close_silent(transaction=session, silent_since=NOW - 24 * HOUR) is None
    assert state(session) == "active"
