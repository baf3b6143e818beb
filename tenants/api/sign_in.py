"""`POST /auth/token` and `/auth/token/refresh`."""

from typing import Any

from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken

from tenants.api.authentication import active_user, enter
from tenants.api.serializers import StrictSerializer
from tenants.api.throttling import SignInThrottle
from tenants.api.views import EnvelopeMixin
from tenants.models import User
from tenants.selectors import Access, accesses_of


class SignIn(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=200, trim_whitespace=False)
    tenant = serializers.CharField(max_length=32, required=False)


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
    """Sign in with user name and password."""

    @extend_schema(request=SignIn, responses=Tokens, operation_id="auth_token", auth=[])
    def post(self, request: Request) -> Response:
        given = SignIn(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        # One answer for an unknown name, a wrong password and a tenant that isn't theirs.
        user = authenticate(username=wanted["username"], password=wanted["password"])
        if not isinstance(user, User):
            raise AuthenticationFailed("User name, password or tenant is wrong.")
        slugs = [access.tenant.slug for access in accesses_of(user)]
        slug = wanted.get("tenant") or (slugs[0] if slugs else "")
        if slug not in slugs:
            raise AuthenticationFailed("User name, password or tenant is wrong.")
        return Response(issue_tokens(user, enter(user, slug)))


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
        return Response(issue_tokens(user, enter(user, str(token.get("tenant", "")))))


def issue_tokens(user: User, access: Access) -> dict[str, Any]:
    """Access and refresh token with the claims of API.md."""
    token = RefreshToken()
    token["sub"], token["tenant_id"], token["tenant"] = str(user.pk), access.tenant.pk, access.tenant.slug
    token["role"] = access.role
    return {
        "access": str(token.access_token),
        "refresh": str(token),
        "expiresIn": int(token.access_token.lifetime.total_seconds()),
        "tenant": access.tenant.slug,
        "role": access.role,
    }
