"""Real TLS before the in-process gateway: ended by a proxy as docs/deploy/nginx.conf does it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from cryptography import x509

from tests.chargepoints.pki import certificate_of, key_pem, new_key, pem

OURS = (b"x-forwarded-", b"x-ssl-client-cert")


@dataclass(frozen=True)
class Identity:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Any

    @classmethod
    def make(cls, name: str, issuer: "Identity | None" = None) -> "Identity":
        """Signed by `issuer`; without one an authority of its own."""
        key = new_key()
        if issuer is None:
            return cls(certificate_of(name, key=key, authority=True), key)
        return cls(certificate_of(name, key=key, issuer=issuer.certificate, issuer_key=issuer.key), key)

    def load_into(self, context: ssl.SSLContext, folder: Path) -> None:
        path = folder / f"{self.certificate.serial_number}.pem"
        path.write_text(pem(self.certificate) + key_pem(self.key))
        context.load_cert_chain(path)


def client_context(root: Identity, folder: Path, own: Identity | None = None) -> ssl.SSLContext:
    """A station that trusts `root`, with a certificate of its own or without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The proxy's address is a number here; who it is, its certificate says.
    context.check_hostname = False
    context.load_verify_locations(cadata=pem(root.certificate))
    if own is not None:
        own.load_into(context, folder)
    return context


@asynccontextmanager
async def tls_proxy(gateway: str, root: Identity, folder: Path, stations_authority: str = "") -> AsyncIterator[str]:
    """Its address (wss://...). `stations_authority`: PEM; clients may then show a certificate of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    Identity.make("127.0.0.1", root).load_into(context, folder)
    if stations_authority:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=stations_authority)
    upstream = urlsplit(gateway)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            writer.close()
            return
        to_gateway = await asyncio.open_connection(upstream.hostname, upstream.port)
        to_gateway[1].write(_forwarded(head, writer.get_extra_info("ssl_object").getpeercert(binary_form=True)))
        await asyncio.gather(_pipe(reader, to_gateway[1]), _pipe(to_gateway[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def _forwarded(head: bytes, client_certificate: bytes | None) -> bytes:
    """The request's head with our headers in place of any that the client made up."""
    request, *headers = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    kept = [line for line in headers if not line.lower().startswith(OURS)]
    kept.append(b"X-Forwarded-Proto: https")
    if client_certificate:
        shown = ssl.DER_cert_to_PEM_cert(client_certificate)
        kept.append(b"X-SSL-Client-Cert: " + quote(shown, safe="").encode())
    return b"\r\n".join([request, *kept]) + b"\r\n\r\n"


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (OSError, ssl.SSLError):
        pass
    writer.close()
