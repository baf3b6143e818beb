"""`/circuits/{id}/limits`: grid signals."""

from datetime import datetime
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from smartcharging.api.circuits import ID, OF_CIRCUIT, CircuitScope
from smartcharging.api.refusals import field_error
from smartcharging.models import CircuitLimit
from smartcharging.services.signals import (
    AlreadyOver,
    LimitRefused,
    cancel_circuit_limit,
    set_circuit_limit,
)
from tenants.api.exceptions import Conflict
from tenants.api.pagination import TimePagination
from tenants.api.parameters import utc
from tenants.api.serializers import ExactDecimal, StrictSerializer

STATES = ["upcoming", "active", "ended", "cancelled"]
NAMES = {"limit_a": "limitA", "limit_w": "limitW", "start_at": "startTime", "end_at": "endTime"}
OF_LIMIT = [OF_CIRCUIT, OpenApiParameter("limit_id", ID, OpenApiParameter.PATH)]


class CircuitLimitSerializer(serializers.ModelSerializer[CircuitLimit]):
    circuitId = serializers.IntegerField(source="circuit_id")
    status = serializers.SerializerMethodField()
    limitA = ExactDecimal(source="limit_a", allow_null=True, help_text="On each phase.")
    limitW = ExactDecimal(source="limit_w", allow_null=True, help_text="In all.")
    startTime = serializers.DateTimeField(source="start_at")
    endTime = serializers.DateTimeField(source="end_at")
    appliedTime = serializers.DateTimeField(
        source="applied_at", allow_null=True, help_text="When the first round that keeps to it had sent its limits."
    )
    honouredTime = serializers.DateTimeField(
        source="honoured_at", allow_null=True, help_text="When the charge points could not be taking more any longer."
    )
    honoured = serializers.SerializerMethodField(help_text="Null before it begins.")
    requestedBy = serializers.CharField(source="requested_by")
    createdTime = serializers.DateTimeField(source="created_at")
    cancelledTime = serializers.DateTimeField(source="cancelled_at", allow_null=True)
    cancelledBy = serializers.CharField(source="cancelled_by")

    class Meta:
        model = CircuitLimit
        fields = [
            *("id", "circuitId", "status", "limitA", "limitW", "startTime", "endTime", "reason"),
            *("honoured", "appliedTime", "honouredTime", "requestedBy", "createdTime", "cancelledTime", "cancelledBy"),
        ]

    def get_status(self, row: CircuitLimit) -> str:
        now = timezone.now()
        if row.cancelled_at is not None:
            return "cancelled"
        return "upcoming" if row.start_at > now else "active" if row.end_at > now else "ended"

    def get_honoured(self, row: CircuitLimit) -> bool | None:
        return True if row.honoured_at is not None else None if row.start_at > timezone.now() else False


class NewCircuitLimit(StrictSerializer):
    """Exactly one of limitW and limitA."""

    limitA = ExactDecimal(
        source="limit_a", max_digits=10, decimal_places=1, min_value=0, required=False, help_text="On each phase."
    )
    limitW = ExactDecimal(
        source="limit_w", max_digits=12, decimal_places=1, min_value=0, required=False, help_text="In all."
    )
    startTime = serializers.DateTimeField(source="start_at", required=False, help_text="Absent: now.")
    endTime = serializers.DateTimeField(source="end_at")
    reason = serializers.CharField(max_length=240, allow_blank=True, default="")


class CircuitLimitFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=[(name, name) for name in STATES], method="in_state")
    startTime = django_filters.IsoDateTimeFilter(method="ending_after")
    endTime = django_filters.IsoDateTimeFilter(method="beginning_before")

    class Meta:
        model = CircuitLimit
        fields: list[str] = []

    def in_state(self, queryset: QuerySet[CircuitLimit], name: str, value: str) -> QuerySet[CircuitLimit]:
        now = timezone.now()
        if value == "cancelled":
            return queryset.filter(cancelled_at__isnull=False)
        wanted = {
            "upcoming": Q(start_at__gt=now),
            "active": Q(start_at__lte=now, end_at__gt=now),
            "ended": Q(end_at__lte=now),
        }
        return queryset.filter(wanted[value], cancelled_at=None)

    def ending_after(self, queryset: QuerySet[CircuitLimit], name: str, value: datetime) -> QuerySet[CircuitLimit]:
        return queryset.filter(end_at__gt=utc(name, value))

    def beginning_before(self, queryset: QuerySet[CircuitLimit], name: str, value: datetime) -> QuerySet[CircuitLimit]:
        return queryset.filter(start_at__lt=utc(name, value))


class CircuitLimitPagination(TimePagination):
    ordering = ("-start_at", "-id")


@extend_schema_view(list=extend_schema(responses=CircuitLimitSerializer(many=True)))
class CircuitLimitViewSet(CircuitScope):
    """For a time the circuit carries less. All that hold at a time hold together."""

    scope = "circuit-limits"
    serializer_class = CircuitLimitSerializer
    queryset = CircuitLimit.objects.none()
    filterset_class = CircuitLimitFilter
    pagination_class = CircuitLimitPagination
    filter_backends: Any = (django_filters.rest_framework.DjangoFilterBackend,)
    lookup_url_kwarg = "limit_id"
    lookup_value_regex = "[0-9]{1,15}"

    def get_queryset(self) -> QuerySet[CircuitLimit]:
        return CircuitLimit.objects.filter(circuit=self.circuit)

    def list(self, request: Request, circuit_id: str) -> Response:
        """Newest start first. `startTime`, `endTime`: those that hold at any time between."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(CircuitLimitSerializer(page, many=True).data)

    @extend_schema(parameters=OF_LIMIT, responses=CircuitLimitSerializer)
    def retrieve(self, request: Request, circuit_id: str, limit_id: str) -> Response:
        return Response(CircuitLimitSerializer(self._limit(limit_id)).data)

    @extend_schema(request=NewCircuitLimit, responses={201: CircuitLimitSerializer})
    def create(self, request: Request, circuit_id: str) -> Response:
        """Honoured within one round, which it sets off where it holds from now on."""
        given = NewCircuitLimit(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            row = set_circuit_limit(circuit=self.circuit, **given.validated_data, actor=self.caller.actor, origin="api")
        except LimitRefused as refused:
            if not refused.field:
                raise Conflict(refused.sentence, code=refused.reason) from None
            raise field_error(NAMES, refused.field, refused.reason, refused.sentence) from None
        return Response(CircuitLimitSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=OF_LIMIT, responses={204: None})
    def destroy(self, request: Request, circuit_id: str, limit_id: str) -> Response:
        """Cancels it; it stays in the list. 409 where it is over already."""
        try:
            cancel_circuit_limit(limit=self._limit(limit_id), actor=self.caller.actor, origin="api")
        except AlreadyOver:
            raise Conflict("It has ended, or was cancelled.") from None
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _limit(self, limit_id: str) -> CircuitLimit:
        found: CircuitLimit = get_object_or_404(self.get_queryset(), pk=int(limit_id))
        return found
