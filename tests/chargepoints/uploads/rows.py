"""Uploads that the tests begin with."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, StationUpload
from chargepoints.services.uploads import Wanted, request_diagnostics, request_log
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.conftest import eventually

State = StationUpload.State


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


def request_upload(tenant: Tenant, kind: str, **wanted: Any) -> StationUpload:
    with tenant_transaction(tenant.pk):
        station = ChargePoint.objects.get(identity="CP1")
    return ask(station, kind, **wanted)[0]


def outcome(upload: StationUpload) -> str:
    with tenant_transaction(upload.tenant_id):
        return Command.objects.get(pk=upload.command_id or "").outcome


async def until(upload: StationUpload, state: str) -> StationUpload:
    async def reached() -> StationUpload | None:
        row = await sync_to_async(again)(upload)
        return row if row.state == state else None

    found: StationUpload = await eventually(reached)
    return found
