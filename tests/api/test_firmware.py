"""Firmware, rollouts, updates and station files over REST."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Command, FirmwareFile, FirmwareRollout, FirmwareUpdate, StationUpload
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant
from tests.api.conftest import make_station
from tests.chargepoints.signing import certificate, new_key, pem, sign

BASE = "/api/v1"
STATION = f"{BASE}/chargepoints/CP1"
URL = "https://files.example.com/fw.bin"
CONTENT = b"firmware 2.0"


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    settings.PUBLIC_URL = "http://csms.example.com"
    return tmp_path


def soon(hours: int = 1) -> str:
    return (timezone.now() + timedelta(hours=hours)).isoformat()


def add(api: APIClient, **fields: Any) -> dict[str, Any]:
    given = {"name": "Wall", "version": "2.0", "url": URL, **fields}
    answer: Any = api.post(f"{BASE}/firmware", given, format="json")
    assert answer.status_code == 201, answer.json()
    return dict(answer.json()["data"])


def errors(answer: Any, status: int = 400) -> set[str]:
    assert answer.status_code == status, answer.content[:500]
    return {error["field"] for error in answer.json()["errors"]}


def file(content: bytes = CONTENT) -> SimpleUploadedFile:
    return SimpleUploadedFile("fw.bin", content)


def test_a_firmware_file_is_uploaded_listed_and_deleted(api: APIClient, tenant: Tenant, media: Path) -> None:
    key = new_key()
    given = {
        "name": "Wall",
        "version": "2.0",
        "vendor": "Voltaic",
        "file": file(),
        "signature": sign(key, CONTENT),
        "signingCertificate": pem(certificate(key)),
    }
    answer: Any = api.post(f"{BASE}/firmware", given, format="multipart")
    assert answer.status_code == 201, answer.json()
    made = answer.json()["data"]
    assert (made["size"], made["url"], made["uploadedBy"]) == (len(CONTENT), "", "alice")
    listed: Any = api.get(f"{BASE}/firmware?vendor=voltaic")
    assert [row["firmwareId"] for row in listed.json()["data"]] == [made["firmwareId"]]
    assert api.get(f"{BASE}/firmware/{made['firmwareId']}").status_code == 200
    assert api.delete(f"{BASE}/firmware/{made['firmwareId']}").status_code == 204
    assert [path for path in media.rglob("*") if path.is_file()] == []
    with tenant_transaction(tenant.pk):
        assert set(AuditEntry.objects.values_list("action", flat=True)) == {"create", "delete"}


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"url": "javascript:alert(1)"}, {"url"}),
        ({"url": "ftp:///x"}, {"url"}),
        ({"url": "https://x/" + "y" * 600}, {"url"}),
        ({"version": ""}, {"version"}),
        ({"colour": "red"}, {"colour"}),
        ({"signature": "AAAA"}, {"signingCertificate"}),
        ({"signature": "AAAA", "signingCertificate": "x"}, {"signingCertificate"}),
        ({"file": "text"}, {"file"}),
    ],
)
def test_wrong_firmware_is_refused_with_its_field(
    api: APIClient, tenant: Tenant, change: dict[str, Any], fields: set[str]
) -> None:
    given = {"name": "Wall", "version": "2.0", "url": URL, **change}
    assert errors(api.post(f"{BASE}/firmware", given, format="json")) == fields


def test_too_big_a_file_is_refused(api: APIClient, tenant: Tenant, settings: Any, media: Path) -> None:
    settings.UPLOAD_MAX_BYTES = 5
    given = {"name": "Wall", "version": "2.0", "file": file()}
    assert errors(api.post(f"{BASE}/firmware", given, format="multipart")) == {"file"}
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_passwords_in_addresses_are_not_shown(api: APIClient, tenant: Tenant) -> None:
    made = add(api, url="ftp://user:secret@files.example.com/fw.bin?X-Signature=abc")
    assert made["url"] == "ftp://user:***@files.example.com/fw.bin?***"


def test_viewers_look_and_strangers_see_nothing(
    api: APIClient, viewer: APIClient, stranger: APIClient, station: ChargePoint
) -> None:
    made = add(api)
    path = f"{BASE}/firmware/{made['firmwareId']}"
    assert viewer.get(path).status_code == 200
    assert viewer.post(f"{BASE}/firmware", {}, format="json").status_code == 403
    assert viewer.post(f"{STATION}/update-firmware", {}, format="json").status_code == 403
    assert viewer.post(f"{STATION}/get-log", {}, format="json").status_code == 403
    assert stranger.get(path).status_code == 404
    assert stranger.delete(path).status_code == 404
    for below in ("uploads", "firmware-updates"):
        assert stranger.get(f"{STATION}/{below}").status_code == 404
    given = {"name": "x", "firmwareId": made["firmwareId"], "chargePointIds": ["CP1"]}
    assert errors(stranger.post(f"{BASE}/firmware/rollouts", given, format="json")) == {"firmwareId"}


# --- one station ---


def test_044_an_update_is_sent_and_followed(api: APIClient, station: ChargePoint) -> None:
    made = add(api)
    given = {"firmwareId": made["firmwareId"], "retries": 3, "retryInterval": 60, "expiresAt": soon()}
    answer: Any = api.post(f"{STATION}/update-firmware", given, format="json")
    assert answer.status_code == 202, answer.json()
    command = answer.json()["data"]
    assert command["action"] == "UpdateFirmware"
    assert {name: command["payload"][name] for name in ("location", "retries", "retryInterval")} == {
        "location": URL,
        "retries": 3,
        "retryInterval": 60,
    }
    (update,) = api.get(f"{STATION}/firmware-updates").json()["data"]
    assert (update["status"], update["version"], update["commandId"]) == ("sent", "2.0", command["commandId"])
    one: Any = api.get(f"{STATION}/firmware-updates/{update['updateId']}")
    assert one.json()["data"] == update


def test_080_a_signed_update_is_sent(api: APIClient, station: ChargePoint) -> None:
    key = new_key()
    given = {
        "location": URL,
        "signature": sign(key, b"x"),
        "signingCertificate": pem(certificate(key)),
        "installDate": soon(2),
        "expiresAt": soon(),
    }
    answer: Any = api.post(f"{STATION}/signed-update-firmware", given, format="json")
    assert answer.status_code == 202, answer.json()
    payload = answer.json()["data"]["payload"]
    assert payload["requestId"] > 0
    assert {"location", "retrieveDateTime", "installDateTime", "signingCertificate", "signature"} == set(
        payload["firmware"]
    )


@pytest.mark.parametrize("path", ["update-firmware", "signed-update-firmware", "get-diagnostics", "get-log"])
def test_an_offline_station_is_a_conflict_that_leaves_nothing(api: APIClient, station: ChargePoint, path: str) -> None:
    key = new_key()
    signing = {"signature": sign(key, b"x"), "signingCertificate": pem(certificate(key))}
    given: dict[str, Any] = {
        "update-firmware": {"location": URL},
        "signed-update-firmware": {"location": URL, **signing},
        "get-diagnostics": {},
        "get-log": {"logType": "SecurityLog"},
    }[path]
    assert api.post(f"{STATION}/{path}", given, format="json").status_code == 409
    with tenant_transaction(station.tenant_id):
        assert not StationUpload.objects.exists()
        assert not FirmwareUpdate.objects.exists()


@pytest.mark.parametrize(
    ("path", "given", "fields"),
    [
        ("update-firmware", {}, {"location"}),
        ("update-firmware", {"location": URL, "firmwareId": 1}, {"location"}),
        ("update-firmware", {"firmwareId": 99}, {"firmwareId"}),
        ("update-firmware", {"firmwareId": 10**30}, {"firmwareId"}),
        ("update-firmware", {"location": "file:///etc/passwd"}, {"location"}),
        ("update-firmware", {"location": "http://a b/"}, {"location"}),
        ("update-firmware", {"location": "http://[::1/"}, {"location"}),
        ("update-firmware", {"location": URL, "retrieveDate": "0001-01-01T00:00:00+14:00"}, {"retrieveDate"}),
        ("update-firmware", {"location": URL, "retrieveDate": "9999-12-31T23:59:59Z"}, {"retrieveDate"}),
        ("update-firmware", {"location": URL, "retries": -1}, {"retries"}),
        ("update-firmware", {"location": URL, "retryInterval": 1e9}, {"retryInterval"}),
        ("update-firmware", {"location": URL, "expiresAt": "2020-01-01T00:00:00Z"}, {"expiresAt"}),
        ("update-firmware", {"location": URL, "installDate": "2027-01-01T00:00:00Z"}, {"installDate"}),
        ("signed-update-firmware", {"location": URL}, {"signature"}),
        ("signed-update-firmware", {"location": URL, "signature": "AAAA"}, {"signingCertificate"}),
        ("get-diagnostics", {"location": "gopher://x/"}, {"location"}),
        ("get-diagnostics", {"startTime": "x"}, {"startTime"}),
        ("get-diagnostics", {"startTime": "0001-01-01T00:00:00+14:00"}, {"startTime"}),
        ("get-diagnostics", {"startTime": "2026-01-02T00:00:00Z", "stopTime": "2026-01-01T00:00:00Z"}, {"stopTime"}),
        ("get-log", {}, {"logType"}),
        ("get-log", {"logType": "Everything"}, {"logType"}),
        ("get-log", {"logType": "SecurityLog", "startTime": "2026-01-02T00:00:00Z"}, {"startTime"}),
    ],
)
def test_wrong_input_names_its_field_and_sends_nothing(
    api: APIClient, station: ChargePoint, path: str, given: dict[str, Any], fields: set[str]
) -> None:
    assert errors(api.post(f"{STATION}/{path}", given, format="json")) == fields
    with tenant_transaction(station.tenant_id):
        assert not Command.objects.exists()


def test_without_a_public_address_a_location_is_needed(api: APIClient, station: ChargePoint, settings: Any) -> None:
    settings.PUBLIC_URL = ""
    assert errors(api.post(f"{STATION}/get-diagnostics", {"expiresAt": soon()}, format="json")) == {"location"}
    given = {"location": "ftp://files.example.com/", "expiresAt": soon()}
    assert api.post(f"{STATION}/get-diagnostics", given, format="json").status_code == 202


@pytest.mark.parametrize(("path", "given"), [("get-diagnostics", {}), ("get-log", {"logType": "SecurityLog"})])
def test_045_079_a_file_is_asked_for_and_downloaded(
    api: APIClient, viewer: APIClient, station: ChargePoint, path: str, given: dict[str, str]
) -> None:
    answer: Any = api.post(f"{STATION}/{path}", {**given, "expiresAt": soon()}, format="json")
    # What is shown hides the token; the charge point gets it.
    with tenant_transaction(station.tenant_id):
        payload = Command.objects.get(pk=answer.json()["data"]["commandId"]).payload
    location = (payload.get("log") or {}).get("remoteLocation") or payload["location"]
    (upload,) = api.get(f"{STATION}/uploads").json()["data"]
    assert (upload["status"], upload["commandId"]) == ("requested", answer.json()["data"]["commandId"])
    assert upload["location"] == "http://csms.example.com/station-files/***/"
    below = f"{STATION}/uploads/{upload['uploadId']}"
    assert api.get(f"{below}/file").status_code == 404
    target = location.removeprefix("http://csms.example.com") + "<b>.html"
    sent = Client().put(target, b"<script>", content_type="text/html")
    assert sent.status_code == 201
    assert api.get(below).json()["data"]["status"] == "received"
    got: Any = api.get(f"{below}/file", headers={"Accept": "application/octet-stream"})
    assert (got.status_code, got.getvalue()) == (200, b"<script>")
    assert (got["Content-Type"], got["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
    assert got["Content-Disposition"] == 'attachment; filename="_b_.html"'
    part: Any = api.get(f"{below}/file", headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.getvalue()) == (206, b"scr")
    assert viewer.get(below).status_code == 200
    assert viewer.get(f"{below}/file").status_code == 403


def test_one_stations_upload_is_not_below_another(api: APIClient, tenant: Tenant, station: ChargePoint) -> None:
    make_station(tenant, "CP2")
    api.post(f"{STATION}/get-diagnostics", {"expiresAt": soon()}, format="json")
    (upload,) = api.get(f"{STATION}/uploads").json()["data"]
    assert api.get(f"{BASE}/chargepoints/CP2/uploads/{upload['uploadId']}").status_code == 404


# --- rollouts ---


@pytest.fixture
def fleet(tenant: Tenant, station: ChargePoint) -> list[ChargePoint]:
    """CP1 to CP3."""
    return [station, *(make_station(tenant, f"CP{number}") for number in (2, 3))]


def test_a_rollout_is_made_watched_paused_and_cancelled(api: APIClient, fleet: list[ChargePoint]) -> None:
    made = add(api)
    given = {
        "name": "Autumn",
        "firmwareId": made["firmwareId"],
        "chargePointIds": ["cp1", "CP2", "CP3"],
        "waveSize": 2,
        "allowedFailures": 0,
        "waveHours": 8,
    }
    answer: Any = api.post(f"{BASE}/firmware/rollouts", given, format="json")
    assert answer.status_code == 201, answer.json()
    rollout = answer.json()["data"]
    assert (rollout["status"], rollout["progress"]["total"], rollout["version"]) == ("running", 3, "2.0")
    path = f"{BASE}/firmware/rollouts/{rollout['rolloutId']}"
    updates = api.get(f"{path}/updates").json()
    assert [(row["chargePointId"], row["wave"]) for row in updates["data"]] == [("CP1", 1), ("CP2", 1), ("CP3", 2)]
    assert api.delete(f"{BASE}/firmware/{made['firmwareId']}").status_code == 409
    assert api.post(f"{path}/resume").status_code == 409
    for change, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        changed: Any = api.post(f"{path}/{change}")
        assert changed.json()["data"]["status"] == status
    assert api.post(f"{path}/cancel").status_code == 409
    assert api.get(path).json()["data"]["progress"]["cancelled"] == 3
    listed: Any = api.get(f"{BASE}/firmware/rollouts?status=cancelled")
    assert listed.json()["meta"]["count"] == 1


def test_a_strangers_rollout_is_not_found(api: APIClient, stranger: APIClient, fleet: list[ChargePoint]) -> None:
    made = add(api)
    given = {"name": "Autumn", "firmwareId": made["firmwareId"], "filter": {"firmwareVersion": "1"}}
    with tenant_transaction(fleet[0].tenant_id):
        ChargePoint.objects.update(firmware_version="1")
    rollout: Any = api.post(f"{BASE}/firmware/rollouts", given, format="json").json()["data"]
    path = f"{BASE}/firmware/rollouts/{rollout['rolloutId']}"
    assert stranger.get(path).status_code == 404
    assert stranger.get(f"{path}/updates").status_code == 404
    assert stranger.post(f"{path}/cancel").status_code == 404


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({}, {"chargePointIds"}),
        ({"chargePointIds": []}, {"chargePointIds"}),
        ({"chargePointIds": ["CP1"], "filter": {"vendor": "x"}}, {"chargePointIds"}),
        ({"filter": {}}, {"filter"}),
        ({"filter": {"colour": "red"}}, {"filter.colour"}),
        ({"filter": {"vendor": "nobody"}}, {"filter"}),
        ({"chargePointIds": ["NOBODY"]}, {"chargePointIds"}),
        ({"chargePointIds": ["CP1"], "firmwareId": 12345}, {"firmwareId"}),
        ({"chargePointIds": ["CP1"], "signed": True}, {"signed"}),
        ({"chargePointIds": ["CP1"], "waveSize": 0}, {"waveSize"}),
        ({"chargePointIds": ["CP1"], "startTime": "9999-01-01T00:00:00Z"}, {"startTime"}),
        ({"chargePointIds": ["CP1"], "installTime": "2026-12-01T00:00:00Z"}, {"installTime"}),
    ],
)
def test_wrong_rollouts_are_refused_with_their_field(
    api: APIClient, fleet: list[ChargePoint], change: dict[str, Any], fields: set[str]
) -> None:
    made = add(api)
    given = {"name": "Autumn", "firmwareId": made["firmwareId"], **change}
    assert errors(api.post(f"{BASE}/firmware/rollouts", given, format="json")) == fields
    with tenant_transaction(fleet[0].tenant_id):
        assert not FirmwareRollout.objects.exists()
        assert FirmwareFile.objects.count() == 1
