"""Who may look at a live board: the session cookie of the back office, from a page of the back office."""

from collections.abc import Iterable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from tenants.middleware import chosen_access
from tenants.models import User

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class BoardAccess:
    """Whose board it is, and by whose session. Asked for again while the page is open."""

    user_id: int
    tenant_id: int


def session_key_of(headers: Headers) -> str | None:
    """The session's key from the upgrade's cookies, or None."""
    cookies: SimpleCookie = SimpleCookie()
    try:
        for name, value in headers:
            if name == b"cookie":
                cookies.load(value.decode("latin-1"))
    except CookieError:
        return None
    found = cookies.get(settings.SESSION_COOKIE_NAME)
    return found.value if found is not None and found.value else None


def is_from_our_pages(headers: Headers) -> bool:
    """Whether the browser says that the page it opens the socket for is ours. Sockets know no same-origin rule."""
    given = {name: value.decode("latin-1") for name, value in headers if name in {b"origin", b"host"}}
    origin, host = given.get(b"origin", ""), given.get(b"host", "")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    parts = urlsplit(origin)
    return bool(host) and parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower()


def access_of_session(session_key: str) -> BoardAccess | None:
    """What the session's person may see now, in the tenant that they work in. Blocking; opens its own scopes."""
    request: Any = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        return None
    access = chosen_access(user, request.session).access
    return None if access is None else BoardAccess(user.pk, access.tenant.pk)
