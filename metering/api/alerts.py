"""`/alerts`: the inbox."""

from datetime import datetime

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from metering.alerts.selectors import alerts
from metering.alerts.services import AlreadyHandled, acknowledge_alert, resolve_alert
from metering.alerts.words import describe
from metering.models import Alert, Severity
from tenants.api.exceptions import Conflict
from tenants.api.pagination import TimePagination
from tenants.api.parameters import utc
from tenants.api.serializers import ExactDecimal, StrictSerializer
from tenants.api.views import TenantViewSet


class AlertSerializer(serializers.ModelSerializer[Alert]):
    chargePointId = serializers.CharField(source="charge_point.identity")
    connectorId = serializers.IntegerField(
        source="evse_number", allow_null=True, help_text="Null: the whole station; 0: its main meter."
    )
    transactionId = serializers.IntegerField(
        source="transaction_id", allow_null=True, help_text="`id` of /transactions."
    )
    thresholdId = serializers.IntegerField(source="threshold_id", allow_null=True)
    limitValue = ExactDecimal(source="limit_value", allow_null=True)
    worstValue = ExactDecimal(source="worst_value", allow_null=True, decimal_places=12)
    lastValue = ExactDecimal(source="last_value", allow_null=True, decimal_places=12)
    description = serializers.SerializerMethodField(help_text="What is wrong, in one line.")
    startTime = serializers.DateTimeField(
        source="started_at", help_text="When it began; by the station's clock where it is a reading."
    )
    openedTime = serializers.DateTimeField(source="opened_at", help_text="When it was noticed here.")
    lastTime = serializers.DateTimeField(source="last_at")
    acknowledgedTime = serializers.DateTimeField(source="acknowledged_at", allow_null=True)
    acknowledgedBy = serializers.CharField(source="acknowledged_by")
    resolvedTime = serializers.DateTimeField(source="resolved_at", allow_null=True)

    class Meta:
        model = Alert
        fields = [
            *("id", "kind", "severity", "status", "description", "chargePointId", "connectorId", "transactionId"),
            *("thresholdId", "measurand", "phase", "unit", "limitValue", "worstValue", "lastValue", "detail"),
            *("count", "startTime", "openedTime", "lastTime", "acknowledgedTime", "acknowledgedBy", "note"),
            *("resolvedTime", "resolution"),
        ]

    def get_description(self, row: Alert) -> str:
        return describe(row)


class AlertFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=Alert.Status.choices)
    kind = django_filters.ChoiceFilter(choices=Alert.Kind.choices)
    severity = django_filters.ChoiceFilter(choices=Severity.choices)
    chargePointId = django_filters.CharFilter(method="of_station")
    startTime = django_filters.IsoDateTimeFilter(method="opened_since")
    endTime = django_filters.IsoDateTimeFilter(method="opened_before")

    class Meta:
        model = Alert
        fields: list[str] = []

    def of_station(self, queryset: QuerySet[Alert], name: str, value: str) -> QuerySet[Alert]:
        return queryset.filter(charge_point__identity_key=value.lower())

    def opened_since(self, queryset: QuerySet[Alert], name: str, value: datetime) -> QuerySet[Alert]:
        return queryset.filter(opened_at__gte=utc(name, value))

    def opened_before(self, queryset: QuerySet[Alert], name: str, value: datetime) -> QuerySet[Alert]:
        return queryset.filter(opened_at__lt=utc(name, value))


class Acknowledge(StrictSerializer):
    note = serializers.CharField(max_length=500, allow_blank=True, default="")


class Resolve(StrictSerializer):
    reason = serializers.CharField(max_length=150)


class AlertPagination(TimePagination):
    ordering = ("-opened_at", "-id")


@extend_schema_view(list=extend_schema(responses=AlertSerializer(many=True)))
class AlertViewSet(TenantViewSet):
    """Newest first. `startTime` and `endTime` filter by when an alert was opened."""

    scope = "alerts"
    serializer_class = AlertSerializer
    filterset_class = AlertFilter
    pagination_class = AlertPagination
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Alert]:
        return alerts()

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(AlertSerializer(page, many=True).data)

    @extend_schema(responses=AlertSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(AlertSerializer(self._alert(pk)).data)

    @extend_schema(request=Acknowledge, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Someone has seen it and takes care."""
        alert = self._alert(pk)
        given = Acknowledge(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            alert = acknowledge_alert(alert=alert, actor=self.caller.actor, note=given.validated_data["note"])
        except AlreadyHandled as error:
            raise Conflict(f"The alert is {error.status}.") from None
        return Response(AlertSerializer(alert).data)

    @extend_schema(request=Resolve, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: str) -> Response:
        """It is over, says a person; while the same excursion lasts, it is not opened again."""
        alert = self._alert(pk)
        given = Resolve(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            alert = resolve_alert(alert=alert, actor=self.caller.actor, reason=given.validated_data["reason"])
        except AlreadyHandled:
            raise Conflict("The alert is resolved already.") from None
        return Response(AlertSerializer(alert).data)

    def _alert(self, pk: str) -> Alert:
        return get_object_or_404(self.get_queryset(), pk=int(pk))
