"""Addresses that stations send files to and fetch them from: ours, with a token, or one that an operator names."""

import hashlib
import re
import secrets
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils.translation import gettext

PREFIX = "station-files"
# 192 bits, as text that needs no escaping in a URL.
TOKEN_BYTES = 24
TOKEN_LENGTH = 32
HIDDEN = "***"
# What stations can fetch from and send to (OCPP 1.6 §6.23; Security Whitepaper N01). The station goes there, not we.
SCHEMES = ("http", "https", "ftp", "ftps", "sftp")
LONGEST_LOCATION = 512
LONGEST_NAME = 120
_UNSAFE = re.compile(r"[^\w.\- ]+")


class InvalidLocation(ValueError):
    """No station could go there; says why."""


class NoPublicUrl(Exception):
    """Stations can't be given an address of ours: CSMS_PUBLIC_URL is not set."""

    def __str__(self) -> str:
        return gettext("This system has no public address (CSMS_PUBLIC_URL): name a location.")


def new_token() -> tuple[str, str]:
    """(token, its digest). Only the digest is kept."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return token, digest_of(token)


def digest_of(token: str) -> str:
    """SHA-256, hex: what rows are looked up by, so that nothing secret is compared."""
    return hashlib.sha256(token.encode()).hexdigest()


def own_address(token: str, name: str = "") -> str:
    """`https://csms.example.com/station-files/<token>/<name>`. Raises NoPublicUrl.

    Without a name it ends as a folder does: stations put the name of the file that they send behind it.
    """
    if not settings.PUBLIC_URL:
        raise NoPublicUrl
    return f"{settings.PUBLIC_URL.rstrip('/')}/{PREFIX}/{token}/{quote(name)}"


def check_location(location: str) -> str:
    """The address as it came, if a station could use it; InvalidLocation names the fault. It may hold a password."""
    if len(location) > LONGEST_LOCATION:
        raise InvalidLocation(
            gettext("At most %(longest_location)s characters.") % {"longest_location": LONGEST_LOCATION}
        )
    if not location.isascii() or not location.isprintable() or " " in location:
        raise InvalidLocation(gettext("Only printable ASCII characters; others are percent-encoded."))
    try:
        parts = urlsplit(location)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise InvalidLocation(gettext("Not a URL.")) from None
    if parts.scheme.lower() not in SCHEMES:
        raise InvalidLocation(
            gettext("Must begin with one of %(known)s.") % {"known": ", ".join(f"{scheme}://" for scheme in SCHEMES)}
        )
    if not host:
        raise InvalidLocation(gettext("The URL names no host."))
    return location


def shown_location(location: str) -> str:
    """The address for people: without password, token and signature."""
    try:
        parts = urlsplit(location)
    except ValueError:
        # Sent by hand; what can't be read can't be cleared of secrets.
        return HIDDEN
    host = parts.netloc.rpartition("@")
    netloc = f"{host[0].partition(':')[0]}:{HIDDEN}@{host[2]}" if host[1] else parts.netloc
    query = HIDDEN if parts.query else ""
    return parts._replace(netloc=netloc, query=query).geturl()


def clean_name(name: str, fallback: str) -> str:
    """A station's name for a file, as a label: no folders, nothing that a file system or header could trip over."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    cleaned = _UNSAFE.sub("_", last.replace("\0", "")).strip(" .")
    return cleaned[-LONGEST_NAME:].strip(" .") or fallback
