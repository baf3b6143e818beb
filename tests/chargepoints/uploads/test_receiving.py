"""Files that stations send to our one-time address: bounded, safely named, once."""

import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone

from chargepoints.files.addresses import digest_of, new_token
from chargepoints.files.storage import path_of
from chargepoints.models import ChargePoint, Command, StationUpload
from tenants.context import system_transaction, tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.chargepoints.uploads.rows import State, again, ask, files_of, path_for, put

pytestmark = pytest.mark.usefixtures("db", "redis_clean")
FORM = "multipart/form-data; boundary=b"


def test_045_a_station_sends_its_diagnostics_to_our_address(station: ChargePoint, media: Path) -> None:
    upload, command = ask(station)
    assert command.action == "GetDiagnostics"
    assert put(path_for(command) + "diag 1.log", b"all is well").status_code == 201
    upload = again(upload)
    assert (upload.state, upload.filename, upload.size) == (State.RECEIVED, "diag 1.log", 11)
    assert upload.sha256 == hashlib.sha256(b"all is well").hexdigest()
    assert path_of(str(upload.file.name)).read_bytes() == b"all is well"
    assert re.fullmatch(rf"{station.tenant_id}/uploads/[0-9a-f]{{32}}", str(upload.file.name))
    with tenant_transaction(station.tenant_id):
        event = OutboxEvent.objects.get(event_type="upload.ended")
        assert Command.objects.get().outcome == "fulfilled"
    assert event.data == {"uploadId": upload.pk, "kind": "diagnostics", "state": "received", "status": "", "size": 11}


@pytest.mark.parametrize("suffix", ["", "/", "/diag.log"])
def test_the_file_may_come_to_the_folder_or_below_it(station: ChargePoint, suffix: str) -> None:
    upload, command = ask(station)
    assert put(path_for(command).rstrip("/") + suffix).status_code == 201
    assert again(upload).state == State.RECEIVED


def test_a_form_is_taken_as_well_as_a_plain_body(station: ChargePoint) -> None:
    for method in ("post", "put"):
        upload, command = ask(station)
        body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="..\\\\x/d.zip"\r\n\r\nPK\r\n--b--\r\n'
        answer = getattr(Client(), method)(path_for(command), body, content_type=FORM)
        assert answer.status_code == 201, answer.content
        assert (again(upload).filename, again(upload).size) == ("d.zip", 2)


def test_a_token_is_good_for_one_success(station: ChargePoint, media: Path) -> None:
    _upload, command = ask(station)
    assert put(path_for(command)).status_code == 201
    assert put(path_for(command)).status_code == 404
    assert len(files_of(media)) == 1


def test_only_the_digest_of_a_token_is_kept_with_the_upload(station: ChargePoint) -> None:
    upload, command = ask(station)
    token = path_for(command).split("/")[2]
    assert upload.token_digest == digest_of(token)
    assert token not in upload.location
    assert "***" in upload.location
    assert len({new_token()[0] for _ in range(100)}) == 100


@pytest.mark.parametrize("path", ["x", "a" * 32, "a" * 32 + "/log", "é" * 32, "a" * 32 + "/../../x", "%00" * 32])
@pytest.mark.parametrize("method", ["get", "head", "put", "post", "delete", "options", "patch"])
def test_everything_without_a_token_is_not_found(tenant: Tenant, path: str, method: str) -> None:
    assert getattr(Client(), method)(f"/station-files/{path}").status_code == 404


def test_an_upload_token_reads_nothing(station: ChargePoint) -> None:
    _upload, command = ask(station)
    assert Client().get(path_for(command)).status_code == 404


def test_an_expired_token_is_not_found(station: ChargePoint) -> None:
    upload, command = ask(station)
    with tenant_transaction(station.tenant_id):
        StationUpload.objects.filter(pk=upload.pk).update(expires_at=timezone.now())
    assert put(path_for(command)).status_code == 404


def test_a_suspended_tenants_stations_send_nothing(station: ChargePoint) -> None:
    _upload, command = ask(station)
    with system_transaction():
        Tenant.objects.update(status=Tenant.Status.SUSPENDED)
    assert put(path_for(command)).status_code == 404


def test_a_file_that_is_too_big_leaves_nothing_and_may_be_sent_again(
    station: ChargePoint, media: Path, settings: Any
) -> None:
    settings.UPLOAD_MAX_BYTES = 10
    upload, command = ask(station)
    assert put(path_for(command), b"x" * 11).status_code == 413
    form = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"x" * 11 + b"\r\n--b--\r\n"
    assert Client().post(path_for(command), form, content_type=FORM).status_code == 413
    assert files_of(media) == []
    assert again(upload).state == State.REQUESTED
    assert put(path_for(command), b"x" * 10).status_code == 201


def test_empty_and_partial_files_are_refused(station: ChargePoint, media: Path) -> None:
    _upload, command = ask(station)
    assert put(path_for(command), b"").status_code == 400
    assert Client().post(path_for(command), b"--b--\r\n", content_type=FORM).status_code == 400
    assert Client().post(path_for(command), b"nonsense", content_type="multipart/form-data").status_code == 400
    assert put(path_for(command), b"x", **{"Content-Range": "bytes 0-0/9"}).status_code == 400
    assert files_of(media) == []


def test_a_disk_that_takes_nothing_is_said_and_the_token_stays_good(
    station: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    _upload, command = ask(station)

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("chargepoints.files.storage.os.fsync", full)
        assert put(path_for(command)).status_code == 503
    assert put(path_for(command)).status_code == 201


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ("../../etc/passwd", "passwd"),
        ('a"; x=y', "a_ x_y"),
        ("<script>.html", "_script_.html"),
        ("..", "file"),
        ("Überwachung.log", "Überwachung.log"),
        ("x" * 300 + ".log", "x" * 116 + ".log"),
    ],
)
def test_a_stations_name_is_only_a_label(station: ChargePoint, given: str, label: str, media: Path) -> None:
    upload, command = ask(station)
    assert put(path_for(command) + quote(given, safe="")).status_code == 201
    assert again(upload).filename == label
    assert [path.parent for path in files_of(media)] == [media / str(station.tenant_id) / "uploads"]
