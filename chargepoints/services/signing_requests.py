"""What a station's certificate signing request must be (Security Whitepaper A02, A03). Pure: knows no model."""

from collections.abc import Collection

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import MD5, SHA1
from cryptography.x509.oid import NameOID

from chargepoints.services.pem import InvalidCertificate, check_key, texts_of
from tenants.stored_words import stored

# SignCertificate.req (Whitepaper §5.17).
LONGEST_REQUEST = 5500

# Kept with the request, behind the refusal's name.
TOO_LONG = stored("At most %(longest)s characters.")
OTHER_NAME = stored("The common name is %(given)s, not the station's.")
OTHER_ORGANIZATION = stored("The organization is %(given)s, not the operator's.")
UNREADABLE = stored("Not a PEM signing request: %(why)s")
WEAK_SIGNATURE = stored("Signed with %(algorithm)s.")
OTHER_KEY = stored("It is not signed with the key that it is for.")
ASKS_FOR_AUTHORITY = stored("It asks for the certificate of an authority (CA:TRUE).")


class RequestRefused(Exception):
    """A named refusal: `name` for programs, `sentence` for people."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(f"{name}: {sentence}")
        self.name, self.sentence = name, sentence


def check_request(
    pem: str, *, common_names: Collection[str], organizations: Collection[str]
) -> x509.CertificateSigningRequest:
    """The request, if it may be signed. `common_names`: what the station is known by; `organizations`: its owner's.

    A00.FR.404, A00.FR.405: the organization is the operator's where it is given, the common name the station's.
    """
    if len(pem) > LONGEST_REQUEST:
        raise RequestRefused("TooLong", TOO_LONG % {"longest": LONGEST_REQUEST})
    request = _read(pem)
    _check_key_and_signature(request)
    names = texts_of(request.subject, NameOID.COMMON_NAME)
    if len(names) != 1 or names[0].lower() not in {name.lower() for name in common_names if name}:
        given = ", ".join(names)[:60] or "none"
        raise RequestRefused("WrongCommonName", OTHER_NAME % {"given": given})
    given_organizations = texts_of(request.subject, NameOID.ORGANIZATION_NAME)
    allowed = {name.strip().casefold() for name in organizations if name}
    if any(name.casefold() not in allowed for name in given_organizations):
        raise RequestRefused("WrongOrganization", OTHER_ORGANIZATION % {"given": ", ".join(given_organizations)[:60]})
    _check_extensions(request)
    return request


def _read(pem: str) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_pem_x509_csr(pem.strip().encode())
        _ = (request.subject, request.extensions, request.public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType) as error:
        raise RequestRefused("Unreadable", UNREADABLE % {"why": str(error)[:120]}) from None
    return request


def _check_key_and_signature(request: x509.CertificateSigningRequest) -> None:
    try:
        check_key(request.public_key())
    except InvalidCertificate as error:
        raise RequestRefused("WeakKey", str(error)) from None
    try:
        if isinstance(request.signature_hash_algorithm, MD5 | SHA1):
            raise RequestRefused("WeakSignature", WEAK_SIGNATURE % {"algorithm": request.signature_hash_algorithm.name})
        valid = request.is_signature_valid
    except (UnsupportedAlgorithm, InvalidSignature, ValueError):
        valid = False
    if not valid:
        raise RequestRefused("WrongSignature", OTHER_KEY)


def _check_extensions(request: x509.CertificateSigningRequest) -> None:
    """A station asks for a leaf; one that asks to become an authority is up to something."""
    try:
        asked = request.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return
    if asked.ca:
        raise RequestRefused("AsksForAuthority", ASKS_FOR_AUTHORITY)
