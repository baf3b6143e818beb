"""Where the story of a session begins: with its driver, not with what the station did before anybody was there."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from chargepoints.admin.session_timeline import LEAD, Moment, moments_of, since_the_driver_came
from chargepoints.models import ChargePoint, Command, Reservation, StatusChange, Transaction
from metering.models import Alert
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import make_session, make_station

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def station(tenant: Tenant, redis_clean: Any) -> ChargePoint:
    return make_station(tenant)


def session_at_noon(station: ChargePoint, **fields: Any) -> Transaction:
    return make_session(station, started_at=NOON, start_received_at=NOON, **fields)


def say(station: ChargePoint, status: str, at: datetime) -> None:
    given = {"charge_point": station, "evse_number": 1, "status": status, "error_code": "NoError"}
    StatusChange.objects.create(tenant_id=station.tenant_id, at=at, received_at=at, **given)


def ask(station: ChargePoint, action: str, at: datetime) -> Command:
    command = Command.objects.create(
        tenant_id=station.tenant_id, charge_point=station, action=action, requested_by="otto", origin="admin"
    )
    Command.objects.filter(pk=command.pk).update(created_at=at)
    return command


def raise_alert(station: ChargePoint, at: datetime) -> None:
    given = {"charge_point": station, "kind": "clock", "severity": "warning", "key": f"clock {at}"}
    alert = Alert.objects.create(tenant_id=station.tenant_id, started_at=at, last_at=at, **given)
    Alert.objects.filter(pk=alert.pk).update(opened_at=at)


def test_it_begins_a_minute_before_the_first_sign_of_the_driver() -> None:
    plug = NOON - 4 * MINUTE
    before, just_before = Moment(plug - LEAD - MINUTE, "reset"), Moment(plug - LEAD, "fault")
    signs = [
        Moment(plug, "plug", begins=True),
        Moment(NOON - MINUTE, "tag", begins=True),
        Moment(NOON, "start", begins=True),
    ]
    assert since_the_driver_came([before, just_before, *signs]) == [just_before, *signs]
    assert since_the_driver_came([before]) == [before]


def test_what_the_station_did_before_the_plug_is_not_told(station: ChargePoint) -> None:
    session = session_at_noon(station)
    with tenant_transaction(station.tenant_id):
        ask(station, "Reset", NOON - 14 * MINUTE)
        say(station, "Unavailable", NOON - 13 * MINUTE)
        raise_alert(station, NOON - 10 * MINUTE)
        say(station, "Preparing", NOON - 3 * MINUTE)
        ask(station, "UnlockConnector", NOON - 2 * MINUTE)
        told = [moment.at for moment in moments_of(session)]
    assert told == [NOON - 3 * MINUTE, NOON - 2 * MINUTE, NOON]


def test_a_remote_start_is_where_it_begins(station: ChargePoint) -> None:
    with tenant_transaction(station.tenant_id):
        ask(station, "Reset", NOON - 5 * MINUTE)
        start = ask(station, "RemoteStartTransaction", NOON - 2 * MINUTE)
    session = session_at_noon(station, remote_start=start)
    with tenant_transaction(station.tenant_id):
        assert [moment.title for moment in moments_of(session)] == ["Remote start", "Session started"]


def test_signs_of_the_session_before_are_not_its_own(station: ChargePoint) -> None:
    earlier = NOON - 14 * MINUTE
    make_session(
        station, "0", started_at=earlier, start_received_at=earlier, state="stopped", stopped_at=NOON - 5 * MINUTE
    )
    session = session_at_noon(station)
    with tenant_transaction(station.tenant_id):
        say(station, "Charging", NOON - 13 * MINUTE)
        ask(station, "UnlockConnector", NOON - 6 * MINUTE)
        say(station, "Finishing", NOON - 4 * MINUTE)
        say(station, "Preparing", NOON - 2 * MINUTE)
        told = [moment.at for moment in moments_of(session)]
    assert told == [NOON - 2 * MINUTE, NOON]


def test_a_reservation_made_days_before_is_told_where_it_is_used(station: ChargePoint, bob: User) -> None:
    session = session_at_noon(station)
    with tenant_transaction(station.tenant_id):
        held = Reservation.objects.create(
            tenant_id=station.tenant_id,
            charge_point=station,
            evse_number=1,
            protocol_id=1,
            id_tag="TAG",
            state="used",
            expires_at=NOON + MINUTE,
            requested_by="otto",
            transaction=session,
        )
        Reservation.objects.filter(pk=held.pk).update(created_at=NOON - timedelta(days=2))
    page = office(bob).get(reverse("admin:transaction_timeline", args=[session.pk])).content.decode()
    assert page.find("Connector reserved until") in range(page.find("Session started"))
    assert "made at 2026-10-30" in page
