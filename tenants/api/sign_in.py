"""`POST /auth/token` and `/auth/token/refresh`."""

import time
from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken

from tenants.api.authentication import active_user, enter, has_shown_second_factor, signed_in_at
from tenants.api.serializers import StrictSerializer
from tenants.api.throttling import SignInThrottle
from tenants.api.views import EnvelopeMixin
from tenants.models import User
from tenants.selectors import Access, accesses_of
from tenants.services.attempts import TooMany
from tenants.services.second_factor import Verdict, check_code, has_second_factor
from tenants.services.sign_in import sign_in_with_password
from tenants.visitors import client_address

OTP_HELP = (
    "The code of the person's authenticator app, or a recovery code: for people who sign in with two factors. "
    "Missing: 401 with the code `otp_required`; wrong or used already: 401 with `otp_invalid`."
)


class SignIn(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=200, trim_whitespace=False)
    tenant = serializers.CharField(max_length=32, required=False)
    otp = serializers.CharField(max_length=40, required=False, help_text=OTP_HELP)


class Refresh(StrictSerializer):
    refresh = serializers.CharField(max_length=2000)


class Tokens(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()
    expiresIn = serializers.IntegerField(help_text="Seconds until `access` expires.")
    tenant = serializers.CharField()
    role = serializers.CharField()


class _SignInView(EnvelopeMixin):
    authentication_classes: Any = ()
    permission_classes: Any = (AllowAny,)
    throttle_classes: Any = (SignInThrottle,)

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class TokenView(_SignInView):
    """Sign in with user name (or e-mail address) and password, and with a code where the person has a second factor."""

    @extend_schema(request=SignIn, responses=Tokens, operation_id="auth_token", auth=[])
    def post(self, request: Request) -> Response:
        given = SignIn(data=request.data)
        given.is_valid(raise_exception=True)
        wanted, now = given.validated_data, time.time()
        try:
            user = sign_in_with_password(
                name=wanted["username"],
                password=wanted["password"],
                address=client_address(request._request),
                origin="api",
            )
        except TooMany as refused:
            raise Throttled(wait=refused.wait_s) from None
        # One answer for an unknown name, a wrong password and a tenant that isn't theirs.
        slugs = [access.tenant.slug for access in accesses_of(user)] if user is not None else []
        slug = wanted.get("tenant") or (slugs[0] if slugs else "")
        if user is None or slug not in slugs:
            raise AuthenticationFailed("User name, password or tenant is wrong.")
        second_factor = _second_factor(user, wanted.get("otp"), client_address(request._request))
        access = enter(user, slug, second_factor=second_factor, since=now)
        return Response(issue_tokens(user, access, second_factor=second_factor, since=now))


def _second_factor(user: User, code: str | None, address: str) -> bool:
    """Whether the person has shown theirs; refused where they have one and have not."""
    if not has_second_factor(user):
        return False
    if not code:
        raise AuthenticationFailed("This person signs in with a code too: send it as `otp`.", "otp_required")
    verdict, until = check_code(user, code, address=address, origin="api")
    if verdict is Verdict.WAIT:
        raise Throttled(wait=_seconds_to(until))
    if verdict is Verdict.WRONG:
        raise AuthenticationFailed("The code is wrong or was used already.", "otp_invalid")
    return True


def _seconds_to(until: datetime | None) -> float:
    return max(1.0, (until - timezone.now()).total_seconds()) if until else 1.0


class RefreshView(_SignInView):
    """Trade a refresh token for new tokens. The role is read anew."""

    @extend_schema(request=Refresh, responses=Tokens, operation_id="auth_token_refresh", auth=[])
    def post(self, request: Request) -> Response:
        given = Refresh(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            token = RefreshToken(given.validated_data["refresh"])
        except TokenError:
            raise AuthenticationFailed("The token is invalid or has expired.") from None
        user = active_user(token)
        second_factor, since = has_shown_second_factor(token), signed_in_at(token)
        access = enter(user, str(token.get("tenant", "")), second_factor=second_factor, since=since)
        return Response(issue_tokens(user, access, second_factor=second_factor, since=since))


def issue_tokens(
    user: User, access: Access, *, second_factor: bool = False, since: float | None = None
) -> dict[str, Any]:
    """Access and refresh token with the claims of API.md. They end with the person's password and sessions (`stamp`),
    and where the person is signed out of the tenant after `since`: when they signed in, by default now."""
    token = RefreshToken()
    token["sub"], token["tenant_id"], token["tenant"] = str(user.pk), access.tenant.pk, access.tenant.slug
    token["role"] = access.role
    token["stamp"], token["second_factor"] = user.token_stamp, second_factor
    token["since"] = since or time.time()
    return {
        "access": str(token.access_token),
        "refresh": str(token),
        "expiresIn": int(token.access_token.lifetime.total_seconds()),
        "tenant": access.tenant.slug,
        "role": access.role,
    }
