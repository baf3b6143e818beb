"""Bodies that break off, requests that come to nothing, files past their keeping."""

import http.client
import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from chargepoints.files.storage import path_of
from chargepoints.models import ChargePoint, Command, StationUpload
from chargepoints.services.upload_sweeps import purge_uploads, settle_uploads
from tenants.context import tenant_transaction
from tests.chargepoints.uploads.rows import State, again, ask, files_of, path_for, put
from tests.stations import PATIENCE_S

pytestmark = pytest.mark.usefixtures("db", "redis_clean")


def send(address: str, method: str, path: str, body: Any) -> int:
    """The status of a request to a real server; 413 where it hung up on a body that was too long."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE_S)
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
