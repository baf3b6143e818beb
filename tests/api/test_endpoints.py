"""Each endpoint's own behaviour."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Command, CommandState, Connector, Transaction
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant
from tests.api.conftest import make_session, make_station

BASE = "/api/v1"


def test_creating_a_charge_point_shows_its_password_once(api: APIClient, tenant: Tenant) -> None:
    created = api.post(f"{BASE}/chargepoints", {"chargePointId": "CP-New", "name": "Garage"})
    assert created.status_code == 201
    assert len(created.json()["data"]["password"]) == 32
    assert "password" not in api.get(f"{BASE}/chargepoints/cp-new").json()["data"]
    with tenant_transaction(tenant.pk):
        assert ChargePoint.objects.get().password_hash != created.json()["data"]["password"]
        assert AuditEntry.objects.get().action == "create"


def test_the_tenants_limit_of_charge_points_is_enforced(api: APIClient, tenant: Tenant, station: ChargePoint) -> None:
    with tenant_transaction(tenant.pk):
        Tenant.objects.update(max_charge_points=1)
    answer = api.post(f"{BASE}/chargepoints", {"chargePointId": "CP2"})
    assert answer.status_code == 400
    assert "limit of 1" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"CP1", "CP2"}),
        ("?search=p2", {"CP2"}),
        ("?status=Charging", {"CP2"}),
        ("?vendor=acme", {"CP1"}),
        ("?online=true", set()),
        ("?online=false", {"CP1", "CP2"}),
        ("?limit=1", {"CP1"}),
        ("?limit=1&offset=1", {"CP2"}),
    ],
)
def test_the_inventory_is_filtered(api: APIClient, tenant: Tenant, query: str, found: set[str]) -> None:
    first, second = make_station(tenant, "CP1"), make_station(tenant, "CP2")
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(pk=first.pk).update(vendor="Acme")
        Connector.objects.filter(charge_point=second).update(status="Charging")
    listed = api.get(f"{BASE}/chargepoints{query}").json()["data"]
    assert {row["chargePointId"] for row in listed} == found


def test_a_charge_point_with_sessions_is_kept(api: APIClient, station: ChargePoint) -> None:
    make_session(station)
    assert api.delete(f"{BASE}/chargepoints/CP1").status_code == 409
    assert api.get(f"{BASE}/chargepoints/CP1").status_code == 200


def test_a_charge_point_without_sessions_can_be_deleted(api: APIClient, station: ChargePoint) -> None:
    assert api.delete(f"{BASE}/chargepoints/CP1").status_code == 204
    assert api.get(f"{BASE}/chargepoints/CP1").status_code == 404


def test_changes_are_audited_with_before_and_after(api: APIClient, tenant: Tenant, station: ChargePoint) -> None:
    assert api.patch(f"{BASE}/chargepoints/CP1", {"name": "Depot 1"}).json()["data"]["name"] == "Depot 1"
    with tenant_transaction(tenant.pk):
        assert AuditEntry.objects.get().changes == {"name": ["", "Depot 1"]}


def test_energy_is_exact_and_in_both_units(api: APIClient, station: ChargePoint) -> None:
    session = make_session(station, meter_stop_wh=Decimal("8234.567"), state="stopped")
    shown = api.get(f"{BASE}/transactions/{session.pk}").json()["data"]
    assert shown["energyWh"] == "7234.567"
    assert shown["energyKwh"] == "7.234567"
    assert shown["status"] == "stopped"


def test_sessions_page_by_cursor_without_gap_or_repeat(api: APIClient, station: ChargePoint) -> None:
    for number in range(5):
        at = make_session(station, f"9{number}", state="stopped").started_at + timedelta(minutes=number)
        with tenant_transaction(station.tenant_id):
            Transaction.objects.filter(protocol_id=f"9{number}").update(started_at=at)
            Transaction.objects.filter(protocol_id=f"9{number}").update(id_tag=f"T{number}")
    seen, url = [], f"{BASE}/transactions?limit=2"
    while url:
        page = api.get(url).json()
        seen += [row["transactionId"] for row in page["data"]]
        url = page["meta"]["next"]
    assert seen == ["94", "93", "92", "91", "90"]


def test_a_hanging_session_is_closed_by_hand_once(api: APIClient, station: ChargePoint) -> None:
    session = make_session(station)
    closed = api.post(f"{BASE}/transactions/{session.pk}/close", {"reason": "Other"})
    assert closed.json()["data"]["status"] == "inferred"
    assert closed.json()["data"]["stoppedBy"] == "alice"
    assert api.post(f"{BASE}/transactions/{session.pk}/close", {}).status_code == 409


def test_a_command_to_an_offline_charge_point_is_409(api: APIClient, station: ChargePoint) -> None:
    answer = api.post(f"{BASE}/chargepoints/CP1/remote-start", {"idTag": "TAG"})
    assert answer.status_code == 409
    with tenant_transaction(station.tenant_id):
        assert not Command.objects.exists()


def test_a_remote_stop_without_a_session_is_409(api: APIClient, station: ChargePoint) -> None:
    assert api.post(f"{BASE}/chargepoints/CP1/remote-stop", {"connectorId": 1}).status_code == 409


def test_only_a_queued_command_is_cancelled(api: APIClient, station: ChargePoint) -> None:
    with tenant_transaction(station.tenant_id):
        command = Command.objects.create(
            tenant_id=station.tenant_id, charge_point=station, action="Reset", requested_by="alice", origin="api"
        )
    assert api.post(f"{BASE}/commands/{command.pk}/cancel").json()["data"]["status"] == "cancelled"
    assert api.post(f"{BASE}/commands/{command.pk}/cancel").status_code == 409
    assert api.get(f"{BASE}/commands?status=cancelled").json()["data"][0]["commandId"] == str(command.pk)
    assert command.state == CommandState.QUEUED


def test_id_tags_live_and_die(api: APIClient, tenant: Tenant) -> None:
    parent = api.post(f"{BASE}/id-tags", {"idTag": "GROUP"})
    assert parent.status_code == 201
    child = api.post(f"{BASE}/id-tags", {"idTag": " Card-1 ", "parentIdTag": "group", "maxActiveTransactions": None})
    assert child.json()["data"]["idTag"] == "Card-1"
    assert child.json()["data"]["parentIdTag"] == "GROUP"
    assert api.post(f"{BASE}/id-tags", {"idTag": "CARD-1"}).status_code == 400
    assert api.patch(f"{BASE}/id-tags/card-1", {"status": "Blocked"}).json()["data"]["status"] == "Blocked"
    assert [row["idTag"] for row in api.get(f"{BASE}/id-tags?parentIdTag=GROUP").json()["data"]] == ["Card-1"]
    assert api.delete(f"{BASE}/id-tags/CARD-1").status_code == 204
    assert api.get(f"{BASE}/id-tags/CARD-1").status_code == 404


def test_the_feed_of_events_goes_on_where_it_ended(api: APIClient, station: ChargePoint) -> None:
    session = make_session(station)
    first = api.get(f"{BASE}/events").json()
    api.post(f"{BASE}/transactions/{session.pk}/close", {})
    fresh = api.get(f"{BASE}/events?after={first['meta']['next']}").json()["data"]
    assert [event["eventType"] for event in fresh] == ["session.stopped"]
    assert fresh[0]["data"]["inferred"] is True


def test_the_committed_schema_is_up_to_date(tmp_path: Path, db: None) -> None:
    made = tmp_path / "openapi.yaml"
    call_command("spectacular", "--file", str(made), "--validate", "--fail-on-warn")
    committed = Path(__file__).parents[2] / "docs" / "openapi.yaml"
    assert made.read_text() == committed.read_text(), "run: manage.py spectacular --file docs/openapi.yaml"


def test_probes_and_metrics(db: None) -> None:
    client = APIClient()
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").json()["checks"]["database"] is True
    assert b"csms_api_uncounted_total" in client.get("/metrics").content
    assert client.get("/metrics", HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 404
