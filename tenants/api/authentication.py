"""Who calls: people with a JWT, programs with a key. Roles are read anew for every request, so a removal acts at once."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.crypto import constant_time_compare
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

from tenants.context import system_transaction
from tenants.models import ApiKey, User
from tenants.selectors import Access, access_to, refuse_while_moving
from tenants.services.api_keys import resolve_api_key
from tenants.services.second_factor import needs_second_factor

KEY_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller in one tenant. `scopes` None: everything that the role may."""

    access: Access
    actor: str
    scopes: frozenset[str] | None = None


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <JWT>`; platform staff choose the tenant with `X-Tenant`."""

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        scheme, _, raw = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            token = AccessToken(raw.strip())  # type: ignore[arg-type]
        except TokenError:
            raise AuthenticationFailed("The token is invalid or has expired.") from None
        user = active_user(token)
        slug = str(token.get("tenant", ""))
        if user.is_superuser:
            slug = request.headers.get("X-Tenant") or slug
        access = enter(user, slug, second_factor=has_shown_second_factor(token), since=signed_in_at(token))
        return user, Caller(access, user.username)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key <key>`."""

    def authenticate(self, request: Request) -> tuple[ApiKey, Caller] | None:
        scheme, _, raw = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "api-key":
            return None
        key = resolve_api_key(raw.strip())
        if key is None:
            raise AuthenticationFailed("The key is unknown, revoked or has expired.")
        refuse_while_moving(key.tenant)
        if not key.tenant.is_active:
            raise PermissionDenied("The tenant is suspended.")
        _note_use(key)
        scopes = frozenset(key.scopes) or None
        return key, Caller(Access(key.tenant, key.role), f"key {key.name}", scopes)


def active_user(token: Any) -> User:
    """The token's person, still active, with the password of then and not signed out everywhere since.

    AuthenticationFailed otherwise.
    """
    with system_transaction():
        user = User.objects.filter(pk=token.get("sub"), is_active=True).first()
    if user is None:
        raise AuthenticationFailed("The account is gone or inactive.")
    if not constant_time_compare(str(token.get("stamp", "")), user.token_stamp):
        raise AuthenticationFailed("The token was ended: sign in again.")
    return user


def has_shown_second_factor(token: Any) -> bool:
    """Whether the person showed a code when the token was issued."""
    return token.get("second_factor") is True


def signed_in_at(token: Any) -> float:
    """When the person signed in for it, or for the token that it was traded for; seconds of the epoch."""
    return float(token.get("since") or token.get("iat") or 0)


def enter(user: User, slug: str, *, second_factor: bool, since: float) -> Access:
    """The person's access to the tenant; the same answer for a tenant that isn't theirs and one that isn't there.

    AuthenticationFailed where an administrator has signed them out of it after `since`.
    PermissionDenied (`two_factor_required`) where the tenant wants a second factor and none was shown.
    """
    access = access_to(user, slug)
    if access is None:
        raise AuthenticationFailed("No access to this tenant.")
    if not access.is_open_to(since):
        raise AuthenticationFailed("The token was ended: sign in again.")
    refuse_while_moving(access.tenant)
    if not access.tenant.is_active and access.role != "platform":
        raise PermissionDenied("The tenant is suspended.")
    if needs_second_factor(access) and not second_factor:
        raise PermissionDenied(
            "The tenant asks for two-factor sign-in: set it up in the back office, then sign in again with `otp`.",
            "two_factor_required",
        )
    return access


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - KEY_USE_NOTED_EVERY:
        with system_transaction():
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
