"""Firmware, diagnostics and logs of a simulated station: it fetches, checks, installs, boots, and sends, as real ones do."""

import asyncio
import base64
import re
import urllib.request
from datetime import UTC, datetime
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from ocpp.routing import after, on
from ocpp.v16 import call, call_result
from ocpp.v16.enums import Action

if TYPE_CHECKING:
    from csms.simulator.station import Station

TIMEOUT_S = 30
# Real stations have little room too.
LARGEST_FIRMWARE = 256 * 1024 * 1024
_VERSION = re.compile(r"[-_ ]v?(\d+(?:\.\w+)*)\.\w+$")


class Files:
    """What a station does with files. One update and one upload of a kind at a time; a later one replaces it."""

    def __init__(self, station: "Station", version: str = "1.4.2") -> None:
        self.station, self.version = station, version
        self.last = {"firmware": "Idle", "diagnostics": "Idle", "log": "Idle"}
        self._work: dict[str, asyncio.Task[None]] = {}
        self._after_boot: Any = None

    # --- updates ---

    def update(self, location: str, retrieve_at: str, *, signed: dict[str, Any] | None = None) -> bool:
        """Begin; True where one that was under way is given up. `signed`: request id, certificate, signature, time."""
        return self._begin("firmware", self._update(location, retrieve_at, signed))

    async def _update(self, location: str, retrieve_at: str, signed: dict[str, Any] | None) -> None:
        async def tell(status: str) -> None:
            await self._tell("firmware", status, signed["request_id"] if signed else None, signed=signed is not None)

        # The answer to the call leaves first.
        await self._pause()
        await self._until(retrieve_at)
        await tell("Downloading")
        try:
            content = await asyncio.to_thread(_fetch, location)
        except (OSError, HTTPException, ValueError):
            await tell("DownloadFailed")
            return
        await tell("Downloaded")
        if signed is not None:
            if not _is_signed(content, signed["signature"], signed["certificate"]):
                await tell("InvalidSignature")
                return
            await tell("SignatureVerified")
            await self._until(signed["install_at"])
        await self._pause()
        await tell("Installing")
        await self._pause()
        self.version = version_in(location) or _next_version(self.version)
        self._after_boot = tell
        if signed is not None:
            await tell("InstallRebooting")
        self.station.restart(hard=False)

    async def booted(self) -> None:
        """The station has come back and is accepted: what it installed runs."""
        tell, self._after_boot = self._after_boot, None
        if tell is not None:
            await tell("Installed")

    # --- uploads ---

    def upload(self, kind: str, location: str, name: str, request_id: int | None = None) -> bool:
        """Begin to send a file of a few lines; True where one that was under way is given up."""
        return self._begin(kind, self._upload(kind, location, name, request_id))

    async def _upload(self, kind: str, location: str, name: str, request_id: int | None) -> None:
        await self._pause()
        await self._tell(kind, "Uploading", request_id)
        try:
            await asyncio.to_thread(_send, location, name, self._report(kind).encode())
        except (OSError, HTTPException, ValueError):
            await self._tell(kind, "UploadFailed" if kind == "diagnostics" else "UploadFailure", request_id)
            return
        await self._tell(kind, "Uploaded", request_id)

    def _report(self, kind: str) -> str:
        station = self.station
        lines = [
            f"{kind} of {station.identity} at {datetime.now(UTC).isoformat()}",
            f"{station.model.vendor} {station.model.name}, firmware {self.version}",
            *(f"connector {one.number}: {one.status}, {one.register_wh:.0f} Wh" for one in station.connectors),
            f"{len(station.queue)} messages wait",
        ]
        return "\n".join(lines) + "\n"

    # --- telling ---

    def trigger(self, requested: str) -> bool:
        """Tell the last status again; False for a message that is not of files."""
        kinds = {
            "FirmwareStatusNotification": "firmware",
            "DiagnosticsStatusNotification": "diagnostics",
            "LogStatusNotification": "log",
        }
        kind = kinds.get(requested)
        if kind is None:
            return False
        busy = kind in self._work and not self._work[kind].done()
        self.station.spawn(self._send_status(kind, self.last[kind] if busy else "Idle", None, signed=False))
        return True

    async def _tell(self, kind: str, status: str, request_id: int | None, *, signed: bool = False) -> None:
        self.last[kind] = status
        await self._send_status(kind, status, request_id, signed=signed)

    async def _send_status(self, kind: str, status: str, request_id: int | None, *, signed: bool) -> None:
        message: Any = call.DiagnosticsStatusNotification(status=status)
        if kind == "log":
            message = call.LogStatusNotification(status=status, request_id=request_id)
        elif kind == "firmware" and signed:
            message = call.SignedFirmwareStatusNotification(status=status, request_id=request_id)
        elif kind == "firmware":
            message = call.FirmwareStatusNotification(status=status)
        await self.station.call(message)

    def _begin(self, kind: str, work: Any) -> bool:
        earlier = self._work.get(kind)
        replaced = earlier is not None and not earlier.done()
        if earlier is not None and replaced:
            earlier.cancel()
        self._work[kind] = self.station.spawn(work)
        return replaced

    async def _pause(self) -> None:
        await asyncio.sleep(self.station.rng.uniform(0.5, 2) / self.station.settings.speed)

    async def _until(self, text: str | None) -> None:
        if text:
            at = datetime.fromisoformat(text.replace("Z", "+00:00"))
            await asyncio.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))


