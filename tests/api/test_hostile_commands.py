"""Every way to send a command, against nonsense: a 400 that names the field, nothing stored, nothing of other tenants."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from chargepoints.models import BulkTarget, ChargePoint, Command
from chargepoints.protocol.actions import actions_to_station
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import bring_online, make_station

pytestmark = pytest.mark.usefixtures("no_worker")

BASE = "/api/v1"
CALL, BULK = f"{BASE}/chargepoints/CP1/call", f"{BASE}/commands/bulk"
RESERVE = {"connectorId": 1, "idTag": "T", "expiryDate": "2099-01-01T00:00:00Z", "reservationId": 1}
DEEP: Any = []
for _ in range(500):
    DEEP = [DEEP]


def fields(answer: Any) -> set[str]:
    return {error["field"] for error in answer.json()["errors"]}


def nothing_was_sent(tenant: Tenant) -> bool:
    with tenant_transaction(tenant.pk):
        return not Command.objects.exists() and not BulkTarget.objects.exists()


@pytest.mark.parametrize("action", sorted(actions_to_station("1.6")))
def test_nonsense_for_any_action_is_named_or_is_the_actions_own_business(
    api: APIClient, online: ChargePoint, tenant: Tenant, action: str
) -> None:
    payloads: list[Any] = [None, 7, "x", [], {"nonsense": 1}, {"connectorId": {}}, {"type": None}]
    for payload in payloads:
        answer = api.post(CALL, {"action": action, "payload": payload}, format="json")
        assert answer.status_code == 400, (payload, answer.content)
        assert all(name.startswith("payload") for name in fields(answer)), payload
    assert nothing_was_sent(tenant)


HOSTILE: list[tuple[str, Any, str]] = [
    ("UnlockConnector", {"connectorId": 10**30}, "payload.connectorId"),
    ("UnlockConnector", {"connectorId": 1.5}, "payload.connectorId"),
    ("UnlockConnector", {"connectorId": True}, "payload.connectorId"),
    ("ReserveNow", {**RESERVE, "reservationId": 2**31}, "payload.reservationId"),
    ("ReserveNow", {**RESERVE, "reservationId": 0}, "payload.reservationId"),
    ("ReserveNow", {**RESERVE, "connectorId": 99_999}, "payload.connectorId"),
    ("ReserveNow", {**RESERVE, "idTag": "T" * 21}, "payload.idTag"),
    ("ReserveNow", {**RESERVE, "expiryDate": "soon"}, "payload.expiryDate"),
    ("SendLocalList", {"listVersion": -1, "updateType": "Full"}, "payload.listVersion"),
    ("SendLocalList", {"listVersion": 1, "updateType": "Half"}, "payload.updateType"),
    ("DataTransfer", {"vendorId": "V" * 256}, "payload.vendorId"),
    ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "x" * 16}, "payload.key"),
    ("NoSuchAction", {}, "action"),
    ("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}, "action"),
]


@pytest.mark.parametrize(("action", "payload", "field"), HOSTILE)
def test_what_no_station_should_get_is_named_by_call_and_bulk(
    api: APIClient, online: ChargePoint, tenant: Tenant, action: str, payload: Any, field: str
) -> None:
    for url, more in ((CALL, {}), (BULK, {"chargePointIds": ["CP1"]})):
        answer = api.post(url, {"action": action, "payload": payload, **more}, format="json")
        assert answer.status_code == 400, answer.content
        assert {name.partition(".localAuth")[0] for name in fields(answer)} == {field}
    assert nothing_was_sent(tenant)


def test_depth_and_size_have_an_end(api: APIClient, online: ChargePoint, tenant: Tenant) -> None:
    deep = api.post(CALL, {"action": "DataTransfer", "payload": {"vendorId": "V", "data": DEEP}}, format="json")
    assert deep.status_code == 400
    for size in (70_000, 3_000_000):
        payload: dict[str, Any] = {"vendorId": "V", "data": "x" * size}
        answer = api.post(CALL, {"action": "DataTransfer", "payload": payload}, format="json")
        assert answer.status_code in (400, 413), answer.content[:200]
    entries = [{"idTag": f"T{number}", "idTagInfo": {"status": "Accepted"}} for number in range(5000)]
    payload = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": entries}
    answer = api.post(CALL, {"action": "SendLocalList", "payload": payload}, format="json")
    assert answer.status_code == 400, answer.content[:200]
    assert nothing_was_sent(tenant)


@pytest.mark.parametrize(
    "ids", [["X"] * 10_001, [f"CP{number}" for number in range(10_000)], [""], [None], [7], "CP1", {"a": 1}, [["CP1"]]]
)
def test_bulk_over_ids_that_are_not_ours_names_them(
    api: APIClient, online: ChargePoint, tenant: Tenant, ids: Any
) -> None:
    answer = api.post(BULK, {"action": "ClearCache", "payload": {}, "chargePointIds": ids}, format="json")
    assert answer.status_code == 400, answer.content[:300]
    assert {name.partition(".")[0] for name in fields(answer)} == {"chargePointIds"}
    assert len(answer.content) < 20_000
    assert nothing_was_sent(tenant)


def test_other_tenants_stations_are_not_there(
    api: APIClient, tenant: Tenant, other_tenant: Tenant, online: ChargePoint
) -> None:
    foreign = make_station(other_tenant, "FOREIGN")
    bring_online(foreign)
    body = {"action": "ClearCache", "payload": {}}
    assert api.post(f"{BASE}/chargepoints/FOREIGN/call", body, format="json").status_code == 404
    bulk = api.post(BULK, {**body, "chargePointIds": ["CP1", "FOREIGN"]}, format="json")
    assert bulk.status_code == 400
    assert fields(bulk) == {"chargePointIds.1"}
    assert nothing_was_sent(tenant)
    assert nothing_was_sent(other_tenant)
