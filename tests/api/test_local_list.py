"""`local-list`, `send-local-list` and `get-local-list-version`."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Command, IdTag, LocalAuthList
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant
from tests.api.conftest import bring_online

BASE = "/api/v1/chargepoints/CP1"
LIST, SEND = f"{BASE}/local-list", f"{BASE}/send-local-list"


@pytest.fixture(autouse=True)
def tag(tenant: Tenant) -> IdTag:
    with tenant_transaction(tenant.pk):
        return IdTag.objects.create(tenant=tenant, token="TAG", token_key="tag")


def test_drift_is_shown(api: APIClient, tenant: Tenant, station: ChargePoint) -> None:
    fresh = api.get(LIST).json()["data"]
    assert (fresh["managed"], fresh["status"], fresh["listVersion"], fresh["inStep"]) == (False, "unknown", 0, False)
    assert fresh["drift"]["missing"] == ["TAG"]
    with tenant_transaction(tenant.pk):
        entries = {"TAG": {"status": "Blocked"}, "OLD": {"status": "Accepted"}}
        LocalAuthList.objects.create(tenant=tenant, charge_point=station, version=3, entries=entries, state="in_step")
    shown = api.get(LIST).json()["data"]
    assert shown["drift"] == {"missing": [], "outdated": ["TAG"], "surplus": ["OLD"]}
    assert (shown["listVersion"], shown["entryCount"], shown["wantedCount"]) == (3, 2, 1)


def test_a_list_is_managed_from_then_on(api: APIClient, tenant: Tenant, station: ChargePoint) -> None:
    bring_online(station)
    assert api.patch(LIST, {"managed": True}).json()["data"]["status"] == "sending"
    with tenant_transaction(tenant.pk):
        command = Command.objects.get()
        assert (command.action, command.requested_by) == ("SendLocalList", "system")
        assert AuditEntry.objects.get().changes == {"managed": True}
    assert api.patch(LIST, {}).status_code == 400
    assert api.patch(LIST, {"managed": "perhaps"}).status_code == 400


def test_a_list_is_sent_by_hand(api: APIClient, station: ChargePoint) -> None:
    assert api.post(SEND, {"updateType": "Full"}).status_code == 409
    bring_online(station)
    sent = api.post(SEND, {"updateType": "Full"})
    assert sent.status_code == 202, sent.json()
    payload = sent.json()["data"]["payload"]
    assert payload["localAuthorizationList"] == [{"idTag": "TAG", "idTagInfo": {"status": "Accepted"}}]
    again = api.post(SEND, {"updateType": "Full"})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "under_way")


def test_the_version_is_asked(api: APIClient, station: ChargePoint) -> None:
    bring_online(station)
    assert api.post(f"{BASE}/get-local-list-version").json()["data"]["action"] == "GetLocalListVersion"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "updateType"),
        ({"updateType": "Some"}, "updateType"),
        ({"updateType": "Full", "idTags": []}, "idTags"),
        ({"updateType": "Full", "idTags": ["T" * 21]}, "idTags.0"),
        ({"updateType": "Full", "color": "red"}, "color"),
    ],
)
def test_wrong_input_is_named_and_nothing_is_sent(
    api: APIClient, tenant: Tenant, station: ChargePoint, body: dict[str, Any], field: str
) -> None:
    bring_online(station)
    answer = api.post(SEND, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith(field.partition(".")[0])
    with tenant_transaction(tenant.pk):
        assert not Command.objects.exists()


def test_a_tag_that_is_not_there_is_a_conflict(api: APIClient, station: ChargePoint) -> None:
    bring_online(station)
    answer = api.post(SEND, {"updateType": "Full", "idTags": ["GHOST"]})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "unknown_id_tag")


def test_roles_and_tenants_are_apart(viewer: APIClient, stranger: APIClient, station: ChargePoint) -> None:
    assert viewer.get(LIST).status_code == 200
    assert viewer.patch(LIST, {"managed": True}).status_code == 403
    assert viewer.post(SEND, {"updateType": "Full"}).status_code == 403
    for answer in (stranger.get(LIST), stranger.patch(LIST, {"managed": True}), stranger.post(SEND, {})):
        assert answer.status_code in {400, 404}
    assert stranger.post(SEND, {"updateType": "Full"}).status_code == 404
