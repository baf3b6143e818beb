"""What the command endpoints take, refuse and answer; what reaches the charge point is in tests/chargepoints."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Command, CommandState
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant
from tests.api.conftest import bring_online, make_session

BASE = "/api/v1"
STATION = f"{BASE}/chargepoints/CP1"
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7000.5}]},
}


def commands_of(tenant: Tenant) -> list[Command]:
    with tenant_transaction(tenant.pk):
        return list(Command.objects.order_by("created_at"))


SENT: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("remote-start", {"idTag": "TAG", "connectorId": 1}, "RemoteStartTransaction", {"idTag": "TAG", "connectorId": 1}),
    ("unlock-connector", {"connectorId": 2}, "UnlockConnector", {"connectorId": 2}),
    ("reset", {"type": "Soft"}, "Reset", {"type": "Soft"}),
    (
        "change-availability",
        {"connectorId": 0, "type": "Inoperative"},
        "ChangeAvailability",
        {"connectorId": 0, "type": "Inoperative"},
    ),
    ("clear-cache", {}, "ClearCache", {}),
    (
        "data-transfer",
        {"vendorId": "V", "messageId": "M", "data": " {} "},
        "DataTransfer",
        {"vendorId": "V", "messageId": "M", "data": " {} "},
    ),
    (
        "trigger-message",
        {"requestedMessage": "MeterValues", "connectorId": 1},
        "TriggerMessage",
        {"requestedMessage": "MeterValues", "connectorId": 1},
    ),
    (
        "extended-trigger-message",
        {"requestedMessage": "SignChargePointCertificate"},
        "ExtendedTriggerMessage",
        {"requestedMessage": "SignChargePointCertificate"},
    ),
    (
        "set-charging-profile",
        {"connectorId": 0, "csChargingProfiles": PROFILE},
        "SetChargingProfile",
        {"connectorId": 0, "csChargingProfiles": PROFILE},
    ),
    ("clear-charging-profile", {"stackLevel": 0}, "ClearChargingProfile", {"stackLevel": 0}),
    (
        "get-composite-schedule",
        {"connectorId": 1, "duration": 3600, "chargingRateUnit": "W"},
        "GetCompositeSchedule",
        {"connectorId": 1, "duration": 3600, "chargingRateUnit": "W"},
    ),
    ("call", {"action": "GetLocalListVersion"}, "GetLocalListVersion", {}),
    ("call", {"action": "Reset", "payload": {"type": "Hard"}}, "Reset", {"type": "Hard"}),
]


@pytest.mark.parametrize(("path", "body", "action", "payload"), SENT)
def test_each_command_becomes_a_row_that_waits_for_the_gateway(
    api: APIClient,
    tenant: Tenant,
    station: ChargePoint,
    path: str,
    body: dict[str, Any],
    action: str,
    payload: dict[str, Any],
) -> None:
    bring_online(station)
    answer = api.post(f"{STATION}/{path}", {**body, "timeoutSeconds": 90})
    assert answer.status_code == 202, answer.json()
    (command,) = commands_of(tenant)
    assert (command.action, command.payload, command.timeout_s) == (action, payload, 90)
    assert (command.requested_by, command.origin) == ("alice", "api")
    shown = answer.json()["data"]
    assert (shown["status"], shown["outcome"], shown["timeoutSeconds"]) == ("queued", None, 90)
    with tenant_transaction(tenant.pk):
        assert AuditEntry.objects.get().action == action


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("remote-start", {}, "idTag"),
    ("remote-start", {"idTag": ""}, "idTag"),
    ("remote-start", {"idTag": "T" * 21}, "idTag"),
    ("remote-start", {"idTag": "TAG", "connectorId": 0}, "connectorId"),
    ("remote-start", {"idTag": "TAG", "idtag": "TAG"}, "idtag"),
    (
        "remote-start",
        {"idTag": "TAG", "chargingProfile": {**PROFILE, "stackLevel": "high"}},
        "chargingProfile.stackLevel",
    ),
    (
        "remote-start",
        {"idTag": "TAG", "chargingProfile": {"chargingProfileId": 1}},
        "chargingProfile.chargingProfileKind",
    ),
    ("remote-stop", {}, "transactionId"),
    ("remote-stop", {"transactionId": 1, "connectorId": 1}, "transactionId"),
    ("remote-stop", {"transactionId": "one"}, "transactionId"),
    ("unlock-connector", {}, "connectorId"),
    ("unlock-connector", {"connectorId": 0}, "connectorId"),
    ("reset", {"type": "Gentle"}, "type"),
    ("reset", {}, "type"),
    ("change-availability", {"connectorId": -1, "type": "Operative"}, "connectorId"),
    ("change-availability", {"connectorId": 1, "type": "Broken"}, "type"),
    ("clear-cache", {"now": True}, "now"),
    ("clear-cache", {"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
    ("clear-cache", {"expiresAt": "9999-12-31T23:59:59Z"}, "expiresAt"),
    ("clear-cache", {"expiresAt": "soon"}, "expiresAt"),
    ("clear-cache", {"timeoutSeconds": 0}, "timeoutSeconds"),
    ("data-transfer", {"messageId": "M"}, "vendorId"),
    ("data-transfer", {"vendorId": "V" * 256}, "vendorId"),
    ("data-transfer", {"vendorId": "V", "data": {"a": 1}}, "data"),
    ("trigger-message", {"requestedMessage": "LogStatusNotification"}, "requestedMessage"),
    ("trigger-message", {"requestedMessage": "Heartbeat", "connectorId": 0}, "connectorId"),
    ("extended-trigger-message", {"requestedMessage": "DiagnosticsStatusNotification"}, "requestedMessage"),
    ("set-charging-profile", {"connectorId": 1}, "csChargingProfiles"),
    (
        "set-charging-profile",
        {"connectorId": 1, "csChargingProfiles": {**PROFILE, "colour": "red"}},
        "csChargingProfiles.colour",
    ),
    (
        "set-charging-profile",
        {"connectorId": 1, "csChargingProfiles": {**PROFILE, "chargingProfileId": 10**30}},
        "csChargingProfiles.chargingProfileId",
    ),
    ("clear-charging-profile", {"chargingProfilePurpose": "Any"}, "chargingProfilePurpose"),
    ("get-composite-schedule", {"connectorId": 1}, "duration"),
    ("get-composite-schedule", {"connectorId": 1, "duration": 10, "chargingRateUnit": "V"}, "chargingRateUnit"),
    ("call", {}, "action"),
    ("call", {"action": "NoSuchThing"}, "action"),
    ("call", {"action": "../../Reset"}, "action"),
    # What stations send, not we.
    ("call", {"action": "BootNotification", "payload": {}}, "action"),
    ("call", {"action": "Reset", "payload": []}, "payload"),
    ("call", {"action": "Reset", "payload": {}}, "payload.type"),
    ("call", {"action": "Reset", "payload": {"type": "Gentle"}}, "payload.type"),
    ("call", {"action": "Reset", "payload": {"type": "Soft", "now": 1}}, "payload.now"),
    (
        "call",
        {
            "action": "SendLocalList",
            "payload": {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [{}]},
        },
        "payload.localAuthorizationList.0.idTag",
    ),
    ("call", {"action": "ChangeConfiguration", "payload": {"key": "AuthorizationKey", "value": "x"}}, "payload.key"),
    ("call", {"action": "ChangeConfiguration", "payload": {"key": " authorizationkey", "value": "x"}}, "payload.key"),
]


@pytest.mark.parametrize(("path", "body", "field"), REFUSED)
def test_wrong_input_names_the_field_and_sends_nothing(
    api: APIClient, tenant: Tenant, station: ChargePoint, path: str, body: dict[str, Any], field: str
) -> None:
    bring_online(station)
    answer = api.post(f"{STATION}/{path}", body)
    assert answer.status_code == 400, answer.json()
    assert field in [error["field"] for error in answer.json()["errors"]], answer.json()
    assert commands_of(tenant) == []
    with tenant_transaction(tenant.pk):
        assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("wait", ["-1", "31", "1.5", "x"])
def test_a_wrong_wait_is_refused_before_anything_is_sent(
    api: APIClient, tenant: Tenant, station: ChargePoint, wait: str
) -> None:
    bring_online(station)
    answer = api.post(f"{STATION}/reset?wait={wait}", {"type": "Soft"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "wait"
    assert commands_of(tenant) == []


def test_an_offline_charge_point_is_a_conflict_unless_the_command_may_wait(
    api: APIClient, tenant: Tenant, station: ChargePoint
) -> None:
    assert api.post(f"{STATION}/clear-cache", {}).status_code == 409
    until = (timezone.now() + timedelta(hours=1)).replace(microsecond=0)
    answer = api.post(f"{STATION}/clear-cache", {"expiresAt": until.isoformat()})
    assert answer.status_code == 202
    (command,) = commands_of(tenant)
    assert (command.state, command.expires_at) == (CommandState.QUEUED, until)


def test_viewers_and_strangers_command_nothing(
    viewer: APIClient, stranger: APIClient, tenant: Tenant, station: ChargePoint
) -> None:
    bring_online(station)
    for path, body, _action, _payload in SENT:
        assert viewer.post(f"{STATION}/{path}", body).status_code == 403
        assert stranger.post(f"{STATION}/{path}", body).status_code == 404
    assert commands_of(tenant) == []


def test_a_remote_stop_by_connector_names_the_running_session(
    api: APIClient, tenant: Tenant, station: ChargePoint
) -> None:
    bring_online(station)
    make_session(station, protocol_id="77")
    assert api.post(f"{STATION}/remote-stop", {"connectorId": 2}).status_code == 409
    assert api.post(f"{STATION}/remote-stop", {"connectorId": 1}).status_code == 202
    assert [command.payload for command in commands_of(tenant)] == [{"transactionId": 77}]


def test_commands_are_found_by_their_outcome(api: APIClient, tenant: Tenant, station: ChargePoint) -> None:
    with tenant_transaction(tenant.pk):
        for outcome in ("", "waiting", "unfulfilled"):
            Command.objects.create(
                tenant=tenant, charge_point=station, action="Reset", outcome=outcome, requested_by="x", origin="api"
            )
    listed = api.get(f"{BASE}/commands?outcome=unfulfilled").json()["data"]
    assert [row["outcome"] for row in listed] == ["unfulfilled"]
    assert api.get(f"{BASE}/commands?outcome=maybe").status_code == 400
