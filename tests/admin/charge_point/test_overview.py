"""The page of a charge point: how it is, what is done most, and who may do what."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chargepoints.models import (
    ChargePoint,
    Command,
    Connector,
    Evse,
    Transaction,
)
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.charge_point.cast import NOON, home, page, text_of
from tests.admin.conftest import office
from tests.api.conftest import make_session, make_station


def test_the_overview_says_how_it_is_and_what_to_do_next(operator: Client, station: ChargePoint) -> None:
    make_session(station, last_register_wh=Decimal(13_500), last_power_w=Decimal(7200), last_reading_at=NOON)
    with tenant_transaction(station.tenant_id):
        Connector.objects.update(status="Faulted", error_code="GroundFailure", info="relay 2")
    shown = text_of(operator, home(station))
    for said in ("Online", "10.0.0.2", "OCPP 1.6", "Faulted", "GroundFailure · relay 2", "7.2 kW", "12.50 kWh"):
        assert said in shown, said
    assert "A restart often clears it" in shown
    live = text_of(operator, page("charge_point_live", station))
    assert "GroundFailure · relay 2" in live
    assert "<html" not in live


def test_a_station_that_never_came_says_so(operator: Client, tenant: Tenant) -> None:
    shown = text_of(operator, home(make_station(tenant, "NEW")))
    assert "Never connected" in shown
    assert "own settings" in shown


def test_limits_stand_at_the_connectors(operator: Client, station: ChargePoint) -> None:
    assert "no limit" in text_of(operator, page("charge_point_live", station))


def test_many_connectors_take_as_many_queries_as_one(operator: Client, station: ChargePoint) -> None:
    make_session(station)

    def queries() -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            text_of(operator, home(station))
        return len(captured)

    few = queries()
    with tenant_transaction(station.tenant_id):
        for number in range(2, 11):
            evse = Evse.objects.create(tenant_id=station.tenant_id, charge_point=station, number=number)
            connector = Connector.objects.create(
                tenant_id=station.tenant_id, charge_point=station, evse=evse, status="Charging"
            )
            first = Transaction.objects.get(protocol_id="1")
            first.pk, first.protocol_id, first.evse, first.connector = None, str(number), evse, connector
            first.save(force_insert=True)
    assert queries() == few
    assert few <= 25, few


DONE = [
    ("reset", {"kind": "Hard"}, "Reset", {"type": "Hard"}),
    ("unlock", {"connector": "1"}, "UnlockConnector", {"connectorId": 1}),
    (
        "availability",
        {"connector": "0", "kind": "Inoperative"},
        "ChangeAvailability",
        {"connectorId": 0, "type": "Inoperative"},
    ),
    ("trigger", {"message": "Heartbeat", "connector": ""}, "TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("stop", {"session": "1"}, "RemoteStopTransaction", {"transactionId": 1}),
]


@pytest.mark.parametrize(("key", "fields", "action", "payload"), DONE)
def test_two_clicks_send_a_command_and_show_what_becomes_of_it(
    operator: Client, station: ChargePoint, key: str, fields: dict[str, str], action: str, payload: dict[str, Any]
) -> None:
    make_session(station)
    url = page(f"charge_point_{key}", station)
    assert url in text_of(operator, home(station))
    assert text_of(operator, url)
    answer = operator.post(url, fields)
    assert answer.status_code == 302
    with tenant_transaction(station.tenant_id):
        command = Command.objects.get()
    assert (command.action, command.payload, command.requested_by) == (action, payload, "oscar")
    shown = text_of(operator, answer["Location"])
    assert "Waiting for the station" in shown
    assert reverse("admin:command_live", args=[command.pk]) in shown


def test_a_restart_says_how_many_sessions_end(operator: Client, station: ChargePoint) -> None:
    url = page("charge_point_reset", station)
    assert "running" not in text_of(operator, url)
    make_session(station)
    assert "1 session is running: it ends." in text_of(operator, url)


def test_the_buttons_at_a_connector_fill_in_the_form(operator: Client, station: ChargePoint) -> None:
    shown = text_of(operator, page("charge_point_availability", station) + "?connector=1&kind=Inoperative")
    assert '<option value="1" selected>' in shown
    (chosen,) = [
        part for part in shown.split("<input")[1:] if 'name="kind"' in part and "checked" in part.partition(">")[0]
    ]
    assert 'value="Inoperative"' in chosen.partition(">")[0]


def test_with_nothing_to_stop_there_is_no_form(operator: Client, station: ChargePoint) -> None:
    shown = text_of(operator, page("charge_point_stop", station))
    assert "No session is running" in shown
    assert 'name="session"' not in shown
    assert operator.post(page("charge_point_stop", station), {"session": "1"}).status_code == 200


def test_viewers_see_all_and_do_nothing(bob: User, station: ChargePoint) -> None:
    viewer = office(bob)
    shown = text_of(viewer, home(station))
    for key in ("reset", "unlock", "availability", "trigger", "stop"):
        assert page(f"charge_point_{key}", station) not in shown
        assert viewer.post(page(f"charge_point_{key}", station), {"kind": "Soft"}).status_code == 404
    for name in ("log", "sessions", "alerts", "notes", "history", "settings"):
        shown = text_of(viewer, page(f"charge_point_{name}", station))
        assert 'office-button main" name="do"' not in shown, name
        assert "<textarea" not in shown, name
    assert viewer.post(page("charge_point_notes", station), {"text": "x"}).status_code == 404
    assert viewer.post(page("charge_point_alerts", station), {"do": "acknowledge"}).status_code == 404


def test_settings_are_kept_and_lead_back(operator: Client, station: ChargePoint) -> None:
    url = page("charge_point_settings", station)
    assert 'name="send_unasked"' in text_of(operator, url)
    answer = operator.post(url, {"name": "At the gate", "site": "", "tags": "[]", "notes": "Key at reception"})
    assert answer["Location"] == home(station)
    assert "Key at reception" in text_of(operator, home(station))
