"""A station's keys and certificates (Security Whitepaper): its password, its client certificate, the roots it trusts."""

import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from ocpp.routing import after, on
from ocpp.v16 import call, call_result
from ocpp.v16.enums import Action

from csms.simulator.connector import now_text

if TYPE_CHECKING:
    from csms.simulator.station import Station

STORE_LENGTH = 10
ALGORITHMS: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
SIGN_CERTIFICATE = "SignChargePointCertificate"


class Security:
    """Outlives the connection, as the station does."""

    def __init__(self, station: "Station") -> None:
        self.station = station
        self.password = station.settings.password
        self.profile = 0 if self.password is None else 2 if self._is_tls else 1
        self.certificate: x509.Certificate | None = None
        self._chain = ""
        self._key: ec.EllipticCurvePrivateKey | None = None
        self._next_key: ec.EllipticCurvePrivateKey | None = None
        self._roots: list[tuple[str, x509.Certificate]] = []
        self._reconnect = False
        # Kept until they are answered (A04: guaranteed delivery).
        self._events: list[call.SecurityEventNotification] = []
        self.note("StartupOfTheDevice")

    @property
    def _is_tls(self) -> bool:
        return self.station.settings.url.startswith("wss:")

    def tls(self) -> ssl.SSLContext | None:
        """For wss: what the station trusts, and its client certificate once it has one."""
        if not self._is_tls:
            return None
        context = ssl.create_default_context()
        for kind, root in self._roots:
            if kind == "CentralSystemRootCertificate":
                context.load_verify_locations(cadata=root.public_bytes(Encoding.PEM).decode())
        if self._key is not None and self._chain:
            key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            # OpenSSL takes them from a file only.
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "client.pem"
                path.touch(mode=0o600)
                path.write_text(key + self._chain)
                context.load_cert_chain(path)
        return context

    # --- security events ---

    def note(self, kind: str, tech_info: str | None = None) -> None:
        """Something to report; it is sent at once, or when the station is back."""
        self._events.append(call.SecurityEventNotification(type=kind, timestamp=now_text(), tech_info=tech_info))

    async def booted(self) -> None:
        """Send what waits."""
        while self._events:
            if await self.station.call(self._events[0]) is None:
                return
            self._events.pop(0)

    # --- configuration ---

    def change(self, key: str, value: str) -> str | None:
        """ChangeConfiguration's status for the keys that are ours; None for others."""
        if key == "AuthorizationKey":
            if not 16 <= len(value) <= 40:
                return "Rejected"
            self.password, self._reconnect = value, True
            return "Accepted"
        if key != "SecurityProfile":
            return None
        # A05: only raised, and only to what its address and its certificates allow.
        wanted = int(value) if value in {"1", "2", "3"} else 0
        has = {1: self.password is not None, 2: self._is_tls, 3: self._is_tls and self.certificate is not None}
        if wanted <= self.profile or not has[wanted]:
            return "Rejected"
        self.profile = wanted
        return "Accepted"

    def reconnect_if_needed(self) -> None:
        """After the answer is out: come back with what is new."""
        if self._reconnect:
            self._reconnect = False
            self.station.wire.hang_up()

    # --- the client certificate ---

    async def request_certificate(self) -> None:
        """A new key, and the request for its certificate (A02)."""
        self._next_key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.COMMON_NAME, self.station.identity)]
        owner = self.station.configuration.values.get("CpoName")
        if owner:
            names.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, owner))
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
        signed = request.sign(self._next_key, hashes.SHA256())
        await self.station.call(call.SignCertificate(csr=signed.public_bytes(Encoding.PEM).decode()))

    def take_certificate(self, chain: str) -> str:
        """Accepted, if it is for the key that we made, and in its time."""
        try:
            certificate = x509.load_pem_x509_certificates(chain.encode())[0]
        except ValueError:
            certificate = None
        if certificate is None or self._next_key is None or not _fits(certificate, self._next_key):
            self.note("InvalidChargePointCertificate")
            self.station.spawn(self.booted())
            return "Rejected"
        self.certificate, self._chain = certificate, chain
        self._key, self._next_key = self._next_key, None
        self._reconnect = self._is_tls
        return "Accepted"

    # --- root certificates ---

    def install(self, kind: str, pem: str) -> str:
        try:
            root = x509.load_pem_x509_certificate(pem.encode())
            is_authority = root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except (ValueError, x509.ExtensionNotFound):
            return "Rejected"
        if not is_authority or datetime.now(UTC) >= root.not_valid_after_utc:
            return "Rejected"
        if (kind, root) in self._roots:
            return "Accepted"
        if len(self._roots) >= STORE_LENGTH:
            return "Failed"
        self._roots.append((kind, root))
        return "Accepted"

    def delete(self, wanted: dict[str, Any]) -> str:
        for held in self._roots:
            if all(str(wanted[key]).lower() == value.lower() for key, value in _hashes(held[1], wanted).items()):
                self._roots.remove(held)
                return "Accepted"
        return "NotFound"

    def installed(self, kind: str) -> list[dict[str, str]]:
        return [_hashes(root, {"hash_algorithm": "SHA256"}) for held, root in self._roots if held == kind]


