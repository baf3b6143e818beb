"""The update of one station, by its notifications (compliance cases 044, 080, 081)."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from chargepoints.models import (
    ChargePoint,
    Command,
    FirmwareUpdate,
)
from chargepoints.services.firmware_updates import Source, next_state, settle_updates
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.chargepoints.firmware.rows import (
    CONTENT,
    URL,
    State,
    add,
    again,
    command_of,
    event_states,
    until,
    update,
    update_by_file,
    update_by_url,
)
from tests.chargepoints.signing import certificate, new_key, pem, sign
from tests.conftest import eventually
from tests.stations import Connect

pytestmark = pytest.mark.usefixtures("db", "redis_clean")


@pytest.mark.parametrize(
    ("state", "status", "in_time", "expected"),
    [
        ("sent", "Downloading", True, "running"),
        ("running", "Downloaded", True, "running"),
        ("running", "Idle", True, "running"),
        ("running", "Installed", True, "installed"),
        ("running", "DownloadFailed", True, "failed"),
        ("running", "InstallationFailed", True, "failed"),
        ("running", "InvalidSignature", True, "failed"),
        ("running", "InstallVerificationFailed", True, "failed"),
        ("failed", "Downloading", True, "running"),
        ("failed", "Downloading", False, "failed"),
        ("failed", "Installed", False, "installed"),
        ("cancelled", "Installed", True, "installed"),
        ("cancelled", "Installing", True, "cancelled"),
        ("installed", "DownloadFailed", True, "installed"),
    ],
)
def test_what_a_status_makes_of_an_update(state: str, status: str, in_time: bool, expected: str) -> None:
    assert next_state(state, status, in_time=in_time) == expected


async def test_044_an_update_from_request_to_boot(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="1.0")
        station.answers["UpdateFirmware"] = {}
        row = await sync_to_async(update_by_url)(tenant)
        await eventually(lambda: any(action == "UpdateFirmware" for action, _ in station.asked))
        payload = next(payload for action, payload in station.asked if action == "UpdateFirmware")
        assert payload["location"] == URL
        for status in ("Downloading", "Downloaded", "Installing"):
            assert await station.call("FirmwareStatusNotification", status=status) == {}
        assert (await sync_to_async(again)(row)).state == State.RUNNING
    # It reboots in between.
    async with connect() as station:
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="1.0")
        assert (await sync_to_async(again)(row)).state == State.RUNNING
        await station.call("FirmwareStatusNotification", status="Installed")
        ended = await sync_to_async(again)(row)
    assert (ended.state, ended.status) == (State.INSTALLED, "Installed")
    assert [entry["status"] for entry in ended.history] == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert (await sync_to_async(command_of)(ended)).outcome == "fulfilled"


async def test_044_a_boot_with_the_new_version_confirms_it(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="1.0")
        station.answers["UpdateFirmware"] = {}
        await sync_to_async(add)(tenant)
        row = await sync_to_async(update_by_file)(tenant)
        await station.call("FirmwareStatusNotification", status="Downloading")
    async with connect() as station:
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="2.0")
        assert (await sync_to_async(again)(row)).state == State.INSTALLED
        assert await station.call("FirmwareStatusNotification", status="Installed") == {}


async def test_044_another_version_confirms_an_update_by_url_that_was_installing(
    connect: Connect, tenant: Tenant
) -> None:
    async with connect() as station:
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="1.0")
        row = await sync_to_async(update_by_url)(tenant)
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="1.1")
        assert (await sync_to_async(again)(row)).state == State.SENT
        await station.call("FirmwareStatusNotification", status="Installing")
        await station.call("BootNotification", chargePointVendor="V", chargePointModel="M", firmwareVersion="2.0")
        assert (await sync_to_async(again)(row)).state == State.INSTALLED


@pytest.mark.parametrize("status", ["DownloadFailed", "InstallationFailed"])
async def test_044_a_failed_update_says_why(connect: Connect, tenant: Tenant, status: str) -> None:
    async with connect() as station:
        await station.boot()
        row = await sync_to_async(update_by_url)(tenant)
        await station.call("FirmwareStatusNotification", status=status)
        ended = await sync_to_async(again)(row)
        assert (ended.state, ended.detail) == (State.FAILED, status)
        assert (await sync_to_async(command_of)(ended)).outcome == "unfulfilled"
        assert await sync_to_async(event_states)(tenant) == ["failed"]


async def test_080_a_signed_update_is_followed_by_its_request_id(connect: Connect, tenant: Tenant) -> None:
    key = new_key()
    cert = pem(certificate(key))
    await sync_to_async(add)(tenant, signature=sign(key, CONTENT), signing_certificate=cert)
    async with connect() as station:
        await station.boot()
        station.answers["SignedUpdateFirmware"] = {"status": "Accepted"}
        row = await sync_to_async(update_by_file)(tenant, signed=True)
        await eventually(lambda: any(action == "SignedUpdateFirmware" for action, _ in station.asked))
        asked = next(payload for action, payload in station.asked if action == "SignedUpdateFirmware")
        assert asked["requestId"] == row.request_id
        assert asked["firmware"]["signingCertificate"] == cert
        steps = [
            *("DownloadScheduled", "Downloading", "DownloadPaused", "Downloading", "Downloaded", "SignatureVerified"),
            *("InstallScheduled", "InstallRebooting", "Installing", "Installed"),
        ]
        for status in steps:
            await station.call("SignedFirmwareStatusNotification", status=status, requestId=row.request_id)
        ended = await sync_to_async(again)(row)
        assert ended.state == State.INSTALLED
        assert [entry["status"] for entry in ended.history] == steps


@pytest.mark.parametrize("status", ["InvalidSignature", "InstallVerificationFailed", "DownloadFailed"])
async def test_081_a_signed_update_that_fails(connect: Connect, tenant: Tenant, status: str) -> None:
    async with connect() as station:
        await station.boot()
        row = await sync_to_async(update_by_url)(tenant, signed=True)
        await station.call("SignedFirmwareStatusNotification", status=status, requestId=row.request_id)
        assert (await sync_to_async(again)(row)).state == State.FAILED


@pytest.mark.parametrize("status", ["InvalidCertificate", "RevokedCertificate", "Rejected"])
async def test_081_a_signed_update_that_the_station_refuses(connect: Connect, tenant: Tenant, status: str) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["SignedUpdateFirmware"] = {"status": status}
        row = await sync_to_async(update_by_url)(tenant, signed=True)
        ended = await until(row, State.FAILED)
        assert ended.detail == f"The station answered {status}."


async def test_unknown_notifications_are_answered_and_kept_out(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        for status in ("Idle", "Installed", "Downloading"):
            assert await station.call("FirmwareStatusNotification", status=status) == {}
            assert await station.call("SignedFirmwareStatusNotification", status=status, requestId=10**12) == {}
            assert await station.call("SignedFirmwareStatusNotification", status=status) == {}


async def test_a_talkative_station_fills_no_disk(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        row = await sync_to_async(update_by_url)(tenant)
        for _ in range(105):
            await station.call("FirmwareStatusNotification", status="Downloading")
        assert len((await sync_to_async(again)(row)).history) == 100


def test_a_later_update_replaces_the_one_under_way(station: ChargePoint) -> None:
    first = update(station, Source(location=URL))
    second = update(station, Source(location=URL))
    assert (again(first).state, again(second).state) == (State.CANCELLED, State.SENT)


def test_updates_that_nobody_came_for_fail(station: ChargePoint) -> None:
    lost, slow = update(station, Source(location=URL)), None
    with tenant_transaction(station.tenant_id):
        Command.objects.update(state="timed_out", error_description="The station did not come for it in time.")
    assert settle_updates(timezone.now()) == 1
    assert (again(lost).state, again(lost).detail) == (State.FAILED, "The station did not come for it in time.")
    slow = update(station, Source(location=URL))
    with tenant_transaction(station.tenant_id):
        FirmwareUpdate.objects.filter(pk=slow.pk).update(state=State.RUNNING)
    assert settle_updates(timezone.now() + timedelta(hours=48)) == 0
    assert settle_updates(timezone.now() + timedelta(hours=50)) == 1
    assert again(slow).detail == "Not finished in time."
