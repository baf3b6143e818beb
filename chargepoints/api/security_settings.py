"""`/security/settings`: what a tenant sets about its charge points' security."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import SecuritySettings
from chargepoints.services.security_settings import change_settings, settings_of
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet
from tenants.models import Role


class SecuritySettingsSerializer(StrictSerializer):
    passwordRotationDays = serializers.IntegerField(
        source="password_rotation_days",
        min_value=1,
        max_value=3650,
        allow_null=True,
        help_text="A charge point's password is rotated after so many days, while it is online and charges nobody. "
        "null: never by itself.",
    )


class SecuritySettingsViewSet(TenantViewSet):
    """How the security of the tenant's charge points is set."""

    scope = "chargepoints"
    pagination_class = None
    filter_backends: Any = ()
    serializer_class = SecuritySettingsSerializer
    queryset = SecuritySettings.objects.none()
    required_roles = {"partial_update": Role.ADMIN}

    @extend_schema(responses=SecuritySettingsSerializer)
    def retrieve(self, request: Request) -> Response:
        return Response(SecuritySettingsSerializer(settings_of(self.tenant.pk)).data)

    @extend_schema(responses=SecuritySettingsSerializer)
    def partial_update(self, request: Request) -> Response:
        given = SecuritySettingsSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        row = change_settings(self.tenant.pk, given.validated_data, actor=self.caller.actor, origin="api")
        return Response(SecuritySettingsSerializer(row).data)
