"""`/circuits/{id}/limits-sent`: every limit that was sent, and why."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from smartcharging.api.circuits import CircuitScope
from smartcharging.circuit_selectors import limits_sent_to
from smartcharging.models import LimitSent
from smartcharging.reason_words import cause_in_words, reason_in_words
from tenants.api.csv_export import MEDIA_TYPE, ROWS_PER_PAGE, Cell, CsvRenderer, csv_response, tenant_pages
from tenants.api.pagination import TimePagination
from tenants.api.parameters import utc
from tenants.api.renderers import EnvelopeRenderer, ProblemRenderer
from tenants.api.serializers import ExactDecimal

PURPOSES = {"tx": "TxProfile", "tx_default": "TxDefaultProfile"}
HEADER = [
    *("timestamp", "circuitId", "chargePointId", "connectorId", "sessionId", "purpose", "limitA", "previousA"),
    *("reason", "cause", "result", "resultTime", "detail", "commandId"),
]


class LimitSentSerializer(serializers.ModelSerializer[LimitSent]):
    timestamp = serializers.DateTimeField(source="at")
    circuitId = serializers.IntegerField(source="circuit_id")
    chargePointId = serializers.CharField(source="charge_point.identity")
    connectorId = serializers.IntegerField(source="evse_number")
    sessionId = serializers.IntegerField(source="transaction_id", allow_null=True)
    purpose = serializers.SerializerMethodField()
    limitA = ExactDecimal(source="limit_a", help_text="On each phase.")
    previousA = ExactDecimal(source="previous_a", allow_null=True)
    reasonText = serializers.SerializerMethodField()
    causeText = serializers.SerializerMethodField(help_text="What set the round off.")
    resultTime = serializers.DateTimeField(source="result_at", allow_null=True)
    commandId = serializers.UUIDField(source="command_id", allow_null=True)

    class Meta:
        model = LimitSent
        fields = [
            *("id", "timestamp", "circuitId", "chargePointId", "connectorId", "sessionId", "purpose", "limitA"),
            *("previousA", "reason", "reasonText", "cause", "causeText", "detail", "result", "resultTime"),
            "commandId",
        ]

    def get_purpose(self, row: LimitSent) -> str:
        return PURPOSES.get(row.purpose, row.purpose)

    def get_reasonText(self, row: LimitSent) -> str:
        return reason_in_words(row.reason)

    def get_causeText(self, row: LimitSent) -> str:
        return cause_in_words(row.cause)


class LimitSentFilter(django_filters.FilterSet):
    chargePointId = django_filters.CharFilter(method="of_station")
    connectorId = django_filters.NumberFilter("evse_number", min_value=0, max_value=1000, decimal_places=0)
    result = django_filters.ChoiceFilter(choices=LimitSent.Result.choices)
    reason = django_filters.CharFilter("reason", max_length=40)
    startTime = django_filters.IsoDateTimeFilter(method="sent_since")
    endTime = django_filters.IsoDateTimeFilter(method="sent_before")

    class Meta:
        model = LimitSent
        fields: list[str] = []

    def of_station(self, queryset: QuerySet[LimitSent], name: str, value: str) -> QuerySet[LimitSent]:
        return queryset.filter(charge_point__identity_key=value.lower())

    def sent_since(self, queryset: QuerySet[LimitSent], name: str, value: datetime) -> QuerySet[LimitSent]:
        return queryset.filter(at__gte=utc(name, value))

    def sent_before(self, queryset: QuerySet[LimitSent], name: str, value: datetime) -> QuerySet[LimitSent]:
        return queryset.filter(at__lt=utc(name, value))


@extend_schema_view(list=extend_schema(responses=LimitSentSerializer(many=True)))
class LimitSentViewSet(CircuitScope):
    """Newest first: of the circuit and all below it."""

    serializer_class = LimitSentSerializer
    queryset = LimitSent.objects.none()
    filterset_class = LimitSentFilter
    pagination_class = TimePagination
    filter_backends: Any = (django_filters.rest_framework.DjangoFilterBackend,)
    extra_parameters = {"export": set(LimitSentFilter.base_filters)}

    def get_queryset(self) -> QuerySet[LimitSent]:
        return limits_sent_to(self.circuit)

    def list(self, request: Request, circuit_id: str) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(LimitSentSerializer(page, many=True).data)

    @extend_schema(responses={(200, MEDIA_TYPE): OpenApiTypes.STR})
    @action(detail=False, renderer_classes=[EnvelopeRenderer, ProblemRenderer, CsvRenderer], pagination_class=None)
    def export(self, request: Request, circuit_id: str) -> StreamingHttpResponse:
        """All of them (or those of the filters) as CSV, oldest first; streamed."""
        rows = self.filter_queryset(self.get_queryset()).order_by("at", "id")
        return csv_response(
            request,
            filename=f"limits-sent-{self.circuit.pk}-{timezone.now():%Y%m%dT%H%M%SZ}.csv",
            header=HEADER,
            pages=pages_of_limits(self.tenant.pk, rows),
        )


def pages_of_limits(tenant_id: int, rows: QuerySet[LimitSent]) -> Iterator[list[list[Cell]]]:
    """Lines of the file, page by page; `rows` oldest first."""
    return _cells(tenant_pages(tenant_id, lambda last: _after(rows, last)))


def _after(rows: QuerySet[LimitSent], last: LimitSent | None) -> list[LimitSent]:
    if last is not None:
        rows = rows.filter(at__gte=last.at).filter(Q(at__gt=last.at) | Q(pk__gt=last.pk))
    return list(rows[:ROWS_PER_PAGE])


def _cells(pages: Iterator[list[LimitSent]]) -> Iterator[list[list[Cell]]]:
    for page in pages:
        yield [
            [
                *(row.at, row.circuit_id, row.charge_point.identity, row.evse_number, row.transaction_id),
                *(PURPOSES.get(row.purpose, row.purpose), row.limit_a, row.previous_a, row.reason, row.cause),
                *(row.result, row.result_at, row.detail, str(row.command_id) if row.command_id else None),
            ]
            for row in page
        ]
