"""UpdateFirmware, GetDiagnostics and logs sent by hand, past their services: what the station says of them is followed."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.files.addresses import HIDDEN, shown_location
from chargepoints.models import ChargePoint, Command, FirmwareUpdate, StationUpload
from chargepoints.protocol.errors import OcppError
from chargepoints.services.bulk import Order, create_bulk
from chargepoints.services.bulk_progress import advance_bulk
from chargepoints.services.firmware_updates import settle_updates
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.chargepoints.firmware.rows import again, update_by_url
from tests.chargepoints.test_bulk import make_fleet, no_worker
from tests.chargepoints.test_commands import ends, send
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import Connect

__all__ = ["no_worker"]

FTP = "ftp://user:secret@files.example.com/logs/"
NOW = "2020-01-01T00:00:00.000Z"
SIGNED = {
    "location": "https://files.example.com/f.bin",
    "retrieveDateTime": NOW,
    "signingCertificate": "PEM",
    "signature": "c2lnbmVk",
}
GET_LOG = {"logType": "SecurityLog", "requestId": 77, "log": {"remoteLocation": FTP}}
UPDATE = {"location": "https://files.example.com/f.bin", "retrieveDate": NOW}


async def outcome(tenant: Tenant, command: Command) -> str:
    row: Command = await stored(tenant, lambda: Command.objects.get(pk=command.pk))
    return row.outcome


@pytest.mark.parametrize(
    ("action", "payload", "notification", "extra"),
    [
        ("UpdateFirmware", UPDATE, "FirmwareStatusNotification", {}),
        (
            "SignedUpdateFirmware",
            {"requestId": 77, "firmware": SIGNED},
            "SignedFirmwareStatusNotification",
            {"requestId": 77},
        ),
    ],
)
async def test_an_update_is_followed_to_its_end(
    tenant: Tenant, connect: Connect, action: str, payload: dict[str, Any], notification: str, extra: dict[str, int]
) -> None:
    async with connect() as station:
        await station.boot()
        station.answers[action] = {"status": "Accepted"} if extra else {}
        command = await ends(tenant, await send(tenant, action, payload=payload), "accepted")
        assert command.outcome == "waiting"
        for status in ("Downloading", "Installed"):
            await station.call(notification, status=status, **extra)
    row: FirmwareUpdate = await stored(tenant, FirmwareUpdate.objects.get)
    assert (row.command_id, row.state, row.request_id) == (command.pk, "installed", extra.get("requestId"))
    assert [entry["status"] for entry in row.history] == ["Downloading", "Installed"]
    assert await outcome(tenant, command) == "fulfilled"


@pytest.mark.parametrize(
    ("action", "payload", "answer", "notification", "extra"),
    [
        ("GetDiagnostics", {"location": FTP}, {"fileName": "all.zip"}, "DiagnosticsStatusNotification", {}),
        (
            "GetLog",
            GET_LOG,
            {"status": "Accepted", "filename": "all.zip"},
            "LogStatusNotification",
            {"requestId": 77},
        ),
    ],
)
async def test_a_file_is_followed_to_its_end(
    tenant: Tenant,
    connect: Connect,
    action: str,
    payload: dict[str, Any],
    answer: dict[str, Any],
    notification: str,
    extra: dict[str, int],
) -> None:
    async with connect() as station:
        await station.boot()
        station.answers[action] = answer
        command = await ends(tenant, await send(tenant, action, payload=payload), "accepted")
        # The file's name is written down after the answer.
        await eventually(lambda: stored(tenant, lambda: StationUpload.objects.get().filename == "all.zip"))
        for status in ("Uploading", "Uploaded"):
            await station.call(notification, status=status, **extra)
    row: StationUpload = await stored(tenant, StationUpload.objects.get)
    assert (row.command_id, row.state, row.requested_by) == (command.pk, "elsewhere", "alice")
    assert (row.kind, row.request_id) == (("security_log", 77) if extra else ("diagnostics", None))
    assert await outcome(tenant, command) == "fulfilled"


async def test_a_number_used_again_means_the_later_log(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["GetLog"] = {"status": "Accepted", "filename": "a"}
        for _ in range(2):
            await ends(tenant, await send(tenant, "GetLog", payload=GET_LOG), "accepted")
        await station.call("LogStatusNotification", status="UploadFailure", requestId=77)
    states = await stored(
        tenant, lambda: list(StationUpload.objects.order_by("created_at").values_list("state", flat=True))
    )
    assert states == ["requested", "failed"]


async def test_an_update_by_hand_takes_the_place_of_one_under_way(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["UpdateFirmware"] = {}
        ours: FirmwareUpdate = await stored(tenant, lambda: update_by_url(tenant))
        await send(tenant, "UpdateFirmware", payload=UPDATE)
        earlier: FirmwareUpdate = await stored(tenant, lambda: again(ours))
    assert (earlier.state, earlier.detail) == ("cancelled", "Replaced by a later update.")


async def test_one_that_was_refused_has_failed(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.boot()
        station.answers["SignedUpdateFirmware"] = {"status": "InvalidCertificate"}
        command = await send(tenant, "SignedUpdateFirmware", payload={"requestId": 5, "firmware": SIGNED})
        await ends(tenant, command, "rejected")
    await stored(tenant, lambda: settle_updates(timezone.now()))
    row: FirmwareUpdate = await stored(tenant, FirmwareUpdate.objects.get)
    assert (row.state, await outcome(tenant, command)) == ("failed", "")


@pytest.mark.parametrize(("action", "payload"), [("GetLog", GET_LOG), ("SignedUpdateFirmware", {"firmware": SIGNED})])
async def test_a_number_that_no_row_can_hold_is_not_sent(
    tenant: Tenant, connect: Connect, action: str, payload: dict[str, Any]
) -> None:
    async with connect():
        with pytest.raises(OcppError) as refused:
            await send(tenant, action, payload={**payload, "requestId": 2**31})
    assert [fault["path"] for fault in refused.value.details["errors"]] == ["requestId"]
    assert await stored(tenant, Command.objects.count) == 0


@pytest.mark.parametrize("retrieve", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_a_time_beyond_all_bounds_gives_it_a_deadline_all_the_same(
    tenant: Tenant, connect: Connect, retrieve: str
) -> None:
    async with connect():
        await send(tenant, "UpdateFirmware", payload={**UPDATE, "retrieveDate": retrieve})
    row: FirmwareUpdate = await stored(tenant, FirmwareUpdate.objects.get)
    assert row.deadline_at is not None
    assert timezone.now() < row.deadline_at < timezone.now() + timedelta(days=400)


@pytest.mark.parametrize(
    ("action", "payload", "model"),
    [("UpdateFirmware", UPDATE, FirmwareUpdate), ("GetDiagnostics", {"location": FTP}, StationUpload)],
)
def test_a_bulk_order_has_a_row_for_each(tenant: Tenant, action: str, payload: dict[str, Any], model: Any) -> None:
    make_fleet(tenant, 3)
    expires_at = timezone.now() + timedelta(hours=2)
    with tenant_transaction(tenant.pk):
        order = Order(action=action, payload=payload, expires_at=expires_at)
        bulk = create_bulk(stations=ChargePoint.objects.all(), order=order, requested_by="alice", origin="api")
    advance_bulk(tenant_id=tenant.pk, bulk_id=bulk.pk)
    with tenant_transaction(tenant.pk):
        rows = list(model.objects.select_related("command"))
        assert len({row.charge_point_id for row in rows}) == 3
        assert {row.command.outcome for row in rows} == {"waiting"}
        assert all(row.command.charge_point_id == row.charge_point_id for row in rows)


def test_an_address_that_cannot_be_read_is_not_shown() -> None:
    assert shown_location("http://[secret") == HIDDEN
    assert "secret" not in shown_location(FTP)
