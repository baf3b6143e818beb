"""Where people are signed in, and how that ends."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F
from django.utils import timezone

from tenants.context import directory_transaction
from tenants.middleware import SESSION_KEY
from tenants.models import BrowserSession, User
from tenants.visitors import browser_name


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A browser in which somebody is signed in. `handle` names it without being its key."""

    handle: str
    browser: str
    address: str
    since: datetime | None
    last_seen: datetime | None
    is_this: bool


def sessions_of(user: User, this_key: str | None = None) -> list[SignedIn]:
    """The one that asks first, then by when they were last used."""
    with directory_transaction():
        rows = BrowserSession.objects.filter(user=user, expire_date__gt=timezone.now()).order_by("-last_seen_at")
        found = [_shown(row, this_key) for row in rows]
    return sorted(found, key=lambda one: not one.is_this)


def end_session(user: User, handle: str) -> SignedIn | None:
    """End one of the person's sessions; what it was, or None where there is none of that handle."""
    with directory_transaction():
        for row in BrowserSession.objects.filter(user=user):
            shown = _shown(row, None)
            if shown.handle == handle:
                row.delete()
                return shown
    return None


def end_all_sessions(user: User, *, keep: str | None = None) -> int:
    """End all browser sessions but `keep`, and all tokens (JWT); the number of sessions that there were.

    The generation changes, so what this can't see (a sign-in that is just being stored) ends too. The session
    that is kept must take the new one (`update_session_auth_hash`).
    """
    with directory_transaction():
        rows = BrowserSession.objects.filter(user=user)
        count = rows.filter(expire_date__gt=timezone.now()).exclude(session_key=keep or "").count()
        User.objects.filter(pk=user.pk).update(generation=F("generation") + 1)
        rows.exclude(session_key=keep or "").delete()
    user.refresh_from_db(using="system", fields=["generation"])
    return count


def end_sessions_in(user: User, slug: str) -> int:
    """End the browser sessions that work in that tenant; how many there were. Those that work in another go on."""
    with directory_transaction():
        live = BrowserSession.objects.filter(user=user, expire_date__gt=timezone.now())
        keys = [row.session_key for row in live if row.get_decoded().get(SESSION_KEY) == slug]
        BrowserSession.objects.filter(session_key__in=keys).delete()
    return len(keys)


def forget_expired() -> int:
    """Sessions that have run out."""
    with directory_transaction():
        return BrowserSession.objects.filter(expire_date__lt=timezone.now()).delete()[0]


def _shown(row: BrowserSession, this_key: str | None) -> SignedIn:
    return SignedIn(
        handle=_handle_of(row.session_key),
        browser=browser_name(row.browser),
        address=row.address,
        since=row.created_at,
        last_seen=row.last_seen_at,
        is_this=row.session_key == this_key,
    )


def _handle_of(session_key: str) -> str:
    return hashlib.sha256(b"session " + session_key.encode()).hexdigest()[:24]
