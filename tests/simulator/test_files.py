"""Simulated stations install firmware and send files, through a real gateway and its HTTP side."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from chargepoints.files.storage import path_of
from chargepoints.models import ChargePoint, FirmwareFile, FirmwareUpdate, StationUpload
from chargepoints.services.firmware import FirmwareDetails, add_firmware
from chargepoints.services.firmware_updates import Schedule, Source, update_station
from chargepoints.services.uploads import Wanted, request_diagnostics, request_log
from csms.simulator.files import version_in
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.chargepoints.signing import certificate, new_key, pem, sign
from tests.conftest import eventually
from tests.simulator.test_fleet import end, make_fleet, play

CONTENT = b"the next firmware"


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path, gateway: str) -> None:
    settings.MEDIA_ROOT, settings.PUBLIC_URL = tmp_path, gateway.replace("ws:", "http:")


@pytest.mark.parametrize(
    ("location", "version"),
    [("http://x/t/Wall-2.0.bin", "2.0"), ("http://x/Wall%20v3.1.4_rc.hex?a=b", "3.1.4_rc"), ("http://x/fw.bin", None)],
)
def test_the_version_stands_in_the_name(location: str, version: str | None) -> None:
    assert version_in(location) == version


@pytest.mark.parametrize("signed", [False, True])
async def test_044_080_a_station_installs_what_it_is_given(gateway: str, tenant: Tenant, signed: bool) -> None:
    fleet = make_fleet(gateway, 1)
    tasks = await play(fleet)
    station = await _accepted(tenant)
    update = await sync_to_async(_update)(tenant, station, signed=signed)
    ended = await _until(update, "installed")
    assert ended.history[-1]["status"] in ("Installed", "Booted with 2.0")
    await eventually(lambda: fleet.stations[0].files.last["firmware"] == "Installed")
    assert fleet.stations[0].files.version == "2.0"
    assert (await _accepted(tenant)).firmware_version == "2.0"
    await end(tasks)


async def test_081_a_station_refuses_a_forged_firmware(gateway: str, tenant: Tenant) -> None:
    tasks = await play(make_fleet(gateway, 1))
    station = await _accepted(tenant)
    update = await sync_to_async(_update)(tenant, station, signed=True, forged=True)
    assert (await _until(update, "failed")).detail == "InvalidSignature"
    await end(tasks)


@pytest.mark.parametrize("kind", ["diagnostics", "security_log"])
async def test_045_079_a_station_sends_what_it_is_asked_for(gateway: str, tenant: Tenant, kind: str) -> None:
    tasks = await play(make_fleet(gateway, 1))
    station = await _accepted(tenant)
    upload = await sync_to_async(_ask)(station, kind)
    ended = await _until(upload, "received")
    assert ended.filename.startswith("SIM-0001-")
    assert b"of SIM-0001 at" in path_of(ended.file.name).read_bytes()
    await end(tasks)


async def _accepted(tenant: Tenant) -> ChargePoint:
    def look() -> ChargePoint | None:
        with tenant_transaction(tenant.pk):
            return ChargePoint.objects.filter(identity="SIM-0001", last_boot_at__isnull=False).first()

    found: ChargePoint = await eventually(sync_to_async(look))
    return found


def _update(tenant: Tenant, station: ChargePoint, *, signed: bool, forged: bool = False) -> FirmwareUpdate:
    key = new_key()
    signing = {"signature": sign(key, CONTENT), "signing_certificate": pem(certificate(key))} if signed else {}
    with tenant_transaction(tenant.pk):
        firmware = add_firmware(
            details=FirmwareDetails(name="Wall", version="2.0", **signing),
            content=[CONTENT],
            actor="alice",
            origin="api",
        )
        if forged:
            FirmwareFile.objects.update(signature=sign(key, b"another"))
            firmware.refresh_from_db()
    now = timezone.now()
    return update_station(
        charge_point=station,
        source=Source(firmware=firmware, signed=signed),
        schedule=Schedule(retrieve_at=now, expires_at=now + timedelta(minutes=10)),
        requested_by="alice",
        origin="api",
    )


def _ask(station: ChargePoint, kind: str) -> StationUpload:
    wanted = Wanted(expires_at=timezone.now() + timedelta(minutes=10))
    given = {"charge_point": station, "wanted": wanted, "requested_by": "alice", "origin": "api"}
    if kind == "diagnostics":
        return request_diagnostics(**given)[0]  # type: ignore[arg-type]
    return request_log(kind=kind, **given)[0]  # type: ignore[arg-type]


async def _until(row: Any, state: str) -> Any:
    def look() -> Any:
        with tenant_transaction(row.tenant_id):
            return type(row).objects.filter(pk=row.pk, state=state).first()

    return await eventually(sync_to_async(look))
