"""Files and updates that the tests begin with."""

from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.utils import timezone

from chargepoints.models import (
    ChargePoint,
    Command,
    FirmwareFile,
    FirmwareRollout,
    FirmwareUpdate,
)
from chargepoints.services.firmware import (
    FirmwareDetails,
    add_firmware,
)
from chargepoints.services.firmware_updates import Schedule, Source, update_station
from tenants.context import tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.conftest import eventually

State, RolloutState = FirmwareUpdate.State, FirmwareRollout.State


CONTENT = b"firmware 2.0 " * 10_000


URL = "https://files.example.com/fw-2.0.bin"


def add(tenant: Tenant, *, content: bytes | None = CONTENT, **details: str) -> FirmwareFile:
    given = FirmwareDetails(**{"name": "Wall", "version": "2.0", **details})
    with tenant_transaction(tenant.pk):
        chunks = None if content is None else [content]
        return add_firmware(details=given, content=chunks, actor="alice", origin="api")


def update(station: ChargePoint, source: Source, **schedule: Any) -> FirmwareUpdate:
    """Of an offline station, which the command waits for."""
    now = timezone.now()
    order = Schedule(**{"retrieve_at": now, "expires_at": now + timedelta(hours=1), **schedule})
    return update_station(charge_point=station, source=source, schedule=order, requested_by="alice", origin="api")


def again(row: Any) -> Any:
    with tenant_transaction(row.tenant_id):
        return type(row).objects.select_related(None).get(pk=row.pk)


def download_path(row: FirmwareUpdate) -> str:
    with tenant_transaction(row.tenant_id):
        payload = Command.objects.get(pk=row.command_id or "").payload
    location: str = payload.get("location") or payload["firmware"]["location"]
    return location.removeprefix("http://csms.example.com")


def the_station(tenant: Tenant) -> ChargePoint:
    with tenant_transaction(tenant.pk):
        return ChargePoint.objects.get(identity="CP1")


def update_by_url(tenant: Tenant, *, signed: bool = False) -> FirmwareUpdate:
    signature, pem_text = ("AAAA", "PEM") if signed else ("", "")
    source = Source(location=URL, signed=signed, signature=signature, signing_certificate=pem_text)
    return update(the_station(tenant), source)


def update_by_file(tenant: Tenant, *, signed: bool = False) -> FirmwareUpdate:
    with tenant_transaction(tenant.pk):
        known = FirmwareFile.objects.get()
    return update(the_station(tenant), Source(firmware=known, signed=signed))


def command_of(row: FirmwareUpdate) -> Command:
    with tenant_transaction(row.tenant_id):
        return Command.objects.get(pk=row.command_id or "")


def event_states(tenant: Tenant) -> list[str]:
    with tenant_transaction(tenant.pk):
        return [event.data["state"] for event in OutboxEvent.objects.filter(event_type="firmware.update_ended")]


async def until(row: FirmwareUpdate, state: str) -> FirmwareUpdate:
    async def reached() -> FirmwareUpdate | None:
        found = await sync_to_async(again)(row)
        return found if found.state == state else None

    found: FirmwareUpdate = await eventually(reached)
    return found