class SecurityCalls:
    """The server's calls that are about security; part of the link."""

    station: "Station"

    @on(Action.extended_trigger_message)
    def extended_trigger(self, requested_message: str, connector_id: int | None = None) -> Any:
        own = requested_message == SIGN_CERTIFICATE
        status = "Accepted" if own else self.station.answers.trigger(requested_message, connector_id)
        return call_result.ExtendedTriggerMessage(status=status)

    @after(Action.extended_trigger_message)
    async def after_extended_trigger(self, requested_message: str, connector_id: int | None = None) -> None:
        if requested_message == SIGN_CERTIFICATE:
            await self.station.security.request_certificate()

    @on(Action.certificate_signed)
    def certificate_signed(self, certificate_chain: str) -> Any:
        return call_result.CertificateSigned(status=self.station.security.take_certificate(certificate_chain))

    @after(Action.certificate_signed)
    def after_certificate_signed(self, certificate_chain: str) -> None:
        self.station.security.reconnect_if_needed()

    @after(Action.change_configuration)
    def after_change_configuration(self, key: str, value: str) -> None:
        self.station.security.reconnect_if_needed()

    @on(Action.install_certificate)
    def install_certificate(self, certificate_type: str, certificate: str) -> Any:
        return call_result.InstallCertificate(status=self.station.security.install(certificate_type, certificate))

    @on(Action.delete_certificate)
    def delete_certificate(self, certificate_hash_data: dict[str, Any]) -> Any:
        return call_result.DeleteCertificate(status=self.station.security.delete(certificate_hash_data))

    @on(Action.get_installed_certificate_ids)
    def get_installed_certificate_ids(self, certificate_type: str) -> Any:
        held = self.station.security.installed(certificate_type)
        status = "Accepted" if held else "NotFound"
        return call_result.GetInstalledCertificateIds(status=status, certificate_hash_data=held or None)


def _fits(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> bool:
    in_time = certificate.not_valid_before_utc <= datetime.now(UTC) < certificate.not_valid_after_utc
    return in_time and certificate.public_key() == key.public_key()


def _hashes(root: x509.Certificate, wanted: dict[str, Any]) -> dict[str, str]:
    """certificateHashData of a root, its own issuer, with the algorithm wanted."""
    algorithm = str(wanted["hash_algorithm"])
    key = root.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        bits = key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    else:
        bits = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {
        "hash_algorithm": algorithm,
        "issuer_name_hash": _digest(algorithm, root.issuer.public_bytes()),
        "issuer_key_hash": _digest(algorithm, bits),
        "serial_number": f"{root.serial_number:x}",
    }


def _digest(algorithm: str, content: bytes) -> str:
    digest = hashes.Hash(ALGORITHMS[algorithm]())
    digest.update(content)
    return digest.finalize().hex()
