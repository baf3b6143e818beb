"""Firmware updates, plain and signed; diagnostics and security logs. Files really go over the gateway's own port."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from cryptography import x509
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.chargepoints import signing
from tests.compliance.conftest import Dial
from tests.compliance.people import Operator
from tests.compliance.station import ScriptedStation, at, call
from tests.conftest import eventually

IMAGE = b"firmware 2.0 " * 100


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path, gateway: str) -> None:
    """Stations fetch and send files at the gateway's address."""
    settings.MEDIA_ROOT = tmp_path
    settings.PUBLIC_URL = gateway.replace("ws://", "http://")


async def fetch(location: str) -> bytes:
    return await asyncio.to_thread(lambda: urlopen(location, timeout=10).read())


async def send_file(location: str, name: str, content: bytes) -> int:
    """As a station does: PUT below the folder that it was given."""
    request = Request(f"{location.rstrip('/')}/{name}", data=content, method="PUT")
    return int(await asyncio.to_thread(lambda: urlopen(request, timeout=10).status))


async def firmware_says(station: ScriptedStation, *statuses: str) -> None:
    for status in statuses:
        await station.tell(call.FirmwareStatusNotification(status=status))


async def update(operator: Operator) -> Any:
    """The newest one."""
    return (await operator.get("chargepoints/CP1/firmware-updates"))[0]


async def upload_firmware(operator: Operator, **fields: Any) -> Any:
    """Taken in by the operator, as a file."""
    body = {"name": "Wall", "version": "2.0", "file": SimpleUploadedFile("wall.bin", IMAGE), **fields}
    return await operator.ask("post", "firmware", body, form="multipart", status=201)


async def order_update(operator: Operator, station: ScriptedStation) -> tuple[Any, str]:
    """(the command, where the firmware lies)"""
    firmware = await upload_firmware(operator)
    station.answers["UpdateFirmware"] = {}
    command = await operator.tell("update-firmware", {"firmwareId": firmware["firmwareId"]})
    asked = await station.was_asked("UpdateFirmware")
    assert command["status"] == "accepted"
    assert asked["retrieveDate"].endswith("Z")
    return command, asked["location"]


async def test_044_1_firmware_update(operator: Operator, station: ScriptedStation, line: Dial) -> None:
    """Firmware update: downloaded and installed"""
    command, location = await order_update(operator, station)
    await firmware_says(station, "Downloading")
    assert await fetch(location) == IMAGE
    await firmware_says(station, "Downloaded")
    await station.is_now("Unavailable", 0, 1, 2)
    await firmware_says(station, "Installing")
    assert (await update(operator))["status"] == "running"
    station.power_off()
    async with line() as back:
        await back.boot(firmware_version="2.0")
        await back.is_now("Available", 0, 1, 2)
        await firmware_says(back, "Installed")
        await operator.outcome(command, "fulfilled")
    ended = await update(operator)
    assert ended["status"] == "installed"
    assert [step["status"] for step in ended["history"]][:3] == ["Downloading", "Downloaded", "Installing"]
    assert (await operator.station())["firmwareVersion"] == "2.0"


async def test_044_2_firmware_update_download_failed(operator: Operator, station: ScriptedStation) -> None:
    """Firmware update: the download fails"""
    command, _location = await order_update(operator, station)
    await firmware_says(station, "Downloading", "DownloadFailed")
    await operator.outcome(command, "unfulfilled")
    ended = await update(operator)
    assert (ended["status"], ended["stationStatus"]) == ("failed", "DownloadFailed")


async def test_044_3_firmware_update_installation_failed(operator: Operator, station: ScriptedStation) -> None:
    """Firmware update: the installation fails"""
    command, _location = await order_update(operator, station)
    await firmware_says(station, "Downloading", "Downloaded", "Installing", "InstallationFailed")
    await operator.outcome(command, "unfulfilled")
    ended = await update(operator)
    assert (ended["status"], ended["stationStatus"]) == ("failed", "InstallationFailed")


async def upload(operator: Operator, status: str) -> Any:
    """The only one, once it has this status."""

    async def look() -> Any:
        [row] = await operator.get("chargepoints/CP1/uploads")
        return row if row["status"] == status else None

    return await eventually(look)


async def test_045_1_get_diagnostics(operator: Operator, station: ScriptedStation) -> None:
    """Get diagnostics"""
    station.answers["GetDiagnostics"] = {"fileName": "diag.zip"}
    command = await operator.tell("get-diagnostics", {"retries": 2, "retryInterval": 60})
    asked = await station.was_asked("GetDiagnostics")
    assert command["status"] == "accepted"
    assert (asked["retries"], asked["retryInterval"]) == (2, 60)
    await station.tell(call.DiagnosticsStatusNotification(status="Uploading"))
    assert await send_file(asked["location"], "diag.zip", b"all is well") == 201
    await station.tell(call.DiagnosticsStatusNotification(status="Uploaded"))
    row = await upload(operator, "received")
    assert (row["fileName"], row["size"], row["stationStatus"]) == ("diag.zip", 11, "Uploaded")
    assert await operator.download(f"chargepoints/CP1/uploads/{row['uploadId']}/file") == b"all is well"


