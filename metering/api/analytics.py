"""`GET /transactions/{id}/analytics`: what a session's readings say."""

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import Transaction
from metering.sessions.kept import analytics_of_any
from tenants.api.serializers import ExactDecimal
from tenants.api.views import TenantViewSet

ID = OpenApiParameter("id", OpenApiTypes.INT64, OpenApiParameter.PATH)


class PointSerializer(serializers.Serializer[Any]):
    timestamp = serializers.DateTimeField(source="at")
    powerW = ExactDecimal(source="power_w")
    energyWh = ExactDecimal(source="energy_wh", allow_null=True, help_text="Since the start of the session.")
    socPercent = ExactDecimal(source="soc", allow_null=True)


class AnalyticsSerializer(serializers.Serializer[Any]):
    energyWh = ExactDecimal(source="energy_wh", allow_null=True)
    pluggedSeconds = serializers.IntegerField(source="plugged_seconds")
    chargingSeconds = serializers.IntegerField(
        source="charging_seconds", allow_null=True, help_text="With more than 100 W; null: nothing is known yet."
    )
    idleSeconds = serializers.IntegerField(source="idle_seconds", allow_null=True)
    meanPowerW = ExactDecimal(source="mean_power_w", allow_null=True, help_text="While charging.")
    peakPowerW = ExactDecimal(source="peak_power_w", allow_null=True)
    peakTime = serializers.DateTimeField(source="peak_at", allow_null=True)
    powerSource = serializers.ChoiceField(
        ["measured", "register", ""], source="power_source", help_text="register: worked out from the energy register."
    )
    socStart = ExactDecimal(source="soc_start", allow_null=True)
    socEnd = ExactDecimal(source="soc_end", allow_null=True)
    efficiency = ExactDecimal(allow_null=True, help_text="Energy at the outlet by energy at the inlet.")
    maxTemperatureCelsius = ExactDecimal(source="max_temperature", allow_null=True)
    curve = PointSerializer(many=True, help_text="At most 500 points; peaks are kept.")


class SessionAnalyticsViewSet(TenantViewSet):
    """Of a running session: up to now."""

    scope = "meter-values"
    pagination_class = None
    filter_backends: Any = ()
    serializer_class = AnalyticsSerializer
    queryset = Transaction.objects.none()

    @extend_schema(parameters=[ID], responses=AnalyticsSerializer)
    def retrieve(self, request: Request, id: str) -> Response:
        session = get_object_or_404(Transaction.objects.select_related("evse", "charge_point"), pk=int(id))
        return Response(AnalyticsSerializer(analytics_of_any(session, timezone.now())).data)
