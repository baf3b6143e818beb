"""A file that was checked waits to be imported, and what an import gives once waits to be fetched: sealed, for minutes.

For one person in one tenant; whoever else names it finds nothing. Files may hold passwords.
"""

import base64
import json
import re
import secrets
import zlib
from typing import Any

from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from tenants.admin.base import access_of
from tenants.models import Tenant
from tenants.sealing import SealBroken, seal, unseal

KEPT_S = 900
# Of one kind and one person: memory is shared by all tenants, and whoever checks file after file means the last ones.
MOST_CHECKED = 3
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")
# No token: it is too short for one.
LIST = "all"


class NotKept(Exception):
    """What is to be given once could not be kept: nothing may be done that it would be needed for."""


def tenant_of(request: HttpRequest) -> Tenant:
    """The tenant that the person works in. PermissionDenied without one."""
    access = access_of(request)
    if access is None:
        raise PermissionDenied
    return access.tenant


def keep(
    request: HttpRequest, what: str, content: dict[str, Any], seconds: int = KEPT_S, *, most: int | None = None
) -> str:
    """A token by which `content` (JSON) is found again for so long; with `most`, those before the last so many are not
    found any more. Raises NotKept.
    """
    token = secrets.token_urlsafe(24)
    packed = base64.b64encode(zlib.compress(json.dumps(content).encode(), 1)).decode()
    place = _place(request, what, token)
    cache.set(place, seal(packed, _purpose(what)), seconds)
    if cache.get(place) is None:
        raise NotKept
    tokens = [*_tokens(request, what), token]
    if most is not None:
        cache.delete_many([_place(request, what, gone) for gone in tokens[:-most]])
        tokens = tokens[-most:]
    cache.set(_place(request, what, LIST), tokens, seconds)
    return token


def newest(request: HttpRequest, what: str) -> str | None:
    """The token of what was kept last for this person, if it is still to be found: for whom the answer didn't reach."""
    return next((token for token in reversed(_tokens(request, what)) if look(request, what, token) is not None), None)


def _tokens(request: HttpRequest, what: str) -> list[str]:
    """The oldest first; some may be gone."""
    tokens: list[str] = cache.get(_place(request, what, LIST)) or []
    return tokens


def look(request: HttpRequest, what: str, token: str) -> dict[str, Any] | None:
    """None: too long ago, taken, or not this person's."""
    if not _TOKEN.fullmatch(token):
        return None
    sealed = cache.get(_place(request, what, token))
    return None if sealed is None else _opened(sealed, what)


def take(request: HttpRequest, what: str, token: str) -> dict[str, Any] | None:
    """As `look`, and nobody finds it again: of two who ask at once, one gets it."""
    found = look(request, what, token)
    return found if found is not None and cache.delete(_place(request, what, token)) else None


def shorten(request: HttpRequest, what: str, token: str, seconds: int) -> None:
    """It is found only so long from now on."""
    if _TOKEN.fullmatch(token):
        cache.touch(_place(request, what, token), seconds)


def pack(raw: bytes) -> str:
    """Bytes as JSON can hold them."""
    return base64.b64encode(raw).decode()


def unpack(text: str) -> bytes:
    return base64.b64decode(text)


def _opened(sealed: str, what: str) -> dict[str, Any] | None:
    try:
        packed = unseal(sealed, _purpose(what))
    except SealBroken:
        return None
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed)))
    return found


def _purpose(what: str) -> str:
    return f"import {what}"


def _place(request: HttpRequest, what: str, token: str) -> str:
    return f"csms:import:{what}:{tenant_of(request).pk}:{request.user.pk}:{token}"