async def test_045_2_get_diagnostics_upload_failed(operator: Operator, station: ScriptedStation) -> None:
    """Get diagnostics, the upload fails"""
    station.answers["GetDiagnostics"] = {"fileName": "diag.zip"}
    await operator.tell("get-diagnostics", {"location": "ftp://files.example.com/logs/"})
    assert (await station.was_asked("GetDiagnostics"))["location"] == "ftp://files.example.com/logs/"
    await station.tell(call.DiagnosticsStatusNotification(status="Uploading"))
    await station.tell(call.DiagnosticsStatusNotification(status="UploadFailed"))
    assert (await upload(operator, "failed"))["stationStatus"] == "UploadFailed"


async def test_079_get_security_log(operator: Operator, station: ScriptedStation) -> None:
    """Get the security log"""
    station.answers["GetLog"] = {"status": "Accepted", "filename": "security.log"}
    command = await operator.tell("get-log", {"logType": "SecurityLog"})
    asked = await station.was_asked("GetLog")
    assert (command["status"], asked["logType"]) == ("accepted", "SecurityLog")
    request_id = asked["requestId"]
    await station.tell(call.LogStatusNotification(status="Uploading", request_id=request_id))
    assert await send_file(asked["log"]["remoteLocation"], "security.log", b"nobody tried") == 201
    await station.tell(call.LogStatusNotification(status="Uploaded", request_id=request_id))
    row = await upload(operator, "received")
    assert (row["kind"], row["requestId"], row["fileName"]) == ("security_log", request_id, "security.log")


# --- signed ---


async def order_signed_update(operator: Operator, station: ScriptedStation) -> tuple[Any, dict[str, Any]]:
    """(the command, what the station was asked) for an image that its manufacturer has signed."""
    key = signing.new_key()
    certificate = signing.certificate(key)
    firmware = await upload_firmware(
        operator, signature=signing.sign(key, IMAGE), signingCertificate=signing.pem(certificate)
    )
    station.answers["SignedUpdateFirmware"] = {"status": "Accepted"}
    command = await operator.tell("signed-update-firmware", {"firmwareId": firmware["firmwareId"]})
    asked = await station.was_asked("SignedUpdateFirmware")
    given = asked["firmware"]
    assert (command["status"], given["signature"]) == ("accepted", firmware["signature"])
    assert x509.load_pem_x509_certificate(given["signingCertificate"].encode()) == certificate
    return command, asked


async def signed_firmware_says(station: ScriptedStation, request_id: int, *statuses: str) -> None:
    for status in statuses:
        await station.tell(call.SignedFirmwareStatusNotification(status=status, request_id=request_id))


async def test_080_secure_firmware_update(operator: Operator, station: ScriptedStation, line: Dial) -> None:
    """Secure firmware update"""
    command, asked = await order_signed_update(operator, station)
    request_id = asked["requestId"]
    await signed_firmware_says(station, request_id, "Downloading")
    assert await fetch(asked["firmware"]["location"]) == IMAGE
    await signed_firmware_says(station, request_id, "Downloaded", "SignatureVerified", "Installing", "InstallRebooting")
    station.power_off()
    async with line() as back:
        await back.boot(firmware_version="2.0")
        await signed_firmware_says(back, request_id, "Installed")
        await back.tell(call.SecurityEventNotification(type="FirmwareUpdated", timestamp=at(), tech_info="2.0"))
        await operator.outcome(command, "fulfilled")
    ended = await update(operator)
    assert (ended["status"], ended["signed"], ended["requestId"]) == ("installed", True, request_id)
    assert (await operator.station())["firmwareVersion"] == "2.0"


async def test_081_secure_firmware_update_invalid_signature(operator: Operator, station: ScriptedStation) -> None:
    """Secure firmware update, the signature is invalid"""
    command, asked = await order_signed_update(operator, station)
    await signed_firmware_says(station, asked["requestId"], "Downloading", "Downloaded", "InvalidSignature")
    await station.tell(
        call.SecurityEventNotification(type="InvalidFirmwareSignature", timestamp=at(), tech_info="wall.bin")
    )
    await operator.outcome(command, "unfulfilled")
    ended = await update(operator)
    assert (ended["status"], ended["stationStatus"]) == ("failed", "InvalidSignature")
    [seen] = await operator.get("security-events?type=InvalidFirmwareSignature")
    assert (seen["chargePointId"], seen["techInfo"]) == ("CP1", "wall.bin")
