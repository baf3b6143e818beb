"""`/alerts/thresholds`: what readings are compared with."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import ChargePoint
from metering.alerts.measurands import is_measurand
from metering.alerts.services import delete_threshold, save_threshold
from metering.models import Severity, Threshold
from tenants.api.serializers import ExactDecimal, StrictSerializer, plain_decimal
from tenants.api.views import TenantViewSet
from tenants.models import Role

LONGEST_S = 7 * 24 * 3600
AC_ONLY = "Not compared at outlets whose readings show direct current."
# The model's names, as clients know them.
NAMES = {
    "min_value": "minValue",
    "max_value": "maxValue",
    "charge_point": "chargePointId",
    "evse_number": "connectorId",
    "minimum_duration_s": "minimumDurationSeconds",
    "ac_only": "acOnly",
}


class ThresholdSerializer(serializers.ModelSerializer[Threshold]):
    minValue = ExactDecimal(source="min_value", allow_null=True)
    maxValue = ExactDecimal(source="max_value", allow_null=True)
    chargePointId = serializers.CharField(
        source="charge_point.identity", default=None, allow_null=True, help_text="Null: all charge points."
    )
    connectorId = serializers.IntegerField(source="evse_number", allow_null=True, help_text="Null: all connectors.")
    hysteresis = ExactDecimal(allow_null=True, help_text="Null: 2 % of the bound.")
    minimumDurationSeconds = serializers.IntegerField(source="minimum_duration_s")
    acOnly = serializers.BooleanField(source="ac_only", help_text=AC_ONLY)

    class Meta:
        model = Threshold
        fields = [
            *("id", "measurand", "minValue", "maxValue", "chargePointId", "connectorId", "severity", "hysteresis"),
            *("minimumDurationSeconds", "acOnly", "enabled"),
        ]


class ThresholdChange(StrictSerializer):
    measurand = serializers.CharField(max_length=50)
    minValue = ExactDecimal(source="min_value", max_digits=20, allow_null=True, required=False)
    maxValue = ExactDecimal(source="max_value", max_digits=20, allow_null=True, required=False)
    chargePointId = serializers.CharField(source="charge_point", max_length=48, allow_null=True, required=False)
    connectorId = serializers.IntegerField(
        source="evse_number",
        min_value=0,
        max_value=1000,
        allow_null=True,
        required=False,
        help_text="0: the station's main meter.",
    )
    severity = serializers.ChoiceField(Severity.choices, required=False)
    hysteresis = ExactDecimal(max_digits=20, min_value=0, allow_null=True, required=False)
    minimumDurationSeconds = serializers.IntegerField(
        source="minimum_duration_s", min_value=0, max_value=LONGEST_S, required=False
    )
    acOnly = serializers.BooleanField(source="ac_only", required=False, help_text=AC_ONLY)
    enabled = serializers.BooleanField(
        required=False, help_text="A threshold that is off switches the wider ones off at its place."
    )

    def validate_measurand(self, name: str) -> str:
        if not is_measurand(name):
            raise serializers.ValidationError("Neither a measurand of OCPP nor one that your stations have sent.")
        return name

    def validate_chargePointId(self, identity: str | None) -> ChargePoint | None:
        if identity is None:
            return None
        found = ChargePoint.objects.filter(identity_key=identity.lower()).first()
        if found is None:
            raise serializers.ValidationError("There is no such charge point.")
        return found


@extend_schema_view(list=extend_schema(responses=ThresholdSerializer(many=True)))
class ThresholdViewSet(TenantViewSet):
    """The most specific one for a measurand holds: connector, then charge point, then tenant."""

    scope = "alerts"
    serializer_class = ThresholdSerializer
    queryset = Threshold.objects.none()
    lookup_value_regex = "[0-9]{1,18}"
    required_roles = {"create": Role.ADMIN, "partial_update": Role.ADMIN, "destroy": Role.ADMIN}

    def get_queryset(self) -> QuerySet[Threshold]:
        return Threshold.objects.select_related("charge_point").order_by("measurand", "id")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(ThresholdSerializer(page, many=True).data)

    @extend_schema(responses=ThresholdSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(ThresholdSerializer(self._threshold(pk)).data)

    @extend_schema(request=ThresholdChange, responses={201: ThresholdSerializer})
    def create(self, request: Request) -> Response:
        given = ThresholdChange(data=request.data)
        given.is_valid(raise_exception=True)
        threshold = self._save(Threshold(tenant=self.tenant), given.validated_data)
        return Response(ThresholdSerializer(threshold).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ThresholdChange, responses=ThresholdSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        threshold = self._threshold(pk)
        given = ThresholdChange(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        return Response(ThresholdSerializer(self._save(threshold, given.validated_data)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Its open alerts are resolved."""
        threshold = self._threshold(pk)
        values = {name: [_text(getattr(threshold, name)), None] for name in ("measurand", "min_value", "max_value")}
        delete_threshold(threshold=threshold, actor=self.caller.actor, origin="api", changes=values)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _threshold(self, pk: str) -> Threshold:
        return get_object_or_404(self.get_queryset(), pk=int(pk))

    def _save(self, threshold: Threshold, values: dict[str, Any]) -> Threshold:
        changes = {}
        for name, value in values.items():
            changes[name] = [_text(getattr(threshold, name)) if threshold.pk else None, _text(value)]
            setattr(threshold, name, value)
        try:
            return save_threshold(threshold=threshold, actor=self.caller.actor, origin="api", changes=changes)
        except ModelValidationError as error:
            raise serializers.ValidationError(
                {NAMES.get(name, name): texts for name, texts in error.message_dict.items()}
            ) from None


def _text(value: Any) -> str | None:
    if isinstance(value, Decimal):
        return plain_decimal(value)
    return None if value is None else str(value)
