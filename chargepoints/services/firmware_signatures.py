"""Signatures of firmware (Security Whitepaper L01): checked here first, so that no station is sent what it must refuse.

Pure: knows no model, `now` is given.
"""

import base64
import binascii
import itertools
from collections.abc import Callable, Iterable
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from django.utils.translation import gettext

from chargepoints.services.pem import (
    LONGEST_CERTIFICATE,
    InvalidCertificate,
    check_key,
    check_validity,
    is_issued_by,
    name_of,
    read_certificates,
)

# SignedUpdateFirmware.req (whitepaper §5.17).
LONGEST_SIGNATURE = 800


class InvalidSigning(ValueError):
    """`field` (signature or signing_certificate) and, for people, what is wrong with it."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def check_signing(
    *,
    signature: str,
    signing_certificate: str,
    roots: Iterable[x509.Certificate],
    now: datetime,
    sha256: str = "",
) -> None:
    """Raise InvalidSigning for a signature that a station would refuse.

    `sha256` (hex) of the file; empty: the file is elsewhere, so that only its certificate can be checked.
    `roots`: what the tenant trusts. A certificate that names one of them as its issuer must be issued by it; one of a
    manufacturer whose root is not known here is left to the station, which holds the root.
    """
    raw = _raw_signature(signature)
    chain = _chain(signing_certificate)
    try:
        for one in chain:
            check_validity(one, now)
            check_key(one.public_key())
    except InvalidCertificate as error:
        raise InvalidSigning("signing_certificate", str(error)) from None
    if not may_sign(chain[0]):
        raise InvalidSigning("signing_certificate", gettext("Its key is not for digital signatures (key usage)."))
    _check_issuers(chain, list(roots), now)
    if sha256 and not _fits(chain[0], raw, bytes.fromhex(sha256)):
        raise InvalidSigning("signature", gettext("Not the signature of this file by this certificate (SHA-256)."))


def may_sign(certificate: x509.Certificate) -> bool:
    """Where it says what its key is for, digital signatures are among it."""
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    except x509.ExtensionNotFound:
        return True


def _raw_signature(text: str) -> bytes:
    if not text:
        raise InvalidSigning("signature", gettext("Needed with a signing certificate."))
    if len(text) > LONGEST_SIGNATURE:
        raise InvalidSigning(
            "signature", gettext("At most %(longest_signature)s characters.") % {"longest_signature": LONGEST_SIGNATURE}
        )
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSigning("signature", gettext("Not Base64.")) from None


def _chain(pem: str) -> list[x509.Certificate]:
    if not pem:
        raise InvalidSigning("signing_certificate", gettext("Needed with a signature."))
    if len(pem) > LONGEST_CERTIFICATE:
        raise InvalidSigning(
            "signing_certificate",
            gettext("At most %(longest_certificate)s characters.") % {"longest_certificate": LONGEST_CERTIFICATE},
        )
    if "PRIVATE KEY" in pem:
        raise InvalidSigning(
            "signing_certificate", gettext("There is a private key in it: stations get certificates only.")
        )
    try:
        return read_certificates(pem)
    except InvalidCertificate as error:
        raise InvalidSigning("signing_certificate", str(error)) from None


def _check_issuers(chain: list[x509.Certificate], roots: list[x509.Certificate], now: datetime) -> None:
    for one, issuer in itertools.pairwise(chain):
        if not is_issued_by(one, issuer):
            text = gettext("%(subject)s is not issued by %(subject2)s, which follows it.") % {
                "subject": name_of(one.subject),
                "subject2": name_of(issuer.subject),
            }
            raise InvalidSigning("signing_certificate", text)
    last = chain[-1]
    named = [root for root in roots if root.subject == last.issuer and root != last]
    if not named:
        return
    if not any(is_issued_by(last, root) for root in named):
        text = gettext("It names %(issuer)s as its issuer, but was not signed by it.") % {
            "issuer": name_of(last.issuer)
        }
        raise InvalidSigning("signing_certificate", text)
    try:
        check_validity(next(root for root in named if is_issued_by(last, root)), now)
    except InvalidCertificate as error:
        raise InvalidSigning("signing_certificate", f"Its issuer {name_of(last.issuer)}: {error}") from None


def _fits(certificate: x509.Certificate, signature: bytes, digest: bytes) -> bool:
    """ECDSA, RSA-PSS, or RSA of PKCS #1 v1.5, which stations of the field still use."""
    key, hashed = certificate.public_key(), Prehashed(SHA256())
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _verified(lambda: key.verify(signature, digest, ec.ECDSA(hashed)))
    if isinstance(key, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO)
        return _verified(lambda: key.verify(signature, digest, pss, hashed)) or _verified(
            lambda: key.verify(signature, digest, padding.PKCS1v15(), hashed)
        )
    return False


def _verified(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except (InvalidSignature, ValueError):
        return False
    return True
