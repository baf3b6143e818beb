"""Requests to addresses that tenants name: never into our own network, bounded in time and size, signed.

The name is resolved once, every address that it has must be public, and the request goes to the one that was looked
at: a name that changes its mind between check and use (DNS rebinding) gains nothing. Redirects are not followed.
Signatures are those of Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`.
"""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import secrets
import socket
import ssl
import time
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.utils.translation import gettext

from tenants.stored_words import stored

SECRET_PREFIX = "whsec_"  # noqa: S105 (what such secrets begin with)
SECRET_BYTES = (24, 64)
LONGEST_URL = 500
MOST_ADDRESSES = 20
# Prefixes with an IPv4 address inside: NAT64, which would lead to that one.
NAT64 = ipaddress.ip_network("64:ff9b::/96")

# Why a request failed: kept with a webhook's delivery as well.
UNRESOLVED = stored("The name can't be resolved.")
NO_ADDRESS = stored("The name has no address.")
PRIVATE = stored("The name leads to a private address.")
NO_ANSWER = stored("No answer within %(timeout_s)s s.")
LONG_ANSWER = stored("The answer is longer than %(most_bytes)s bytes.")


class InvalidUrl(ValueError):
    """Not an address that requests could go to."""


class InvalidSecret(ValueError):
    """Not a secret of Standard Webhooks."""


class RequestFailed(Exception):
    """No answer that counts; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that was looked at: the URL's parts, and where its name leads."""

    host: str
    port: int
    address: str
    url: httpx.URL


def check_url(url: str) -> None:
    """Raises InvalidUrl. Where the name leads is looked at with each request."""
    if len(url) > LONGEST_URL:
        raise InvalidUrl(gettext("At most %(longest_url)s characters.") % {"longest_url": LONGEST_URL})
    if not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidUrl(gettext("Only printable ASCII characters; others are percent-encoded."))
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise InvalidUrl(gettext("Not a URL.")) from None
    if parts.scheme != "https" and not (parts.scheme == "http" and settings.ALLOW_PRIVATE_HOOKS):
        raise InvalidUrl(gettext("Must begin with https://."))
    if not host:
        raise InvalidUrl(gettext("The URL names no host."))
    if parts.username is not None or parts.password is not None:
        raise InvalidUrl(gettext("No user name or password in the URL: requests are signed."))
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return
    if not is_allowed(literal):
        raise InvalidUrl(gettext("Private addresses are not allowed."))


def is_allowed(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether a request may go there: only to the public internet, unless CSMS_ALLOW_PRIVATE_HOOKS says otherwise."""
    if settings.ALLOW_PRIVATE_HOOKS:
        return True
    inner: ipaddress.IPv4Address | ipaddress.IPv6Address | None = None
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None and not is_allowed(inner):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def resolve(url: str) -> Target:
    """Look the name up. Raises RequestFailed for one that leads anywhere private, InvalidUrl."""
    check_url(url)
    parsed = httpx.URL(url)
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parsed.host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RequestFailed(gettext(UNRESOLVED)) from None
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found[:MOST_ADDRESSES]]
    if not addresses:
        raise RequestFailed(gettext(NO_ADDRESS))
    if not all(is_allowed(address) for address in addresses):
        raise RequestFailed(gettext(PRIVATE))
    return Target(parsed.host, port, str(addresses[0]), parsed)


async def post(
    url: str, body: bytes, headers: dict[str, str], *, timeout_s: float, most_bytes: int
) -> tuple[int, bytes]:
    """POST JSON; (status, body). All of it, with the look-up, within `timeout_s`. Raises RequestFailed, InvalidUrl."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _post(await resolve(url), body, headers, timeout_s, most_bytes)
    except TimeoutError:
        raise RequestFailed(gettext(NO_ANSWER) % {"timeout_s": f"{timeout_s:g}"}) from None
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
        raise RequestFailed(f"{type(error).__name__}: {error}"[:200]) from None


async def _post(
    target: Target, body: bytes, headers: dict[str, str], timeout_s: float, most_bytes: int
) -> tuple[int, bytes]:
    """To the very address that was looked at; the certificate must be the name's.

    A client of its own: pooled connections are told apart by address, not by the name that they were made for.
    """
    host = f"[{target.host}]" if ":" in target.host else target.host
    default = 443 if target.url.scheme == "https" else 80
    sent = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "csms",
        "Host": host if target.port == default else f"{host}:{target.port}",
        **headers,
    }
    async with (
        httpx.AsyncClient(verify=_tls(), trust_env=False, follow_redirects=False, timeout=timeout_s) as client,
        client.stream(
            "POST",
            target.url.copy_with(host=target.address),
            content=body,
            headers=sent,
            extensions={"sni_hostname": target.host},
        ) as response,
    ):
        received = bytearray()
        async for chunk in response.aiter_raw():
            received += chunk
            if len(received) > most_bytes:
                raise RequestFailed(gettext(LONG_ANSWER) % {"most_bytes": most_bytes})
        return response.status_code, bytes(received)


@cache
def _tls() -> ssl.SSLContext:
    """Reading the roots takes longer than a request may. SSL_CERT_FILE names others."""
    return httpx.create_ssl_context()


# --- signatures ---


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def check_secret(secret: str) -> None:
    """`whsec_` and 24 to 64 bytes in base64. Raises InvalidSecret."""
    try:
        size = len(base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True))
    except ValueError:
        size = 0
    if not secret.startswith(SECRET_PREFIX) or not SECRET_BYTES[0] <= size <= SECRET_BYTES[1]:
        raise InvalidSecret(
            gettext("%(secret_prefix)s and %(secret_bytes)s to %(secret_bytes2)s bytes in base64.")
            % {"secret_prefix": SECRET_PREFIX, "secret_bytes": SECRET_BYTES[0], "secret_bytes2": SECRET_BYTES[1]}
        )


def signature_headers(secret: str, message_id: str, body: bytes, at: float | None = None) -> dict[str, str]:
    """`webhook-id`, `webhook-timestamp` and `webhook-signature`."""
    stamp = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    digest = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
