"""Session limits: of a tag, of a session; and the tenant's metering settings, its limits among them."""

from decimal import Decimal
from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.commands import SessionLimits
from chargepoints.models import IdTag, Transaction
from chargepoints.services.authorize import find_tag
from metering.models import IdTagLimit, MeteringSettings, SessionLimit
from metering.sessions.settings import change_settings, settings_of
from tenants.api.serializers import ExactDecimal, StrictSerializer
from tenants.api.views import TenantViewSet
from tenants.models import Role
from tenants.services.audit import record

LARGEST_SMALL = 32767


class LimitsSerializer(serializers.Serializer[Any]):
    maxEnergyWh = ExactDecimal(source="max_energy_wh", allow_null=True)
    maxDurationSeconds = serializers.IntegerField(source="max_duration_s", allow_null=True)
    maxCost = ExactDecimal(source="max_cost", allow_null=True, help_text="In the tenant's currency, with tax.")


class SessionLimitSerializer(LimitsSerializer):
    reached = serializers.ChoiceField(SessionLimit.Reached.choices, allow_null=True)
    reachedTime = serializers.DateTimeField(source="reached_at", allow_null=True)
    attempts = serializers.IntegerField(help_text="How often the station was asked to stop.")
    lastAttemptTime = serializers.DateTimeField(source="last_attempt_at", allow_null=True)
    commandId = serializers.UUIDField(source="command_id", allow_null=True, help_text="The last of these commands.")


class IdTagLimitsViewSet(TenantViewSet):
    """What each session of a tag is limited to. A tag without limits has those of its parent."""

    scope = "id-tags"
    pagination_class = None
    filter_backends: Any = ()
    serializer_class = LimitsSerializer
    queryset = IdTagLimit.objects.none()

    @extend_schema(responses=LimitsSerializer)
    def retrieve(self, request: Request, id_tag: str) -> Response:
        """Its own; all null where it has none."""
        row = IdTagLimit.objects.filter(id_tag=self.get_object()).first()
        return Response(LimitsSerializer(row or IdTagLimit()).data)

    @extend_schema(request=SessionLimits, responses=LimitsSerializer)
    def update(self, request: Request, id_tag: str) -> Response:
        """Replaces all three; sessions that run keep the limits that they began with."""
        tag = self.get_object()
        given = SessionLimits(data=request.data)
        given.is_valid(raise_exception=True)
        names = ("max_energy_wh", "max_duration_s", "max_cost")
        limits = {name: given.validated_data.get(name) for name in names}
        row, _ = IdTagLimit.objects.update_or_create(tenant=self.tenant, id_tag=tag, defaults=limits)
        changes = {name: str(value) for name, value in limits.items() if value is not None}
        record(actor=self.caller.actor, origin="api", action="limit", target=tag, changes=changes)
        return Response(LimitsSerializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, id_tag: str) -> Response:
        tag = self.get_object()
        if IdTagLimit.objects.filter(id_tag=tag).delete()[0]:
            record(actor=self.caller.actor, origin="api", action="limit", target=tag, changes={})
        return Response(status=status.HTTP_204_NO_CONTENT)

    def get_object(self) -> IdTag:
        found = find_tag(self.kwargs["id_tag"])
        if found is None:
            raise Http404
        return found


class SessionLimitsViewSet(TenantViewSet):
    """What a session is limited to, and what came of it."""

    scope = "transactions"
    pagination_class = None
    filter_backends: Any = ()
    serializer_class = SessionLimitSerializer
    queryset = SessionLimit.objects.none()

    @extend_schema(
        parameters=[OpenApiParameter("id", OpenApiTypes.INT64, OpenApiParameter.PATH)], responses=SessionLimitSerializer
    )
    def retrieve(self, request: Request, id: str) -> Response:
        """All null where nothing limits it."""
        session = get_object_or_404(Transaction.objects.all(), pk=int(id))
        row = SessionLimit.objects.filter(transaction=session).first() or SessionLimit()
        data = SessionLimitSerializer(row).data
        return Response({**data, "reached": row.reached or None})


class MeteringSettingsSerializer(StrictSerializer):
    hourDays = serializers.IntegerField(
        source="hour_days", min_value=8, max_value=LARGEST_SMALL, help_text="Days to keep hourly aggregates."
    )
    dayDays = serializers.IntegerField(
        source="day_days", min_value=32, max_value=LARGEST_SMALL, help_text="Days to keep daily aggregates."
    )
    offlineAfterMinutes = serializers.IntegerField(source="offline_after_minutes", min_value=1, max_value=LARGEST_SMALL)
    silentAfterMinutes = serializers.IntegerField(source="silent_after_minutes", min_value=1, max_value=LARGEST_SMALL)
    clockToleranceSeconds = serializers.IntegerField(source="clock_tolerance_seconds", min_value=5, max_value=2**31 - 1)
    closeAfterHours = serializers.IntegerField(
        source="close_after_hours",
        min_value=1,
        max_value=LARGEST_SMALL,
        help_text="A session without readings for longer is closed.",
    )
    maxSessionEnergyWh = ExactDecimal(
        source="max_session_energy_wh",
        max_digits=12,
        decimal_places=3,
        min_value=Decimal("0.001"),
        allow_null=True,
        help_text="null: no limit.",
    )
    maxSessionDurationSeconds = serializers.IntegerField(
        source="max_session_duration_s", min_value=1, max_value=2**31 - 1, allow_null=True
    )
    maxSessionCost = ExactDecimal(
        source="max_session_cost", max_digits=12, decimal_places=4, min_value=Decimal("0.0001"), allow_null=True
    )


class MeteringSettingsViewSet(TenantViewSet):
    """How the tenant's metering is set."""

    scope = "meter-values"
    pagination_class = None
    filter_backends: Any = ()
    serializer_class = MeteringSettingsSerializer
    queryset = MeteringSettings.objects.none()
    required_roles = {"partial_update": Role.ADMIN}

    @extend_schema(responses=MeteringSettingsSerializer)
    def retrieve(self, request: Request) -> Response:
        return Response(MeteringSettingsSerializer(settings_of(self.tenant.pk)).data)

    @extend_schema(responses=MeteringSettingsSerializer)
    def partial_update(self, request: Request) -> Response:
        given = MeteringSettingsSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        row = change_settings(self.tenant.pk, given.validated_data, actor=self.caller.actor, origin="api")
        return Response(MeteringSettingsSerializer(row).data)
