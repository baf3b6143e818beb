"""Firmware files: taken in, checked, given up. What stations do with them is `firmware_updates` and `rollouts`."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from cryptography import x509
from django.conf import settings
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext

from chargepoints.files.addresses import InvalidLocation, check_location
from chargepoints.files.storage import FIRMWARE, TooBig, discard, discard_after_commit, store, stored_names
from chargepoints.models import CertificateAuthority, FirmwareFile, FirmwareUpdate
from chargepoints.services.firmware_signatures import InvalidSigning, check_signing
from chargepoints.services.pem import InvalidCertificate, read_certificates
from tenants.context import current_tenant_id, system_transaction, tenant_transaction
from tenants.databases.fence import TenantMoving
from tenants.models import Tenant
from tenants.services.audit import record


class InvalidFirmware(ValueError):
    """`errors`: field -> sentence."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


class StillUsed(Exception):
    """A rollout or an update under way needs the firmware."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareDetails:
    """What an operator says of a firmware. `vendor` and `model` empty: any. `url`: where it lies, if not here."""

    name: str
    version: str
    vendor: str = ""
    model: str = ""
    url: str = ""
    signature: str = ""
    signing_certificate: str = ""


def add_firmware(*, details: FirmwareDetails, content: Iterable[bytes] | None, actor: str, origin: str) -> FirmwareFile:
    """Keep it in the open tenant, its content too where it is given. Raises InvalidFirmware; then nothing is kept."""
    tenant_id = current_tenant_id()
    _check_details(details, has_content=content is not None)
    firmware = FirmwareFile(
        tenant_id=tenant_id,
        name=details.name,
        version=details.version,
        vendor=details.vendor,
        model=details.model,
        url=details.url,
        signature=details.signature,
        signing_certificate=details.signing_certificate,
        uploaded_by=actor[:150],
    )
    stored = ""
    try:
        with tenant_transaction(tenant_id):
            if content is not None:
                stored = _keep(firmware, content)
            if details.signature or details.signing_certificate:
                check_firmware_signing(details.signature, details.signing_certificate, firmware.sha256)
            firmware.save()
            record(
                actor=actor,
                origin=origin,
                action="create",
                target=firmware,
                changes={"sha256": [None, firmware.sha256], "size": [None, firmware.size]},
            )
    except BaseException:
        discard(stored)
        raise
    return firmware


def _check_details(details: FirmwareDetails, *, has_content: bool) -> None:
    errors = {}
    if has_content == bool(details.url):
        errors["url"] = gettext("Either a file or a URL.")
    elif details.url:
        try:
            check_location(details.url)
        except InvalidLocation as error:
            errors["url"] = str(error)
    if FirmwareFile.objects.filter(name=details.name, version=details.version).exists():
        errors["version"] = gettext("There is a firmware of this name and version already.")
    if errors:
        raise InvalidFirmware(errors)


def _keep(firmware: FirmwareFile, content: Iterable[bytes]) -> str:
    try:
        stored = store(firmware.tenant_id, FIRMWARE, content, settings.UPLOAD_MAX_BYTES)
    except TooBig:
        raise InvalidFirmware(
            {"file": gettext("At most %(upload_max_bytes)s bytes.") % {"upload_max_bytes": settings.UPLOAD_MAX_BYTES}}
        ) from None
    if stored.size == 0:
        discard(stored.name)
        raise InvalidFirmware({"file": gettext("The file is empty.")})
    firmware.file.name, firmware.size, firmware.sha256 = stored.name, stored.size, stored.sha256
    return stored.name


def check_firmware_signing(signature: str, signing_certificate: str, sha256: str) -> None:
    """Raises InvalidFirmware for what a station would refuse. In the tenant's scope: its authorities are trusted."""
    try:
        check_signing(
            signature=signature,
            signing_certificate=signing_certificate,
            roots=_roots(),
            now=timezone.now(),
            sha256=sha256,
        )
    except InvalidSigning as error:
        raise InvalidFirmware({error.field: str(error)}) from None


def _roots() -> list[x509.Certificate]:
    found = []
    for pem in CertificateAuthority.objects.values_list("certificate", flat=True):
        try:
            found += read_certificates(pem)
        except InvalidCertificate:
            continue
    return found


def remove_firmware(*, firmware: FirmwareFile, actor: str, origin: str) -> None:
    """Delete it with its file. Raises StillUsed."""
    State = FirmwareUpdate.State
    with tenant_transaction(firmware.tenant_id):
        open_states = (State.WAITING, State.SENT, State.RUNNING)
        if FirmwareUpdate.objects.filter(firmware=firmware, state__in=open_states).exists():
            raise StillUsed
        record(actor=actor, origin=origin, action="delete", target=firmware)
        try:
            firmware.delete()
        except ProtectedError:
            raise StillUsed from None
        discard_after_commit(firmware.file.name)


def purge_orphans() -> int:
    """Delete firmware files that no row names (any more): what a crash left."""
    with system_transaction():
        tenants = list(Tenant.objects.values_list("pk", flat=True))
    deleted = 0
    for tenant_id in tenants:
        orphans: set[str] = set()
        with suppress(TenantMoving), tenant_transaction(tenant_id):
            orphans = set(stored_names(tenant_id, FIRMWARE))
            orphans -= set(FirmwareFile.objects.exclude(file="").values_list("file", flat=True))
        for name in orphans:
            discard(name)
            deleted += 1
    return deleted
