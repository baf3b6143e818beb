"""Firmware, rollouts and station files in the back office."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import ChargePoint, FirmwareFile, FirmwareRollout, FirmwareUpdate, StationUpload
from chargepoints.services.uploads import Wanted, request_diagnostics
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import make_station

FORM = {"name": "Wall", "version": "2.0"}
URL = "https://files.example.com/fw.bin"


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    settings.PUBLIC_URL = "http://csms.example.com"
    return tmp_path


@pytest.fixture
def firmware(tenant: Tenant) -> FirmwareFile:
    with tenant_transaction(tenant.pk):
        return FirmwareFile.objects.create(tenant=tenant, name="Wall", version="2.0", url=URL)


@pytest.fixture
def fleet(tenant: Tenant) -> list[ChargePoint]:
    return [make_station(tenant, f"CP{number}") for number in (1, 2, 3)]


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def page(name: str, *arguments: Any) -> str:
    return reverse(f"admin:{name}", args=arguments)


def test_a_firmware_is_uploaded_and_shown(alice: User, tenant: Tenant) -> None:
    client = office(alice)
    assert 'enctype="multipart/form-data"' in text(client.get(page("chargepoints_firmwarefile_add")))
    sent = client.post(page("chargepoints_firmwarefile_add"), {**FORM, "file": SimpleUploadedFile("f.bin", b"abc")})
    assert sent.status_code == 302
    with tenant_transaction(tenant.pk):
        made = FirmwareFile.objects.get()
        assert AuditEntry.objects.get(action="create").object_name == "Wall 2.0"
    assert made.size == 3
    assert made.sha256 in text(client.get(page("chargepoints_firmwarefile_change", made.pk)))
    assert "Wall" in text(client.get(page("chargepoints_firmwarefile_changelist")))
    assert client.post(page("chargepoints_firmwarefile_delete", made.pk), {"post": "yes"}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert not FirmwareFile.objects.exists()


def test_faults_stand_beside_their_field(alice: User, firmware: FirmwareFile) -> None:
    client = office(alice)
    said = text(client.post(page("chargepoints_firmwarefile_add"), {**FORM, "url": "gopher://x"}))
    assert "Must begin with one of" in said
    assert "There is a firmware of this name and version already." in said
    assert "Either a file or a URL." in text(client.post(page("chargepoints_firmwarefile_add"), FORM))


def test_a_firmware_in_use_is_not_deleted(alice: User, firmware: FirmwareFile, fleet: list[ChargePoint]) -> None:
    with tenant_transaction(firmware.tenant_id):
        FirmwareUpdate.objects.create(
            tenant_id=firmware.tenant_id, charge_point=fleet[0], firmware=firmware, state="running"
        )
    answer = office(alice).post(page("chargepoints_firmwarefile_delete", firmware.pk), {"post": "yes"}, follow=True)
    assert "it was not deleted" in text(answer)


ROLLOUT = {"name": "Autumn", "charge_points": "CP1, CP2 CP3", "wave_size": 2, "allowed_failures": 1, "wave_hours": 4}


def test_a_rollout_is_looked_over_before_it_begins(
    alice: User, firmware: FirmwareFile, fleet: list[ChargePoint]
) -> None:
    client = office(alice)
    given = {**ROLLOUT, "firmware": firmware.pk}
    assert "Look it over" in text(client.get(page("chargepoints_firmwarerollout_add")))
    said = text(client.post(page("chargepoints_firmwarerollout_add"), given))
    assert "3 stations will be told, in 2 waves." in said
    assert all(station.identity in said for station in fleet)
    with tenant_transaction(firmware.tenant_id):
        assert not FirmwareRollout.objects.exists()
    assert client.post(page("chargepoints_firmwarerollout_add"), {**given, "confirmed": "1"}).status_code == 302
    with tenant_transaction(firmware.tenant_id):
        rollout = FirmwareRollout.objects.get()
        FirmwareUpdate.objects.filter(charge_point=fleet[0]).update(state="installed")
    shown = text(client.get(page("chargepoints_firmwarerollout_change", rollout.pk)))
    assert "1 of 3 done" in shown
    assert "<progress" in shown
    assert "1 of 3 installed" in text(client.get(page("chargepoints_firmwarerollout_changelist")))
    for what, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        do = page("firmware_rollout_do", rollout.pk, what)
        assert "Autumn" in text(client.get(do))
        assert client.post(do).status_code == 302
        with tenant_transaction(firmware.tenant_id):
            assert FirmwareRollout.objects.get().state == state
    assert client.post(page("firmware_rollout_do", rollout.pk, "resume")).status_code == 302


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"charge_points": "NOBODY"}, "There is no charge point NOBODY."),
        ({"charge_points": ""}, "Name charge points, or say which."),
        ({"signed": "on", "confirmed": "1"}, "The firmware has no signature."),
        ({"wave_size": "0"}, "greater than or equal to 1"),
    ],
)
def test_a_faulty_rollout_says_why(
    alice: User, firmware: FirmwareFile, fleet: list[ChargePoint], change: dict[str, str], said: str
) -> None:
    given = {**ROLLOUT, "firmware": firmware.pk, **change}
    assert said in text(office(alice).post(page("chargepoints_firmwarerollout_add"), given))


def test_a_stations_files_stand_on_a_page_of_its_own(alice: User, fleet: list[ChargePoint]) -> None:
    station, client = fleet[0], office(alice)
    wanted = Wanted(expires_at=timezone.now() + timedelta(hours=1))
    upload, command = request_diagnostics(charge_point=station, wanted=wanted, requested_by="alice", origin="admin")
    path = command.payload["location"].removeprefix("http://csms.example.com")
    assert Client().put(path + "diag.html", b"<script>", content_type="text/html").status_code == 201
    shown = text(client.get(page("charge_point_files", station.pk)))
    assert "diag.html" in shown
    got: Any = client.get(page("station_upload_file", upload.pk))
    assert (got.getvalue(), got["Content-Type"]) == (b"<script>", "application/octet-stream")
    assert got["Content-Disposition"].startswith("attachment")
    assert "diag.html" in text(client.get(page("chargepoints_stationupload_changelist")))
    assert "***" in text(client.get(page("chargepoints_stationupload_change", upload.pk)))


@pytest.mark.parametrize(
    ("view", "form", "said"),
    [
        ("ask", {"kind": "diagnostics"}, "The station is offline"),
        ("ask", {"kind": "security_log", "location": "gopher://x"}, "Must begin with one of"),
        (
            "ask",
            {"kind": "diagnostics", "start": "2026-11-02T10:00", "end": "2026-11-01T10:00"},
            "Before the beginning",
        ),
        ("update", {"location": URL}, "The station is offline"),
        ("update", {}, "Either a firmware or an address."),
        ("update", {"location": URL, "signed": "on"}, "Choose a firmware that has a signature."),
    ],
)
def test_what_a_station_can_not_be_told_is_said(
    alice: User, fleet: list[ChargePoint], view: str, form: dict[str, str], said: str
) -> None:
    path = page(f"charge_point_files_{view}", fleet[0].pk)
    assert text(office(alice).get(path))
    assert said in text(office(alice).post(path, form))
    with tenant_transaction(fleet[0].tenant_id):
        assert not StationUpload.objects.exists()
        assert not FirmwareUpdate.objects.exists()


def test_viewers_look_and_strangers_find_nothing(
    bob: User, charlie: User, firmware: FirmwareFile, fleet: list[ChargePoint]
) -> None:
    with tenant_transaction(firmware.tenant_id):
        upload = StationUpload.objects.create(
            tenant_id=firmware.tenant_id,
            charge_point=fleet[0],
            kind="diagnostics",
            expires_at=timezone.now(),
            file="x",
            requested_by="alice",
        )
    viewer, stranger = office(bob), office(charlie)
    assert text(viewer.get(page("charge_point_files", fleet[0].pk)))
    for path in (
        page("charge_point_files_ask", fleet[0].pk),
        page("charge_point_files_update", fleet[0].pk),
        page("station_upload_file", upload.pk),
    ):
        assert viewer.get(path).status_code == 404
        assert stranger.get(path).status_code == 404
    for path in (page("chargepoints_firmwarerollout_add"), page("chargepoints_firmwarefile_add")):
        assert viewer.get(path).status_code == 403
    assert stranger.get(page("chargepoints_firmwarefile_change", firmware.pk)).status_code == 302
