"""The alerts' endpoints: the inbox, thresholds, recipients."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint
from metering.alerts.incidents import Incident, record_incidents
from metering.models import Alert, Threshold
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, OutboxEvent, Role, Tenant
from tests.api.conftest import client_of, make_station
from tests.conftest import make_user

BASE = "/api/v1/alerts"
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def make_alert(station: ChargePoint, key: str = "k", **fields: Any) -> Alert:
    """Temperature of connector 1 above 70, unless said otherwise."""
    given: dict[str, Any] = {
        "kind": "threshold",
        "severity": "warning",
        "evse_number": 1,
        "measurand": "Temperature",
        "unit": "Celsius",
        "limit_value": Decimal(70),
        "worst_value": Decimal("75.5"),
        "last_value": Decimal(72),
        "started_at": NOON,
        "last_at": NOON,
    }
    incident = Incident(charge_point_id=station.pk, key=key, **given | fields)
    record_incidents(tenant_id=station.tenant_id, incidents=[incident])
    with tenant_transaction(station.tenant_id):
        return Alert.objects.get(key=key, charge_point=station)


@pytest.fixture
def alert(station: ChargePoint) -> Alert:
    return make_alert(station)


@pytest.fixture
def operator(tenant: Tenant, redis_clean: Any) -> APIClient:
    return client_of(make_user("otto", tenant, Role.OPERATOR))


def errors(answer: Any) -> dict[str, str]:
    assert answer.status_code == 400, answer.content
    return {error["field"]: error["detail"] for error in answer.json()["errors"]}


def test_an_alert_says_what_is_wrong(viewer: APIClient, alert: Alert) -> None:
    shown = viewer.get(f"{BASE}/{alert.pk}").json()["data"]
    assert shown["description"] == "Temperature 75.5 Celsius, limit 70"
    assert (shown["chargePointId"], shown["connectorId"], shown["status"]) == ("CP1", 1, "open")
    assert (shown["limitValue"], shown["worstValue"], shown["startTime"]) == ("70", "75.5", "2026-11-01T12:00:00Z")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"a", "b", "c"}),
        ("?status=open", {"a", "b"}),
        ("?status=resolved", {"c"}),
        ("?kind=offline", {"b"}),
        ("?severity=critical", {"c"}),
        ("?chargePointId=cp2", {"b"}),
        ("?chargePointId=nowhere", set()),
        ("?endTime=2020-01-01T00:00:00Z", set()),
        ("?startTime=2020-01-01T00:00:00Z", {"a", "b", "c"}),
    ],
)
def test_the_inbox_is_filtered(api: APIClient, tenant: Tenant, query: str, found: set[str]) -> None:
    first, second = make_station(tenant, "CP1"), make_station(tenant, "CP2")
    make_alert(first, "a", detail="a")
    make_alert(second, "b", detail="b", kind="offline")
    make_alert(first, "c", detail="c", severity="critical", resolved_at=NOON + timedelta(minutes=1))
    assert {row["detail"] for row in api.get(f"{BASE}{query}").json()["data"]} == found


def test_the_inbox_is_paged_by_cursor(api: APIClient, station: ChargePoint) -> None:
    for number in range(5):
        make_alert(station, str(number), detail=str(number))
    seen, url = [], f"{BASE}?limit=2"
    while url:
        page = api.get(url).json()
        seen += [row["detail"] for row in page["data"]]
        url = page["meta"]["next"]
    assert seen == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    ("query", "field"),
    [("?status=x", "status"), ("?cursor=x", "cursor"), ("?startTime=x", "startTime"), ("?colour=red", "colour")],
)
def test_a_wrong_query_is_named(api: APIClient, alert: Alert, query: str, field: str) -> None:
    assert set(errors(api.get(f"{BASE}{query}"))) == {field}


def test_an_operator_acknowledges_once(operator: APIClient, tenant: Tenant, alert: Alert) -> None:
    answer = operator.post(f"{BASE}/{alert.pk}/acknowledge", {"note": "On my way"})
    shown = answer.json()["data"]
    assert (shown["status"], shown["acknowledgedBy"], shown["note"]) == ("acknowledged", "otto", "On my way")
    assert operator.post(f"{BASE}/{alert.pk}/acknowledge").status_code == 409
    with tenant_transaction(tenant.pk):
        entry = AuditEntry.objects.get()
        event = OutboxEvent.objects.get(event_type="alert.acknowledged")
    assert (entry.actor, entry.action, entry.changes) == ("otto", "acknowledge", {"note": "On my way"})
    assert (event.charge_point, event.data["acknowledgedBy"], event.data["alertId"]) == ("CP1", "otto", alert.pk)


def test_an_operator_resolves_with_a_reason(operator: APIClient, tenant: Tenant, alert: Alert) -> None:
    assert set(errors(operator.post(f"{BASE}/{alert.pk}/resolve", {}))) == {"reason"}
    shown = operator.post(f"{BASE}/{alert.pk}/resolve", {"reason": "Sensor replaced"}).json()["data"]
    assert (shown["status"], shown["resolution"]) == ("resolved", "otto: Sensor replaced")
    for what, body in (("resolve", {"reason": "again"}), ("acknowledge", {})):
        assert operator.post(f"{BASE}/{alert.pk}/{what}", body).status_code == 409
    with tenant_transaction(tenant.pk):
        assert AuditEntry.objects.get().changes == {"reason": "Sensor replaced"}
        assert OutboxEvent.objects.filter(event_type="alert.resolved").count() == 1


def test_roles(viewer: APIClient, operator: APIClient, api: APIClient, alert: Alert) -> None:
    bounds = {"measurand": "SoC", "maxValue": "99"}
    for name in ("acknowledge", "resolve"):
        assert viewer.post(f"{BASE}/{alert.pk}/{name}", {"reason": "x"}).status_code == 403
    for caller in (viewer, operator):
        assert caller.get(f"{BASE}/thresholds").status_code == 200
        assert caller.post(f"{BASE}/thresholds", bounds).status_code == 403
        assert caller.post(f"{BASE}/recipients", {"email": "a@example.com"}).status_code == 403
    assert api.post(f"{BASE}/thresholds", bounds).status_code == 201


def test_another_tenants_alerts_and_thresholds_do_not_exist(
    stranger: APIClient, tenant: Tenant, alert: Alert, api: APIClient
) -> None:
    recipient = api.post(f"{BASE}/recipients", {"email": "a@example.com"}).json()["data"]["id"]
    with tenant_transaction(tenant.pk):
        threshold = Threshold.objects.first()
    assert threshold is not None
    assert stranger.get(BASE).json()["data"] == []
    for path in (f"{alert.pk}", f"thresholds/{threshold.pk}"):
        assert stranger.get(f"{BASE}/{path}").status_code == 404
    assert stranger.post(f"{BASE}/{alert.pk}/acknowledge", {}).status_code == 404
    assert stranger.post(f"{BASE}/{alert.pk}/resolve", {"reason": "x"}).status_code == 404
    assert stranger.patch(f"{BASE}/thresholds/{threshold.pk}", {"enabled": False}).status_code == 404
    for path in (f"thresholds/{threshold.pk}", f"recipients/{recipient}"):
        assert stranger.delete(f"{BASE}/{path}").status_code == 404
    other = {"measurand": "SoC", "maxValue": "99", "chargePointId": "CP1"}
    assert errors(stranger.post(f"{BASE}/thresholds", other)) == {"chargePointId": "There is no such charge point."}


def test_every_tenant_has_the_usual_thresholds(api: APIClient) -> None:
    rows = api.get(f"{BASE}/thresholds").json()["data"]
    assert [(row["measurand"], row["minValue"], row["maxValue"]) for row in rows] == [
        ("Current.Import", None, "80"),
        ("Power.Active.Import", None, "50000"),
        ("Temperature", "-10", "70"),
        ("Voltage", "207", "253"),
    ]


def test_a_threshold_is_made_changed_and_removed(api: APIClient, tenant: Tenant, station: ChargePoint) -> None:
    asked = {
        "measurand": "Temperature",
        "maxValue": "55.5",
        "chargePointId": "cp1",
        "connectorId": 1,
        "severity": "critical",
        "hysteresis": "1",
        "minimumDurationSeconds": 30,
    }
    made = api.post(f"{BASE}/thresholds", asked)
    assert made.status_code == 201
    shown = made.json()["data"]
    expected = {**asked, "chargePointId": "CP1", "minValue": None, "acOnly": False, "enabled": True, "id": shown["id"]}
    assert shown == expected
    changed = api.patch(f"{BASE}/thresholds/{shown['id']}", {"maxValue": "60", "connectorId": None})
    assert changed.json()["data"] == {**expected, "maxValue": "60", "connectorId": None}
    assert api.delete(f"{BASE}/thresholds/{shown['id']}").status_code == 204
    assert api.get(f"{BASE}/thresholds/{shown['id']}").status_code == 404
    with tenant_transaction(tenant.pk):
        trail = list(AuditEntry.objects.order_by("pk").values_list("action", "changes"))
    assert [action for action, _ in trail] == ["create", "change", "delete"]
    assert trail[1][1] == {"max_value": ["55.5", "60"], "evse_number": ["1", None]}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"minValue": None, "maxValue": None}, "maxValue"),
        ({"minValue": "5", "maxValue": "5"}, "maxValue"),
        ({"connectorId": 1}, "connectorId"),
        ({"connectorId": -1}, "connectorId"),
        ({"chargePointId": "nowhere"}, "chargePointId"),
        ({"measurand": "Temprature"}, "measurand"),
        ({"measurand": None}, "measurand"),
        ({"severity": "fatal"}, "severity"),
        ({"hysteresis": "-1"}, "hysteresis"),
        ({"minValue": "1", "hysteresis": "9"}, "hysteresis"),
        ({"minimumDurationSeconds": -1}, "minimumDurationSeconds"),
        ({"maxValue": "1e30"}, "maxValue"),
        ({"maxValue": "NaN"}, "maxValue"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_threshold_that_cannot_be_is_named(api: APIClient, change: dict[str, Any], field: str) -> None:
    given = {"measurand": "SoC", "maxValue": "10", **change}
    assert set(errors(api.post(f"{BASE}/thresholds", given))) == {field}
    made = api.post(f"{BASE}/thresholds", {"measurand": "SoC", "maxValue": "10"}).json()["data"]["id"]
    assert set(errors(api.patch(f"{BASE}/thresholds/{made}", change))) == {field}


def test_the_same_threshold_twice_is_refused(api: APIClient) -> None:
    again = {"measurand": "Temperature", "maxValue": "99", "severity": "critical"}
    assert set(errors(api.post(f"{BASE}/thresholds", again))) == {"measurand"}
    assert api.post(f"{BASE}/thresholds", {**again, "severity": "info"}).status_code == 201


@pytest.mark.parametrize("change", [{"enabled": False}, {"measurand": "SoC"}, None])
def test_a_threshold_that_no_longer_holds_ends_its_alerts(
    api: APIClient, tenant: Tenant, station: ChargePoint, change: dict[str, Any] | None
) -> None:
    with tenant_transaction(tenant.pk):
        threshold = Threshold.objects.get(measurand="Temperature")
    alert = make_alert(station, threshold_id=threshold.pk)
    url = f"{BASE}/thresholds/{threshold.pk}"
    answer = api.delete(url) if change is None else api.patch(url, change)
    assert answer.status_code in (200, 204)
    shown = api.get(f"{BASE}/{alert.pk}").json()["data"]
    assert (shown["status"], shown["resolution"][:19]) == ("resolved", "No longer compared:")


def test_recipients_are_listed_added_and_removed(api: APIClient, viewer: APIClient) -> None:
    made = api.post(f"{BASE}/recipients", {"email": "ops@example.com", "minimumSeverity": "critical"})
    assert made.status_code == 201
    row = made.json()["data"]
    assert viewer.get(f"{BASE}/recipients").json()["data"] == [row]
    assert set(errors(api.post(f"{BASE}/recipients", {"email": "OPS@example.com"}))) == {"email"}
    assert api.delete(f"{BASE}/recipients/{row['id']}").status_code == 204
    assert viewer.get(f"{BASE}/recipients").json()["data"] == []


@pytest.mark.parametrize("address", ["", "nobody", "a@b\nBcc: all@example.com", None, "x" * 250 + "@example.com"])
def test_an_address_that_is_none_is_refused(api: APIClient, address: str | None) -> None:
    assert set(errors(api.post(f"{BASE}/recipients", {"email": address}))) == {"email"}


def test_lists_take_a_fixed_number_of_queries(api: APIClient, station: ChargePoint) -> None:
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    def queries() -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            api.get(BASE)
        return len(captured)

    make_alert(station, "first")
    few = queries()
    for number in range(8):
        make_alert(station, str(number))
    assert queries() == few
