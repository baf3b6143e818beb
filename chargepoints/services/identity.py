"""Which tenant and which station a websocket path names (OCPP.md "Connection"). Pure."""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

IDENTITY = re.compile(r"[A-Za-z0-9*\-_=:+|@.]{1,48}\Z")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")


@dataclass(frozen=True, slots=True)
class Address:
    """What a path says: the identity as spelled, the tenant named (None: not named), a tenant to prefer if there is one."""

    identity: str
    tenant_slug: str | None
    tenant_hint: str | None


def parse_path(raw_path: str) -> Address | None:
    """The address in `/ocpp/{tenant}/{id}`, `/ocpp/{id}` or `/{id}`, percent-decoded; None for any other path."""
    parts = [_decode(part) for part in raw_path.partition("?")[0].strip("/").split("/")]
    tenant: str | None = None
    if len(parts) > 1 and parts[0] == "ocpp":
        parts = parts[1:]
    elif len(parts) > 1:
        return None
    if len(parts) == 2:
        tenant, identity = parts[0].lower(), parts[1]
        if not _SLUG.match(tenant):
            return None
    elif len(parts) == 1:
        identity = parts[0]
    else:
        return None
    if not IDENTITY.match(identity):
        return None
    prefix, underscore, _rest = identity.partition("_")
    hint = prefix.lower() if tenant is None and underscore and _SLUG.match(prefix.lower()) else None
    return Address(identity, tenant, hint)


def _decode(part: str) -> str:
    # Bytes that aren't UTF-8 turn into a character that no identity may have.
    return unquote_to_bytes(part).decode("utf-8", "replace")
