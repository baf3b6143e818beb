"""Keys, requests and certificates as stations and operators bring them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def subject(common_name: str | None, organization: str | None = None) -> x509.Name:
    pairs = [(NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs if value is not None])


def new_key(kind: str = "P-256") -> Any:
    """`P-256`, `P-384`, `P-192` or `RSA-<bits>`."""
    if kind.startswith("RSA-"):
        return rsa.generate_private_key(65537, int(kind[4:]))
    curves: dict[str, Any] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-192": ec.SECP192R1}
    return ec.generate_private_key(curves[kind]())


def csr_of(
    common_name: str | None = "CP1", organization: str | None = None, *, key: Any = None, authority: bool = False
) -> str:
    """A signing request, PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject(common_name, organization))
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key or new_key(), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def certificate_of(
    common_name: str,
    *,
    key: Any,
    issuer: x509.Certificate | None = None,
    issuer_key: Any = None,
    authority: bool = False,
    days: tuple[int, int] = (-1, 365),
) -> x509.Certificate:
    """A certificate, self-signed without an issuer; `days`: from and until, from today."""
    now = datetime.now(UTC)
    name = subject(common_name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    return builder.sign(issuer_key or key, hashes.SHA256())


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def key_pem(key: Any) -> str:
    text: str = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return text


def through_proxy(certificate: str = "") -> dict[str, str]:
    """Headers of a TLS connection as the proxy hands it on."""
    headers = {"X-Forwarded-Proto": "https"}
    return headers | {"X-SSL-Client-Cert": quote(certificate, safe="")} if certificate else headers
