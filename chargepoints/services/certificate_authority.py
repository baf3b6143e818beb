"""The tenant's certificate authority: made here or brought along, signing station certificates, listing revoked ones.

Private keys are sealed at rest and opened only here, for the moment of a signature.
"""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext

from chargepoints.models import CertificateAuthority, ChargePoint, SecurityProfile, StationCertificate
from chargepoints.services.closing import close_station
from chargepoints.services.pem import (
    InvalidCertificate,
    check_chain,
    is_self_signed,
    read_certificates,
    texts_of,
    write_certificates,
)
from tenants.context import current_tenant_id, tenant_transaction
from tenants.models import Tenant
from tenants.sealing import is_current, seal, unseal
from tenants.services.audit import record

PURPOSE = "certificate authority"
YEARS = 10
LONGEST_VALIDITY_DAYS = 3650
# Stations' clocks may be behind ours.
BACKDATED = timedelta(days=1)
LIST_VALID = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class StillNeeded(Exception):
    """Stations sign in with certificates of this authority."""


def create_authority(*, name: str, validity_days: int, actor: str, origin: str) -> CertificateAuthority:
    """A new self-signed authority (EC P-256, 10 years) in the open tenant; it signs from now on."""
    tenant = Tenant.objects.get(pk=current_tenant_id())
    now = timezone.now()
    key = ec.generate_private_key(ec.SECP256R1())
    # X.520 bounds both at 64 characters.
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, tenant.name[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, (name or f"{tenant.name} charge points")[:64]),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_authority_usage(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _keep(tenant, name, write_certificates(certificate), key, validity_days, actor, origin, brought=False)


def bring_authority(
    *, name: str, certificate: str, private_key: str, validity_days: int, actor: str, origin: str
) -> CertificateAuthority:
    """An authority made elsewhere. Without a key it only checks: its certificates are taken at sign-in.

    `certificate`: PEM, the issuing one first, then its chain. ValidationError names the field.
    """
    chain, key = read_brought(certificate, private_key)
    tenant = Tenant.objects.get(pk=current_tenant_id())
    # Written anew from what was read: nothing else that stood in the text is kept, a stray key for one.
    return _keep(tenant, name, write_certificates(*chain), key, validity_days, actor, origin, brought=True)


def read_brought(certificate: str, private_key: str) -> tuple[list[x509.Certificate], Key | None]:
    """An authority's chain and its key, if they belong together. ValidationError names `certificate` or `privateKey`."""
    try:
        chain = read_certificates(certificate)
        check_chain(chain, timezone.now())
    except InvalidCertificate as error:
        raise ValidationError({"certificate": str(error)}) from None
    return chain, _read_key(private_key, chain[0]) if private_key.strip() else None


def activate_authority(authority: CertificateAuthority, *, actor: str, origin: str) -> None:
    """It signs from now on, instead of the one that did. ValidationError for one without a key."""
    if not authority.private_key:
        raise ValidationError({"privateKey": gettext("It has no private key: it only checks.")})
    with tenant_transaction(authority.tenant_id):
        _lock(authority.tenant_id)
        CertificateAuthority.objects.filter(active=True).update(active=False)
        CertificateAuthority.objects.filter(pk=authority.pk).update(active=True)
        record(actor=actor, origin=origin, action="activate", target=authority)


def delete_authority(authority: CertificateAuthority, *, actor: str, origin: str) -> None:
    """Trust it no longer. StillNeeded while stations have valid certificates of it: those are revoked first."""
    with tenant_transaction(authority.tenant_id):
        _lock(authority.tenant_id)
        held = StationCertificate.objects.filter(
            authority=authority, state__in=StationCertificate.TRUSTED, not_after__gt=timezone.now()
        )
        if held.exists():
            raise StillNeeded(str(authority))
        record(actor=actor, origin=origin, action="delete", target=authority)
        if authority.brought:
            _close_all()
        authority.delete()


def issue_certificate(
    authority: CertificateAuthority, request: x509.CertificateSigningRequest, organization: str, now: datetime
) -> x509.Certificate:
    """A client certificate for a request that was checked: its common name, its key; the rest is ours to say."""
    issuer = read_certificates(authority.certificate)[0]
    key = _open_key(authority)
    common_name = texts_of(request.subject, NameOID.COMMON_NAME)[0]
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(max(now - BACKDATED, issuer.not_valid_before_utc))
        .not_valid_after(min(now + timedelta(days=authority.validity_days), issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_leaf_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, _hash_for(key))


def chain_for_station(authority: CertificateAuthority, certificate: x509.Certificate) -> str:
    """What CertificateSigned carries: the leaf, then the authorities below the root (Whitepaper §5.1)."""
    chain = read_certificates(authority.certificate)
    return write_certificates(certificate, *(one for one in chain if not is_self_signed(one)))


def revocation_list(authority: CertificateAuthority, now: datetime) -> str:
    """The authority's list of revoked certificates (PEM), for the proxy; empty for one without a key."""
    if not authority.private_key:
        return ""
    key, issuer = _open_key(authority), read_certificates(authority.certificate)[0]
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now)
        .next_update(now + LIST_VALID)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    revoked = StationCertificate.objects.filter(
        authority=authority, state=StationCertificate.State.REVOKED, not_after__gt=now
    )
    for serial_number, at in revoked.values_list("serial_number", "revoked_at"):
        one = x509.RevokedCertificateBuilder().serial_number(int(serial_number, 16)).revocation_date(at or now)
        builder = builder.add_revoked_certificate(one.build())
    return builder.sign(key, _hash_for(key)).public_bytes(Encoding.PEM).decode()


def reseal_authorities() -> int:
    """Seal every key with the present first sealing key; how many were not. For the rotation of these keys."""
    resealed = 0
    for authority in CertificateAuthority.objects.exclude(private_key="").select_for_update():
        if not is_current(authority.private_key):
            authority.private_key = seal(unseal(authority.private_key, PURPOSE), PURPOSE)
            authority.save(update_fields=["private_key"])
            resealed += 1
    return resealed


def _keep(
    tenant: Tenant,
    name: str,
    certificate: str,
    key: Key | None,
    validity_days: int,
    actor: str,
    origin: str,
    *,
    brought: bool,
) -> CertificateAuthority:
    with tenant_transaction(tenant.pk):
        _lock(tenant.pk)
        if key is not None:
            CertificateAuthority.objects.filter(active=True).update(active=False)
        authority = CertificateAuthority.objects.create(
            tenant=tenant,
            name=name or f"{tenant.name} {datetime.now(UTC):%Y}",
            certificate=certificate,
            private_key="" if key is None else seal(_key_text(key), PURPOSE),
            active=key is not None,
            brought=brought,
            validity_days=validity_days,
            created_by=actor[:150],
        )
        record(actor=actor, origin=origin, action="create", target=authority, changes={"brought": brought})
    return authority


def _close_all() -> None:
    """Sockets may rest on certificates that we have no row of: all of profile 3 are to sign in anew."""
    resting = ChargePoint.objects.filter(security_profile=SecurityProfile.TLS_CLIENT, connection__isnull=False)
    for charge_point_id in resting.values_list("pk", flat=True):
        close_station(charge_point_id)


def _lock(tenant_id: int) -> None:
    """Two authorities that become the active one at once: one after the other."""
    list(Tenant.objects.select_for_update().filter(pk=tenant_id).values_list("pk"))


def _read_key(pem: str, certificate: x509.Certificate) -> Key:
    try:
        key = load_pem_private_key(pem.strip().encode(), password=None)
    except TypeError:
        raise ValidationError({"privateKey": gettext("It is encrypted: give it without a passphrase.")}) from None
    except Exception:
        # Never the reason: it might quote the key.
        raise ValidationError({"privateKey": gettext("Not a PEM private key.")}) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValidationError({"privateKey": gettext("The key is neither RSA nor on an elliptic curve.")})
    spelled = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*spelled) != certificate.public_key().public_bytes(*spelled):
        raise ValidationError({"privateKey": gettext("It is not the key of the first certificate.")})
    return key


def _open_key(authority: CertificateAuthority) -> Key:
    key = load_pem_private_key(unseal(authority.private_key, PURPOSE).encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)  # noqa: S101 (checked when it was kept)
    return key


def _key_text(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _hash_for(key: Key) -> hashes.SHA256 | hashes.SHA384:
    wide = isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size > 256
    return hashes.SHA384() if wide else hashes.SHA256()


def _authority_usage() -> x509.KeyUsage:
    return _usage(key_cert_sign=True, crl_sign=True)


def _leaf_usage() -> x509.KeyUsage:
    return _usage(digital_signature=True)


def _usage(**given: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    rest = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: given.get(name, False) for name in (*names, *rest)})
