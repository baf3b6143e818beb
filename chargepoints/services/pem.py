"""Reading X.509 certificates: what is in one, and whether it fits its use. Pure: knows no model, `now` is given."""

import re
from datetime import datetime
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.utils.translation import gettext

from tenants.stored_words import stored

# InstallCertificate.req takes no more (Security Whitepaper §5.9), CertificateSigned.req no more than that (§5.1).
LONGEST_CERTIFICATE, LONGEST_CHAIN = 5500, 10_000
MOST_CERTIFICATES = 10
# Whitepaper A00.FR.503: RSA 2048 and elliptic curves of 224 bits at least; we ask for P-256, as NIST does beyond 2030.
LEAST_RSA_BITS, LEAST_EC_BITS = 2048, 256
# Kept with a station's request as well, where its key is refused.
SHORT_RSA = stored("An RSA key of %(key_size)s bits; at least %(least_rsa_bits)s.")
SHORT_EC = stored("An elliptic curve of %(key_size)s bits; at least %(least_ec_bits)s.")
OTHER_KIND = stored("The key is neither RSA nor on an elliptic curve.")
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


class InvalidCertificate(ValueError):
    """The text says what is wrong with it, for people."""


def read_certificates(pem: str) -> list[x509.Certificate]:
    """The certificates of a PEM text, in its order. InvalidCertificate where there are none, or too many."""
    blocks = _BLOCK.findall(pem)
    if not blocks:
        raise InvalidCertificate(gettext("There is no PEM certificate in it."))
    if len(blocks) > MOST_CERTIFICATES:
        raise InvalidCertificate(
            gettext("More than %(most_certificates)s certificates.") % {"most_certificates": MOST_CERTIFICATES}
        )
    try:
        found = [x509.load_pem_x509_certificate(block.encode()) for block in blocks]
        for one in found:
            # What is read lazily is read now, so that nothing breaks later.
            _ = (one.subject, one.issuer, one.extensions, one.public_key(), one.serial_number)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType) as error:
        raise InvalidCertificate(f"Not a certificate: {str(error)[:120]}") from None
    return found


def write_certificates(*certificates: x509.Certificate) -> str:
    """PEM, in the order given."""
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)


def check_root(pem: str, now: datetime) -> x509.Certificate:
    """One CA certificate that a station can be told to trust. Raises InvalidCertificate."""
    if len(pem) > LONGEST_CERTIFICATE:
        raise InvalidCertificate(
            gettext("At most %(longest_certificate)s characters.") % {"longest_certificate": LONGEST_CERTIFICATE}
        )
    if "PRIVATE KEY" in pem:
        raise InvalidCertificate(gettext("There is a private key in it: stations get certificates only."))
    found = read_certificates(pem)
    if len(found) != 1:
        raise InvalidCertificate(gettext("Exactly one certificate."))
    if not is_authority(found[0]):
        raise InvalidCertificate(gettext("Not the certificate of a certificate authority (CA:TRUE)."))
    check_validity(found[0], now)
    check_key(found[0].public_key())
    return found[0]


def check_validity(certificate: x509.Certificate, now: datetime) -> None:
    """InvalidCertificate outside its time."""
    if now < certificate.not_valid_before_utc:
        raise InvalidCertificate(
            gettext("Not valid before %(not_valid_before_utc)s UTC.")
            % {"not_valid_before_utc": f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M}"}
        )
    if now >= certificate.not_valid_after_utc:
        raise InvalidCertificate(
            gettext("Expired at %(not_valid_after_utc)s UTC.")
            % {"not_valid_after_utc": f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M}"}
        )


def check_key(key: PublicKeyTypes | CertificatePublicKeyTypes) -> None:
    """InvalidCertificate for a key that is too weak, or of a kind that stations' TLS doesn't use."""
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < LEAST_RSA_BITS:
            raise InvalidCertificate(gettext(SHORT_RSA) % {"key_size": key.key_size, "least_rsa_bits": LEAST_RSA_BITS})
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.key_size < LEAST_EC_BITS:
            raise InvalidCertificate(
                gettext(SHORT_EC) % {"key_size": key.curve.key_size, "least_ec_bits": LEAST_EC_BITS}
            )
    else:
        raise InvalidCertificate(gettext(OTHER_KIND))


def is_authority(certificate: x509.Certificate) -> bool:
    """CA:TRUE, and allowed to sign certificates where it says what its key is for."""
    try:
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
    except x509.ExtensionNotFound:
        return False
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True


def is_for_clients(certificate: x509.Certificate) -> bool:
    """A leaf that may be used to sign in: no CA, and for clients where it says what it is for."""
    try:
        if certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
    except x509.ExtensionNotFound:
        pass
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in uses or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in uses


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Name and signature fit. Says nothing of time."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def check_chain(chain: list[x509.Certificate], now: datetime) -> None:
    """Every certificate an authority, in its time, and issued by the next. Raises InvalidCertificate."""
    for one in chain:
        if not is_authority(one):
            raise InvalidCertificate(
                gettext("%(subject)s is not a certificate authority (CA:TRUE).") % {"subject": name_of(one.subject)}
            )
        check_validity(one, now)
        check_key(one.public_key())
    for one, issuer in pairwise(chain):
        if not is_issued_by(one, issuer):
            raise InvalidCertificate(
                gettext("%(subject)s is not issued by %(subject2)s.")
                % {"subject": name_of(one.subject), "subject2": name_of(issuer.subject)}
            )


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256, hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def serial_text(certificate: x509.Certificate) -> str:
    """The serial number in hex, as OCPP's certificateHashData writes it: without leading zeros."""
    return f"{certificate.serial_number:x}"


def texts_of(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    """The values of one attribute of a distinguished name."""
    return [str(attribute.value).strip() for attribute in name.get_attributes_for_oid(oid)]


def name_of(name: x509.Name) -> str:
    """A distinguished name for people."""
    names = texts_of(name, NameOID.COMMON_NAME) or texts_of(name, NameOID.ORGANIZATION_NAME)
    return (names[0] if names else name.rfc4514_string())[:120] or "?"


def hash_data(certificate: x509.Certificate, issuer: x509.Certificate) -> dict[str, Any]:
    """CertificateHashData (Security Whitepaper edition 3 §6.3), with SHA-256; `issuer` is itself for a root."""
    key = hashes.Hash(hashes.SHA256())
    # The bit string of the issuer's key without tag and length, as OCSP has it: what the key identifier hashes too.
    key.update(_key_bits(issuer))
    name = hashes.Hash(hashes.SHA256())
    name.update(certificate.issuer.public_bytes())
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": name.finalize().hex(),
        "issuerKeyHash": key.finalize().hex(),
        "serialNumber": serial_text(certificate)[:40],
    }


def _key_bits(certificate: x509.Certificate) -> bytes:
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    raise InvalidCertificate(gettext("The key is neither RSA nor on an elliptic curve."))


def is_self_signed(certificate: x509.Certificate) -> bool:
    return certificate.issuer == certificate.subject and is_issued_by(certificate, certificate)
