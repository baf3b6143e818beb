"""Firmware files: kept with their digest, their signatures checked, deleted when nobody needs them."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from chargepoints.models import (
    CertificateAuthority,
    ChargePoint,
    FirmwareFile,
    FirmwareUpdate,
)
from chargepoints.services.firmware import (
    InvalidFirmware,
    StillUsed,
    purge_orphans,
    remove_firmware,
)
from chargepoints.services.firmware_updates import Source
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.chargepoints.firmware.rows import (
    CONTENT,
    URL,
    State,
    add,
    again,
    update,
)
from tests.chargepoints.signing import certificate, new_key, pem, sign

pytestmark = pytest.mark.usefixtures("db", "redis_clean")


def test_a_file_is_kept_with_its_digest(tenant: Tenant, firmware: FirmwareFile) -> None:
    assert firmware.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert firmware.size == len(CONTENT)
    assert str(firmware.file.name).startswith(f"{tenant.pk}/firmware/")


@pytest.mark.parametrize(
    ("content", "details", "field"),
    [
        (CONTENT, {"url": URL}, "url"),
        (None, {}, "url"),
        (None, {"url": "gopher://x/y"}, "url"),
        (None, {"url": "https:///y"}, "url"),
        (b"", {}, "file"),
        (CONTENT, {"name": "Wall", "version": "1.0"}, "version"),
        (CONTENT, {"signature": "AAAA"}, "signing_certificate"),
        (CONTENT, {"signing_certificate": "x"}, "signature"),
        (CONTENT, {"signature": "?", "signing_certificate": "x"}, "signature"),
    ],
)
def test_a_refused_firmware_leaves_nothing(
    tenant: Tenant, media: Path, content: bytes | None, details: dict[str, str], field: str
) -> None:
    add(tenant, version="1.0", content=None, url=URL)
    with pytest.raises(InvalidFirmware) as refused:
        add(tenant, content=content, **details)
    assert list(refused.value.errors) == [field]
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_too_big_a_firmware_is_refused(tenant: Tenant, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 10
    with pytest.raises(InvalidFirmware, match="At most 10 bytes"):
        add(tenant)


@pytest.mark.parametrize(("kind", "pss"), [("ec", True), ("rsa", True), ("rsa", False)])
def test_080_a_good_signature_is_taken(tenant: Tenant, kind: str, pss: bool) -> None:
    key = new_key(kind)
    signed = add(tenant, signature=sign(key, CONTENT, pss=pss), signing_certificate=pem(certificate(key)))
    assert signed.signature


def test_081_a_signature_of_another_file_is_refused(tenant: Tenant) -> None:
    key = new_key()
    with pytest.raises(InvalidFirmware, match="Not the signature of this file"):
        add(tenant, signature=sign(key, b"other"), signing_certificate=pem(certificate(key)))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"days": (-10, -1)}, "Expired"),
        ({"days": (1, 10)}, "Not valid before"),
        ({"signs": False}, "not for digital signatures"),
    ],
)
def test_081_a_certificate_that_may_not_sign_now_is_refused(tenant: Tenant, made: dict[str, Any], said: str) -> None:
    key = new_key()
    with pytest.raises(InvalidFirmware, match=said) as refused:
        add(tenant, signature=sign(key, CONTENT), signing_certificate=pem(certificate(key, **made)))
    assert list(refused.value.errors) == ["signing_certificate"]


def test_081_a_certificate_must_be_issued_by_the_root_that_it_names(tenant: Tenant) -> None:
    key, root_key = new_key(), new_key()
    root = certificate(root_key, "Voltaic root", ca=True)
    with tenant_transaction(tenant.pk):
        CertificateAuthority.objects.create(tenant=tenant, name="Voltaic", certificate=pem(root), active=False)
    good = certificate(key, issuer=root, issuer_key=root_key)
    assert add(tenant, signature=sign(key, CONTENT), signing_certificate=pem(good)).pk
    forged = certificate(key, issuer=root, issuer_key=new_key())
    with pytest.raises(InvalidFirmware, match="was not signed by it"):
        add(tenant, name="Forged", signature=sign(key, CONTENT), signing_certificate=pem(forged))
    with pytest.raises(InvalidFirmware, match="is not issued by"):
        add(tenant, name="Mixed", signature=sign(key, CONTENT), signing_certificate=pem(good, certificate(new_key())))


def test_a_firmware_in_use_is_kept(tenant: Tenant, station: ChargePoint, firmware: FirmwareFile) -> None:
    running = update(station, Source(firmware=firmware))
    with tenant_transaction(tenant.pk), pytest.raises(StillUsed):
        remove_firmware(firmware=firmware, actor="alice", origin="api")
    with tenant_transaction(tenant.pk):
        FirmwareUpdate.objects.filter(pk=running.pk).update(state=State.INSTALLED)
        remove_firmware(firmware=FirmwareFile.objects.get(), actor="alice", origin="api")
    assert again(running).firmware_id is None


def test_files_without_a_row_are_swept(tenant: Tenant, firmware: FirmwareFile, media: Path) -> None:
    import os

    stored = media / str(firmware.file.name)
    orphan = stored.with_name("orphan.part")
    orphan.write_bytes(b"")
    for path in (stored, orphan):
        os.utime(path, (0, 0))
    assert purge_orphans() == 1
    assert stored.exists()
    assert not orphan.exists()
