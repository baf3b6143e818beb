"""Diagnostics and logs over the wire, from request to file (compliance cases 045, 079)."""

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from chargepoints.models import StationUpload
from chargepoints.services.upload_sweeps import settle_uploads
from tenants.models import Tenant
from tests.chargepoints.test_connection import stored
from tests.chargepoints.uploads.rows import State, again, outcome, put, request_upload, until
from tests.conftest import eventually
from tests.stations import Connect

pytestmark = pytest.mark.usefixtures("db", "redis_clean")


async def test_045_diagnostics_from_request_to_file(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["GetDiagnostics"] = {"fileName": "diag.tar"}
        upload = await sync_to_async(request_upload)(tenant, "diagnostics")
        await eventually(lambda: any(action == "GetDiagnostics" for action, _ in station.asked))
        payload = next(payload for action, payload in station.asked if action == "GetDiagnostics")
        assert await station.call("DiagnosticsStatusNotification", status="Uploading") == {}
        await until(upload, State.UPLOADING)
        assert await station.call("DiagnosticsStatusNotification", status="Uploaded") == {}
        # The status came before the file: it is waited for.
        assert (await sync_to_async(again)(upload)).state == State.UPLOADING
        # Its name is in the answer, which is written down beside what the station says after it.
        await eventually(lambda: stored(tenant, lambda: StationUpload.objects.get().filename == "diag.tar"))
        path = payload["location"].removeprefix("http://csms.example.com")
        assert (await sync_to_async(put)(path, b"tar")).status_code == 201
        row = await until(upload, State.RECEIVED)
        assert (row.filename, row.status) == ("diag.tar", "Uploaded")


async def test_the_file_may_come_before_its_status(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        upload = await sync_to_async(request_upload)(tenant, "diagnostics")
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
        upload = await sync_to_async(request_upload)(tenant, "diagnostics", location="ftp://u:p@files.example.com/in/")
        await eventually(lambda: any(action == "GetDiagnostics" for action, _ in station.asked))
        await station.call("DiagnosticsStatusNotification", status="Uploading")
        await station.call("DiagnosticsStatusNotification", status="Uploaded")
        await until(upload, State.ELSEWHERE)


async def test_045_a_failed_diagnostics_upload(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        upload = await sync_to_async(request_upload)(tenant, "diagnostics")
        await station.call("DiagnosticsStatusNotification", status="UploadFailed")
        row = await until(upload, State.FAILED)
        assert row.status == "UploadFailed"
        assert await sync_to_async(outcome)(row) == "unfulfilled"


async def test_without_a_file_name_there_are_no_diagnostics(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["GetDiagnostics"] = {}
        upload = await sync_to_async(request_upload)(tenant, "diagnostics")
        assert (await until(upload, State.FAILED)).status == "NothingToUpload"


@pytest.mark.parametrize(("kind", "log_type"), [("security_log", "SecurityLog"), ("diagnostics_log", "DiagnosticsLog")])
async def test_079_a_log_is_matched_by_its_request_id(
    connect: Connect, tenant: Tenant, kind: str, log_type: str
) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["GetLog"] = {"status": "Accepted", "filename": "sec.log"}
        first = await sync_to_async(request_upload)(tenant, kind)
        second = await sync_to_async(request_upload)(tenant, kind)
        assert first.request_id != second.request_id
        await eventually(lambda: sum(action == "GetLog" for action, _ in station.asked) == 2)
        asked = next(payload for _, payload in station.asked if payload.get("requestId") == first.request_id)
        assert asked["logType"] == log_type
        await station.call("LogStatusNotification", status="Uploading", requestId=first.request_id)
        await until(first, State.UPLOADING)
        assert (await sync_to_async(again)(second)).state == State.REQUESTED
        path = asked["log"]["remoteLocation"].removeprefix("http://csms.example.com")
        assert (await sync_to_async(put)(path)).status_code == 201
        await station.call("LogStatusNotification", status="Uploaded", requestId=first.request_id)
        assert (await sync_to_async(again)(first)).status == "Uploaded"


@pytest.mark.parametrize("status", ["BadMessage", "NotSupportedOperation", "PermissionDenied", "UploadFailure"])
async def test_079_a_log_that_fails_says_why(connect: Connect, tenant: Tenant, status: str) -> None:
    async with connect() as station:
        await station.boot()
        upload = await sync_to_async(request_upload)(tenant, "security_log")
        await station.call("LogStatusNotification", status=status, requestId=upload.request_id)
        assert (await until(upload, State.FAILED)).status == status


async def test_079_a_refused_log_fails_at_once(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["GetLog"] = {"status": "Rejected"}
        upload = await sync_to_async(request_upload)(tenant, "security_log")
        assert (await until(upload, State.FAILED)).status == "Rejected"


async def test_079_a_second_log_may_cancel_the_first(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["GetLog"] = {"status": "Accepted", "filename": "a"}
        first = await sync_to_async(request_upload)(tenant, "security_log")
        await eventually(lambda: any(action == "GetLog" for action, _ in station.asked))
        station.answers["GetLog"] = {"status": "AcceptedCanceled", "filename": "b"}
        second = await sync_to_async(request_upload)(tenant, "security_log")
        assert (await until(first, State.FAILED)).status == "Canceled"
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
