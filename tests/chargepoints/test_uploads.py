"""Diagnostics and logs that stations send: to us with a one-time address, or elsewhere."""

import hashlib
import http.client
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from chargepoints.files.addresses import digest_of, new_token
from chargepoints.files.storage import path_of
from chargepoints.models import ChargePoint, Command, StationUpload
from chargepoints.services.upload_sweeps import purge_uploads, settle_uploads
from chargepoints.services.uploads import Wanted, request_diagnostics, request_log
from tenants.context import system_transaction, tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.api.conftest import make_station
from tests.conftest import eventually
from tests.stations import Connect

pytestmark = pytest.mark.usefixtures("db", "redis_clean")
State = StationUpload.State
FORM = "multipart/form-data; boundary=b"


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    settings.PUBLIC_URL = "http://csms.example.com/"
    return tmp_path


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    return make_station(tenant)


def ask(station: ChargePoint, kind: str = "diagnostics", **wanted: Any) -> tuple[StationUpload, Command]:
    """A request that waits for the (offline) station."""
    order = Wanted(expires_at=timezone.now() + timedelta(hours=1), **wanted)
    if kind == "diagnostics":
        return request_diagnostics(charge_point=station, wanted=order, requested_by="alice", origin="api")
    return request_log(charge_point=station, kind=kind, wanted=order, requested_by="alice", origin="api")


def path_for(command: Command) -> str:
    """The path of our address in a command."""
    location = command.payload.get("location") or command.payload["log"]["remoteLocation"]
    assert location.startswith("http://csms.example.com/station-files/")
    return str(location).removeprefix("http://csms.example.com")


def again(upload: StationUpload) -> StationUpload:
    with tenant_transaction(upload.tenant_id):
        return StationUpload.objects.get(pk=upload.pk)


