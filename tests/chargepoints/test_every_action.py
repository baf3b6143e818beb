"""The schema folder of OCPP 1.6 is the list: each action is answered or sent, and stands in a test.

Here each goes over a real socket once, with an example of its payload; what it does to the data is tested elsewhere,
and `test_a_test_stands_for` sees to it that there is such a test.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from chargepoints.models import ChargePoint
from chargepoints.protocol.actions import actions_from_station, actions_to_station, all_actions
from chargepoints.protocol.registry import registry
from chargepoints.services.commands import send_command
from tenants.models import Tenant
from tests.chargepoints.pki import certificate_of, new_key, pem
from tests.chargepoints.test_commands import ends
from tests.chargepoints.test_connection import stored
from tests.stations import TIME, Connect

ROOT = Path(__file__).resolve().parents[2]
VERSION = "1.6"
# What no endpoint, page or service sends yet: the lead empties this list.
WITHOUT_SENDER: set[str] = set()
# What no test but this one names yet.
WITHOUT_TEST: set[str] = set()

SENDERS = {"send_command", "_send", "_order", "_command", "_ask", "_tell", "_change"}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}]},
}
HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "a" * 64,
    "issuerKeyHash": "b" * 64,
    "serialNumber": "1",
}
ACCEPTED = {"status": "Accepted"}

INBOUND: dict[str, dict[str, Any]] = {
    "Authorize": {"idTag": "TAG"},
    "BootNotification": {"chargePointVendor": "V", "chargePointModel": "M"},
    "DataTransfer": {"vendorId": "V", "messageId": "M", "data": "x"},
    "DiagnosticsStatusNotification": {"status": "Idle"},
    "FirmwareStatusNotification": {"status": "Idle"},
    "Heartbeat": {},
    "LogStatusNotification": {"status": "Idle"},
    "MeterValues": {"connectorId": 1, "meterValue": [{"timestamp": TIME, "sampledValue": [{"value": "1"}]}]},
    "SecurityEventNotification": {"type": "StartupOfTheDevice", "timestamp": TIME},
    "SignCertificate": {"csr": "-----BEGIN CERTIFICATE REQUEST-----\nnone\n-----END CERTIFICATE REQUEST-----"},
    "SignedFirmwareStatusNotification": {"status": "Idle"},
    "StartTransaction": {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": TIME},
    "StatusNotification": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
    "StopTransaction": {"transactionId": 1, "meterStop": 5, "timestamp": TIME},
}
OUTBOUND: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "CancelReservation": ({"reservationId": 1}, ACCEPTED),
    "CertificateSigned": ({"certificateChain": "-----BEGIN CERTIFICATE-----"}, ACCEPTED),
    "ChangeAvailability": ({"connectorId": 0, "type": "Operative"}, ACCEPTED),
    "ChangeConfiguration": ({"key": "HeartbeatInterval", "value": "60"}, ACCEPTED),
    "ClearCache": ({}, ACCEPTED),
    "ClearChargingProfile": ({"id": 1}, ACCEPTED),
    "DataTransfer": ({"vendorId": "V"}, ACCEPTED),
    "DeleteCertificate": ({"certificateHashData": HASHES}, ACCEPTED),
    "ExtendedTriggerMessage": ({"requestedMessage": "Heartbeat"}, ACCEPTED),
    "GetCompositeSchedule": (
        {"connectorId": 1, "duration": 60},
        {**ACCEPTED, "connectorId": 1, "scheduleStart": TIME, "chargingSchedule": PROFILE["chargingSchedule"]},
    ),
    "GetConfiguration": ({}, {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "60"}]}),
    "GetDiagnostics": ({"location": "ftp://files.example.com/"}, {"fileName": "diagnostics.log"}),
    "GetInstalledCertificateIds": (
        {"certificateType": "CentralSystemRootCertificate"},
        {**ACCEPTED, "certificateHashData": [HASHES]},
    ),
    "GetLocalListVersion": ({}, {"listVersion": 0}),
    "GetLog": (
        {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "ftp://files.example.com/"}},
        {**ACCEPTED, "filename": "security.log"},
    ),
    "InstallCertificate": ({"certificateType": "CentralSystemRootCertificate", "certificate": ""}, ACCEPTED),
    "RemoteStartTransaction": ({"idTag": "TAG"}, ACCEPTED),
    "RemoteStopTransaction": ({"transactionId": 1}, ACCEPTED),
    "ReserveNow": (
        {"connectorId": 1, "expiryDate": "2030-01-01T00:00:00Z", "idTag": "TAG", "reservationId": 1},
        ACCEPTED,
    ),
    "Reset": ({"type": "Soft"}, ACCEPTED),
    "SendLocalList": ({"listVersion": 1, "updateType": "Full", "localAuthorizationList": []}, ACCEPTED),
    "SetChargingProfile": ({"connectorId": 0, "csChargingProfiles": PROFILE}, ACCEPTED),
    "SignedUpdateFirmware": (
        {
            "requestId": 1,
            "firmware": {
                "location": "https://files.example.com/f.bin",
                "retrieveDateTime": TIME,
                "signingCertificate": "-----BEGIN CERTIFICATE-----",
                "signature": "c2lnbmVk",
            },
        },
        ACCEPTED,
    ),
    "TriggerMessage": ({"requestedMessage": "Heartbeat"}, ACCEPTED),
    "UnlockConnector": ({"connectorId": 1}, {"status": "Unlocked"}),
    "UpdateFirmware": ({"location": "https://files.example.com/f.bin", "retrieveDate": TIME}, {}),
}


def test_the_examples_are_the_schema_folder() -> None:
    assert set(INBOUND) == actions_from_station(VERSION)
    assert set(OUTBOUND) == actions_to_station(VERSION)
    assert set(INBOUND) | set(OUTBOUND) == all_actions(VERSION)


@pytest.mark.parametrize("action", sorted(actions_from_station(VERSION)))
def test_a_handler_answers(action: str) -> None:
    assert (VERSION, action) in registry.answerers


@pytest.mark.parametrize("action", sorted(actions_to_station(VERSION)))
def test_a_service_or_an_endpoint_sends(action: str) -> None:
    """By name: that `call` takes any action is not enough."""
    assert (action in sent_by_name()) != (action in WITHOUT_SENDER)


@pytest.mark.parametrize("action", sorted(all_actions(VERSION)))
def test_a_test_stands_for(action: str) -> None:
    assert (action in named_in_tests()) != (action in WITHOUT_TEST)


@pytest.mark.parametrize("action", sorted(INBOUND))
async def test_a_station_sends_and_is_answered(tenant: Tenant, connect: Connect, action: str) -> None:
    async with connect() as station:
        answer = await station.frame(action, INBOUND[action])
    # Answers are held against their schema while testing: a CALLRESULT is one that fits.
    assert answer[0] == 3, answer


@pytest.mark.parametrize("action", sorted(OUTBOUND))
async def test_we_send_and_the_answer_counts(tenant: Tenant, connect: Connect, action: str) -> None:
    payload, reply = OUTBOUND[action]
    if action == "InstallCertificate":
        payload = {**payload, "certificate": pem(certificate_of("Root", key=new_key("P-256"), authority=True))}
    async with connect() as station:
        station.answers[action] = reply

        def send() -> Any:
            row = ChargePoint.objects.get()
            return send_command(charge_point=row, action=action, payload=payload, requested_by="alice", origin="api")

        command = await stored(tenant, send)
        row = await ends(tenant, command, "accepted")
    assert station.asked[0] == (action, payload)
    assert row.reply == reply


@cache
def sent_by_name() -> frozenset[str]:
    """Actions that stand as text in a call of something that sends, outside the tests."""
    found: set[str] = set()
    for app in ("chargepoints", "metering", "smartcharging"):
        for path in (ROOT / app).rglob("*.py"):
            for call in _calls(path):
                if _name(call.func) in SENDERS:
                    found |= set(_texts(call))
    return frozenset(found)


@cache
def named_in_tests() -> frozenset[str]:
    """Actions that stand as text in a test function elsewhere, or in what it is given."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        if path != Path(__file__).resolve():
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
                # `station.call("Heartbeat")` has helpers named after what they send.
                elif isinstance(node, ast.Call) and _name(node.func) in _HELPERS:
                    found.add(_HELPERS[_name(node.func)])
    return frozenset(found)


_HELPERS = {"start": "StartTransaction", "stop": "StopTransaction", "boot": "BootNotification"}


def _calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield node


def _texts(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
