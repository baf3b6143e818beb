"""The certificate that a station signs in with (profile 3). Runs under the system role, before the upgrade.

The proxy has seen that the station holds the key; whose certificate it is, and whether it still counts, is decided
here: it must be one that we signed for this very station, or come from an authority that its tenant brought along.
"""

from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from chargepoints.models import CertificateAuthority, ChargePoint, StationCertificate
from chargepoints.services.pem import (
    InvalidCertificate,
    check_key,
    check_validity,
    fingerprint,
    is_authority,
    is_for_clients,
    is_issued_by,
    read_certificates,
    texts_of,
)


def is_stations_own(charge_point: ChargePoint, pem: str, now: datetime) -> bool:
    """Whether this certificate is the station's, and counts now. `pem`: what the proxy handed on, maybe empty."""
    if not pem:
        return False
    try:
        certificate = read_certificates(pem)[0]
        check_validity(certificate, now)
        check_key(certificate.public_key())
    except InvalidCertificate:
        return False
    known = StationCertificate.objects.filter(
        tenant_id=charge_point.tenant_id, fingerprint=fingerprint(certificate)
    ).first()
    if known is not None:
        return _counts(known, charge_point)
    return _is_from_a_brought_authority(charge_point, certificate, now)


def _counts(known: StationCertificate, charge_point: ChargePoint) -> bool:
    if known.charge_point_id != charge_point.pk or known.authority_id is None:
        return False
    if known.state == StationCertificate.State.SIGNED:
        # Its answer to CertificateSigned was lost: that it signs in with it says the same.
        StationCertificate.objects.filter(pk=known.pk, state=StationCertificate.State.SIGNED).update(
            state=StationCertificate.State.INSTALLED
        )
    return known.state in StationCertificate.TRUSTED


def _is_from_a_brought_authority(charge_point: ChargePoint, certificate: x509.Certificate, now: datetime) -> bool:
    names = {name.lower() for name in texts_of(certificate.subject, NameOID.COMMON_NAME)}
    known_as = {charge_point.identity_key, charge_point.serial_number.lower()} - {""}
    if not names & known_as or not is_for_clients(certificate):
        return False
    brought = CertificateAuthority.objects.filter(tenant_id=charge_point.tenant_id, brought=True)
    return any(_issued(certificate, authority, now) for authority in brought)


def _issued(certificate: x509.Certificate, authority: CertificateAuthority, now: datetime) -> bool:
    """By any authority of its chain: the tenant vouches for them all."""
    for issuer in read_certificates(authority.certificate):
        if is_authority(issuer) and is_issued_by(certificate, issuer):
            return issuer.not_valid_before_utc <= now < issuer.not_valid_after_utc
    return False
