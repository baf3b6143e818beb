"""`/transactions`: sessions."""

from datetime import datetime

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import Transaction
from chargepoints.services.closing_sessions import AlreadyEnded, close_by_hand
from tenants.api.exceptions import Conflict
from tenants.api.pagination import TimePagination
from tenants.api.parameters import utc
from tenants.api.serializers import ExactDecimal, StrictSerializer, plain_decimal
from tenants.api.views import TenantViewSet


class TransactionSerializer(serializers.ModelSerializer[Transaction]):
    transactionId = serializers.CharField(source="protocol_id", help_text="What the station knows it by.")
    chargePointId = serializers.CharField(source="charge_point.identity")
    connectorId = serializers.IntegerField(source="evse.number")
    idTag = serializers.CharField(source="id_tag")
    status = serializers.ChoiceField(Transaction.State.choices, source="state")
    idTagStatus = serializers.CharField(source="verdict")
    startTime = serializers.DateTimeField(source="started_at")
    stopTime = serializers.DateTimeField(source="stopped_at", allow_null=True)
    meterStartWh = ExactDecimal(source="meter_start_wh")
    meterStopWh = ExactDecimal(source="meter_stop_wh", allow_null=True)
    energyWh = ExactDecimal(source="energy_wh", allow_null=True, help_text="So far, or final.")
    energyKwh = serializers.SerializerMethodField(help_text="energyWh / 1000, exact.")
    powerW = serializers.SerializerMethodField(help_text="Last power of a running session.")
    durationSeconds = serializers.SerializerMethodField()
    stopReason = serializers.CharField(source="stop_reason")
    stoppedBy = serializers.CharField(source="stopped_by")
    lastReadingTime = serializers.DateTimeField(source="last_reading_at", allow_null=True)
    flags = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Transaction
        fields = [
            *("id", "transactionId", "chargePointId", "connectorId", "idTag", "idTagStatus", "status"),
            *("startTime", "stopTime", "meterStartWh", "meterStopWh", "energyWh", "energyKwh", "powerW"),
            *("durationSeconds", "stopReason", "stoppedBy", "lastReadingTime", "flags"),
        ]

    def get_energyKwh(self, row: Transaction) -> str | None:
        return None if row.energy_wh is None else plain_decimal(row.energy_wh / 1000)

    def get_powerW(self, row: Transaction) -> str | None:
        running = row.state == Transaction.State.ACTIVE and row.last_power_w is not None
        return plain_decimal(row.last_power_w) if running and row.last_power_w is not None else None

    def get_durationSeconds(self, row: Transaction) -> int:
        return max(0, int(((row.stopped_at or timezone.now()) - row.started_at).total_seconds()))


class TransactionFilter(django_filters.FilterSet):
    chargePointId = django_filters.CharFilter(method="of_station")
    connectorId = django_filters.NumberFilter("evse__number", min_value=0, max_value=1000)
    idTag = django_filters.CharFilter("id_tag", "iexact")
    status = django_filters.ChoiceFilter(field_name="state", choices=Transaction.State.choices)
    startTime = django_filters.IsoDateTimeFilter(method="begun_since")
    endTime = django_filters.IsoDateTimeFilter(method="begun_before")

    class Meta:
        model = Transaction
        fields: list[str] = []

    def begun_since(self, queryset: QuerySet[Transaction], name: str, value: datetime) -> QuerySet[Transaction]:
        return queryset.filter(started_at__gte=utc(name, value))

    def begun_before(self, queryset: QuerySet[Transaction], name: str, value: datetime) -> QuerySet[Transaction]:
        return queryset.filter(started_at__lt=utc(name, value))

    def of_station(self, queryset: QuerySet[Transaction], name: str, value: str) -> QuerySet[Transaction]:
        return queryset.filter(charge_point__identity_key=value.lower())


class CloseTransaction(StrictSerializer):
    reason = serializers.CharField(max_length=40, default="Other")


class TransactionPagination(TimePagination):
    ordering = ("-started_at", "-id")


@extend_schema_view(list=extend_schema(responses=TransactionSerializer(many=True)))
class TransactionViewSet(TenantViewSet):
    """Newest first. `startTime` and `endTime` filter by the start of the session."""

    scope = "transactions"
    serializer_class = TransactionSerializer
    filterset_class = TransactionFilter
    pagination_class = TransactionPagination
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Transaction]:
        return Transaction.objects.select_related("charge_point", "evse")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(TransactionSerializer(page, many=True).data)

    @extend_schema(responses=TransactionSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(TransactionSerializer(get_object_or_404(self.get_queryset(), pk=int(pk))).data)

    @extend_schema(request=CloseTransaction, responses=TransactionSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """End by hand a session that hangs; the station's own stop, should it come, supersedes it."""
        row = get_object_or_404(self.get_queryset(), pk=int(pk))
        given = CloseTransaction(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            close_by_hand(transaction=row, actor=self.caller.actor, reason=given.validated_data["reason"])
        except AlreadyEnded:
            raise Conflict("The session has ended already.") from None
        return Response(TransactionSerializer(self.get_queryset().get(pk=row.pk)).data)
