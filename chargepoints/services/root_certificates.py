"""Root certificates in stations: installed, deleted, listed (Security Whitepaper A05/M03-M05), and what they say they have."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from chargepoints.models import ChargePoint, Command, InstalledCertificate
from chargepoints.services.commands import StationOffline, send_command
from chargepoints.services.pem import check_root, hash_data, is_self_signed, read_certificates
from tenants.context import tenant_transaction

FIELDS = {
    "hashAlgorithm": "hash_algorithm",
    "issuerNameHash": "issuer_name_hash",
    "issuerKeyHash": "issuer_key_hash",
    "serialNumber": "serial_number",
}


def install_root(
    *, charge_point: ChargePoint, certificate_type: str, certificate: str, requested_by: str, origin: str
) -> Command:
    """InstallCertificate. Raises InvalidCertificate for what no station should trust, StationOffline."""
    check_root(certificate, timezone.now())
    return send_command(
        charge_point=charge_point,
        action="InstallCertificate",
        payload={"certificateType": certificate_type, "certificate": certificate.strip() + "\n"},
        requested_by=requested_by,
        origin=origin,
    )


def record_installed(*, tenant_id: int, charge_point_id: int, certificate_type: str, certificate: str) -> None:
    """The station took it. What its hashes are we can say for a root; of another, the station is asked."""
    found = read_certificates(certificate)[0]
    with tenant_transaction(tenant_id):
        if is_self_signed(found):
            _keep(tenant_id, charge_point_id, certificate_type, hash_data(found, found), timezone.now())
            return
        station = ChargePoint.objects.get(pk=charge_point_id)
        if not station.send_unasked:
            return
        try:
            ask_installed(
                charge_point=station, certificate_type=certificate_type, requested_by="system", origin="system"
            )
        except StationOffline:
            return


def ask_installed(*, charge_point: ChargePoint, certificate_type: str, requested_by: str, origin: str) -> Command:
    """GetInstalledCertificateIds. Raises StationOffline."""
    return send_command(
        charge_point=charge_point,
        action="GetInstalledCertificateIds",
        payload={"certificateType": certificate_type},
        requested_by=requested_by,
        origin=origin,
    )


def record_list(
    *, tenant_id: int, charge_point_id: int, certificate_type: str, hashes: Sequence[dict[str, Any]], at: datetime
) -> None:
    """What the station says it has of a type, all of it."""
    with tenant_transaction(tenant_id):
        kept = [_keep(tenant_id, charge_point_id, certificate_type, one, at) for one in hashes]
        InstalledCertificate.objects.filter(charge_point_id=charge_point_id, type=certificate_type).exclude(
            pk__in=[row.pk for row in kept]
        ).delete()


def delete_root(*, charge_point: ChargePoint, hashes: dict[str, Any], requested_by: str, origin: str) -> Command:
    """DeleteCertificate. Raises StationOffline."""
    return send_command(
        charge_point=charge_point,
        action="DeleteCertificate",
        payload={"certificateHashData": hashes},
        requested_by=requested_by,
        origin=origin,
    )


def record_deleted(*, tenant_id: int, charge_point_id: int, hashes: dict[str, Any]) -> None:
    """The station has it no more, or never had it."""
    with tenant_transaction(tenant_id):
        # Hex is hex: a station may spell it otherwise than it told us.
        wanted = {f"{column}__iexact": str(hashes[name]) for name, column in FIELDS.items()}
        InstalledCertificate.objects.filter(charge_point_id=charge_point_id, **wanted).delete()


def hash_data_of(row: InstalledCertificate) -> dict[str, str]:
    """CertificateHashData, as the station spelled it."""
    return {name: getattr(row, column) for name, column in FIELDS.items()}


def _keep(
    tenant_id: int, charge_point_id: int, certificate_type: str, hashes: dict[str, Any], at: datetime
) -> InstalledCertificate:
    values = {column: str(hashes[name]).replace("\0", "") for name, column in FIELDS.items()}
    spelled = {f"{column}__iexact": value for column, value in values.items()}
    rows = InstalledCertificate.objects.filter(charge_point_id=charge_point_id, type=certificate_type)
    known = rows.filter(**spelled).first()
    if known is not None:
        known.reported_at = at
        known.save(update_fields=["reported_at"])
        return known
    return InstalledCertificate.objects.create(
        tenant_id=tenant_id, charge_point_id=charge_point_id, type=certificate_type, reported_at=at, **values
    )