class FileCalls:
    """The calls about files, for a link."""

    station: "Station"

    @on(Action.update_firmware)
    def update_firmware(self, location: str, retrieve_date: str, **tries: Any) -> Any:
        return call_result.UpdateFirmware()

    @after(Action.update_firmware)
    def after_update_firmware(self, location: str, retrieve_date: str, **tries: Any) -> None:
        self.station.files.update(location, retrieve_date)

    @on(Action.signed_update_firmware)
    def signed_update_firmware(self, request_id: int, firmware: dict[str, Any], **tries: Any) -> Any:
        if not _may_sign(firmware["signing_certificate"]):
            return call_result.SignedUpdateFirmware(status="InvalidCertificate")
        signed = {
            "request_id": request_id,
            "certificate": firmware["signing_certificate"],
            "signature": firmware["signature"],
            "install_at": firmware.get("install_date_time"),
        }
        replaced = self.station.files.update(firmware["location"], firmware["retrieve_date_time"], signed=signed)
        return call_result.SignedUpdateFirmware(status="AcceptedCanceled" if replaced else "Accepted")

    @on(Action.get_diagnostics)
    def get_diagnostics(self, location: str, **limits: Any) -> Any:
        name = f"{self.station.identity}-diagnostics.txt"
        self.station.files.upload("diagnostics", location, name)
        return call_result.GetDiagnostics(file_name=name)

    @on(Action.get_log)
    def get_log(self, log: dict[str, Any], log_type: str, request_id: int, **tries: Any) -> Any:
        name = f"{self.station.identity}-{log_type}.txt"
        replaced = self.station.files.upload("log", log["remote_location"], name, request_id)
        return call_result.GetLog(status="AcceptedCanceled" if replaced else "Accepted", filename=name)


def version_in(location: str) -> str | None:
    """`.../Wall-2.0.bin` is 2.0."""
    found = _VERSION.search(unquote(urlsplit(location).path).rpartition("/")[2])
    return found[1] if found else None


def _next_version(version: str) -> str:
    head, _, last = version.rpartition(".")
    return f"{head}.{int(last) + 1}" if last.isdigit() else f"{version}.1"


def _request(location: str, body: bytes | None = None) -> urllib.request.Request:
    if urlsplit(location).scheme not in ("http", "https"):
        raise ValueError("only http and https are spoken here")
    return urllib.request.Request(location, data=body, method="GET" if body is None else "PUT")  # noqa: S310 (checked)


def _fetch(location: str) -> bytes:
    with urllib.request.urlopen(_request(location), timeout=TIMEOUT_S) as answer:  # noqa: S310 (checked)
        content: bytes = answer.read(LARGEST_FIRMWARE + 1)
    if not content or len(content) > LARGEST_FIRMWARE:
        raise ValueError("no firmware has this size")
    return content


def _send(location: str, name: str, content: bytes) -> None:
    """To a folder under a name; to a presigned address as it is."""
    target = f"{location}{quote(name)}" if location.endswith("/") else location
    with urllib.request.urlopen(_request(target, content), timeout=TIMEOUT_S):  # noqa: S310 (checked)
        return


def _may_sign(pem: str) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return False
    return certificate.not_valid_before_utc <= datetime.now(UTC) < certificate.not_valid_after_utc


def _is_signed(content: bytes, signature: str, pem: str) -> bool:
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(raw, content, ec.ECDSA(SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(raw, content, padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO), SHA256())
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True