def files_of(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def put(path: str, body: bytes = b"log", **headers: str) -> Any:
    return Client().put(path, body, content_type="application/octet-stream", headers=headers)


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


# --- over the wire ---


async def test_045_diagnostics_from_request_to_file(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["GetDiagnostics"] = {"fileName": "diag.tar"}
        upload = await sync_to_async(_request)(tenant, "diagnostics")
        await eventually(lambda: any(action == "GetDiagnostics" for action, _ in station.asked))
        payload = next(payload for action, payload in station.asked if action == "GetDiagnostics")
        assert await station.call("DiagnosticsStatusNotification", status="Uploading") == {}
        await _until(upload, State.UPLOADING)
        assert await station.call("DiagnosticsStatusNotification", status="Uploaded") == {}
        # The status came before the file: it is waited for.
        assert (await sync_to_async(again)(upload)).state == State.UPLOADING
        path = payload["location"].removeprefix("http://csms.example.com")
        assert (await sync_to_async(put)(path, b"tar")).status_code == 201
        row = await _until(upload, State.RECEIVED)
        assert (row.filename, row.status) == ("diag.tar", "Uploaded")


async def test_the_file_may_come_before_its_status(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        upload = await sync_to_async(_request)(tenant, "diagnostics")
        await eventually(lambda: any(action == "GetDiagnostics" for action, _ in station.asked))
        payload = next(payload for action, payload in station.asked if action == "GetDiagnostics")
        path = payload["location"].removeprefix("http://csms.example.com")
        assert (await sync_to_async(put)(path, b"tar")).status_code == 201
        for status in ("Uploading", "Uploaded", "UploadFailed", "Idle"):
            assert await station.call("DiagnosticsStatusNotification", status=status) == {}
        assert (await sync_to_async(again)(upload)).state == State.RECEIVED


async def test_045_diagnostics_to_the_operators_own_server(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["GetDiagnostics"] = {"fileName": "diag.tar"}
        upload = await sync_to_async(_request)(tenant, "diagnostics", location="ftp://u:p@files.example.com/in/")
        await eventually(lambda: any(action == "GetDiagnostics" for action, _ in station.asked))
        await station.call("DiagnosticsStatusNotification", status="Uploading")
        await station.call("DiagnosticsStatusNotification", status="Uploaded")
        await _until(upload, State.ELSEWHERE)


async def test_045_a_failed_diagnostics_upload(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        upload = await sync_to_async(_request)(tenant, "diagnostics")
        await station.call("DiagnosticsStatusNotification", status="UploadFailed")
        row = await _until(upload, State.FAILED)
        assert row.status == "UploadFailed"
        assert await sync_to_async(_outcome)(row) == "unfulfilled"


async def test_without_a_file_name_there_are_no_diagnostics(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["GetDiagnostics"] = {}
        upload = await sync_to_async(_request)(tenant, "diagnostics")
        assert (await _until(upload, State.FAILED)).status == "NothingToUpload"


@pytest.mark.parametrize(("kind", "log_type"), [("security_log", "SecurityLog"), ("diagnostics_log", "DiagnosticsLog")])
async def test_079_a_log_is_matched_by_its_request_id(
    connect: Connect, tenant: Tenant, kind: str, log_type: str
) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["GetLog"] = {"status": "Accepted", "filename": "sec.log"}
        first = await sync_to_async(_request)(tenant, kind)
        second = await sync_to_async(_request)(tenant, kind)
        assert first.request_id != second.request_id
        await eventually(lambda: sum(action == "GetLog" for action, _ in station.asked) == 2)
        asked = next(payload for _, payload in station.asked if payload.get("requestId") == first.request_id)
        assert asked["logType"] == log_type
        await station.call("LogStatusNotification", status="Uploading", requestId=first.request_id)
        await _until(first, State.UPLOADING)
        assert (await sync_to_async(again)(second)).state == State.REQUESTED
        path = asked["log"]["remoteLocation"].removeprefix("http://csms.example.com")
        assert (await sync_to_async(put)(path)).status_code == 201
        await station.call("LogStatusNotification", status="Uploaded", requestId=first.request_id)
        assert (await sync_to_async(again)(first)).status == "Uploaded"


@pytest.mark.parametrize("status", ["BadMessage", "NotSupportedOperation", "PermissionDenied", "UploadFailure"])
async def test_079_a_log_that_fails_says_why(connect: Connect, tenant: Tenant, status: str) -> None:
    async with connect() as station:
        await station.boot()
        upload = await sync_to_async(_request)(tenant, "security_log")
        await station.call("LogStatusNotification", status=status, requestId=upload.request_id)
        assert (await _until(upload, State.FAILED)).status == status


async def test_079_a_refused_log_fails_at_once(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["GetLog"] = {"status": "Rejected"}
        upload = await sync_to_async(_request)(tenant, "security_log")
        assert (await _until(upload, State.FAILED)).status == "Rejected"


async def test_079_a_second_log_may_cancel_the_first(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["GetLog"] = {"status": "Accepted", "filename": "a"}
        first = await sync_to_async(_request)(tenant, "security_log")
        await eventually(lambda: any(action == "GetLog" for action, _ in station.asked))
        station.answers["GetLog"] = {"status": "AcceptedCanceled", "filename": "b"}
        second = await sync_to_async(_request)(tenant, "security_log")
        assert (await _until(first, State.FAILED)).status == "Canceled"
        await sync_to_async(settle_uploads)(timezone.now())
        assert (await sync_to_async(again)(second)).state == State.REQUESTED


async def test_unknown_notifications_are_answered_and_change_nothing(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        for status in ("Uploading", "Uploaded", "Idle"):
            assert await station.call("DiagnosticsStatusNotification", status=status) == {}
            assert await station.call("LogStatusNotification", status=status) == {}
            assert await station.call("LogStatusNotification", status=status, requestId=10**18) == {}
            assert await station.call("LogStatusNotification", status=status, requestId=-1) == {}


def send(address: str, method: str, path: str, body: Any) -> int:
    """The status of a request to a real server; 413 where it hung up on a body that was too long."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=15)
    try:
        connection.request(method, path, body)
        return connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        return 413
    finally:
        connection.close()


async def test_bodies_are_counted_as_they_arrive(
    gateway: str, station: ChargePoint, settings: Any, media: Path
) -> None:
    """Announced or not, a longer body is refused before it is spooled."""
    settings.UPLOAD_MAX_BYTES, settings.MAX_BODY_BYTES = 100_000, 1000
    upload, command = await sync_to_async(ask)(station)
    request = sync_to_async(send, thread_sensitive=False)
    assert await request(gateway, "PUT", path_for(command), b"x" * 400_000) == 413
    assert await request(gateway, "POST", "/health/live", b"x" * 1001) == 413
    assert await request(gateway, "PUT", path_for(command), iter([b"x" * 10_000] * 100)) == 413
    assert files_of(media) == []
    assert (await sync_to_async(again)(upload)).state == State.REQUESTED
    assert await request(gateway, "PUT", path_for(command), iter([b"x" * 10_000] * 9)) == 201
    assert (await sync_to_async(again)(upload)).size == 90_000


# --- by beat ---


def test_what_never_came_fails(station: ChargePoint) -> None:
    upload, _command = ask(station)
    assert settle_uploads(timezone.now()) == 0
    assert settle_uploads(timezone.now() + timedelta(hours=26)) == 1
    assert (again(upload).state, again(upload).status) == (State.FAILED, "Expired")


def test_a_request_that_was_not_delivered_fails_but_a_late_file_counts(station: ChargePoint) -> None:
    upload, command = ask(station)
    with tenant_transaction(station.tenant_id):
        Command.objects.filter(pk=command.pk).update(state="timed_out")
    assert settle_uploads(timezone.now()) == 1
    assert (again(upload).state, again(upload).status) == (State.FAILED, "timed_out")
    assert put(path_for(command)).status_code == 201
    assert again(upload).state == State.RECEIVED


def test_uploads_are_deleted_after_their_keeping_with_their_files(
    station: ChargePoint, media: Path, settings: Any
) -> None:
    kept, command = ask(station)
    put(path_for(command))
    gone, command = ask(station)
    put(path_for(command))
    with tenant_transaction(station.tenant_id):
        StationUpload.objects.filter(pk=gone.pk).update(created_at=timezone.now() - timedelta(days=91))
    orphan = media / str(station.tenant_id) / "uploads" / "orphan.part"
    orphan.write_bytes(b"half")
    young = orphan.with_name("young")
    young.write_bytes(b"being written")
    os.utime(orphan, (0, 0))
    os.utime(path_of(str(again(kept).file.name)), (0, 0))
    assert purge_uploads(timezone.now()) == 2
    assert sorted(files_of(media)) == sorted([path_of(str(again(kept).file.name)), young])


def _request(tenant: Tenant, kind: str, **wanted: Any) -> StationUpload:
    with tenant_transaction(tenant.pk):
        station = ChargePoint.objects.get(identity="CP1")
    return ask(station, kind, **wanted)[0]


def _outcome(upload: StationUpload) -> str:
    with tenant_transaction(upload.tenant_id):
        return Command.objects.get(pk=upload.command_id or "").outcome


async def _until(upload: StationUpload, state: str) -> StationUpload:
    async def reached() -> StationUpload | None:
        row = await sync_to_async(again)(upload)
        return row if row.state == state else None

    found: StationUpload = await eventually(reached)
    return found
