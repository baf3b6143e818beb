"""`GET /chargepoints/{id}/meter-values` and `/meter-values/latest`."""

from typing import Any

from django.db.models import Q
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.charge_points import StationViewSet
from chargepoints.api.messages import read_time
from chargepoints.message_pairs import read_cursor
from metering.live import live_statistics
from metering.selectors import samples
from tenants.api.pagination import paged, read_limit
from tenants.api.serializers import ExactDecimal


class MeterValueSerializer(serializers.Serializer[Any]):
    timestamp = serializers.DateTimeField(source="at")
    connectorId = serializers.IntegerField(source="series.evse_number")
    transactionId = serializers.IntegerField(
        source="transaction_id", allow_null=True, help_text="`id` of /transactions."
    )
    measurand = serializers.CharField(source="series.measurand")
    phase = serializers.CharField(source="series.phase")
    location = serializers.CharField(source="series.location")
    context = serializers.CharField(source="get_context_display")  # type: ignore[assignment]
    value = ExactDecimal()
    unit = serializers.CharField(source="series.unit")
    originalValue = serializers.CharField(source="raw_value", allow_null=True)
    originalUnit = serializers.CharField(source="raw_unit", allow_null=True)


class LatestSerializer(serializers.Serializer[Any]):
    connectorId = serializers.IntegerField()
    measurand = serializers.CharField()
    phase = serializers.CharField()
    min = serializers.FloatField()
    max = serializers.FloatField()
    avg = serializers.FloatField()
    sum = serializers.FloatField()
    count = serializers.IntegerField()
    lastValue = serializers.FloatField()
    lastTime = serializers.DateTimeField()
    unit = serializers.CharField()


class MeterValueViewSet(StationViewSet):
    """Newest first."""

    scope = "meter-values"
    pagination_class = None
    filter_backends: Any = ()
    serializer_class = MeterValueSerializer
    extra_parameters = {
        "list": {"connectorId", "transactionId", "measurand", "phase", "startTime", "endTime", "limit", "cursor"},
        "latest": {"connectorId"},
    }

    @extend_schema(
        parameters=[
            OpenApiParameter("connectorId", {"type": "integer", "minimum": 0, "maximum": 1000}),
            OpenApiParameter("transactionId", {"type": "integer", "minimum": 0, "maximum": 2**53}),
            OpenApiParameter("measurand", OpenApiTypes.STR),
            OpenApiParameter("phase", OpenApiTypes.STR),
            OpenApiParameter("startTime", OpenApiTypes.DATETIME),
            OpenApiParameter("endTime", OpenApiTypes.DATETIME),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 1000}),
            OpenApiParameter("cursor", OpenApiTypes.STR),
        ],
        responses=MeterValueSerializer(many=True),
    )
    def list(self, request: Request, charge_point_id: str) -> Response:
        asked, limit = request.query_params, read_limit(request)
        rows = samples(self.get_object().pk).order_by("-at", "-series_id")
        exact = {
            "series__evse_number": read_number(request, "connectorId", 1000),
            "transaction_id": read_number(request, "transactionId", 2**53),
            "series__measurand": asked.get("measurand"),
            "series__phase": asked.get("phase"),
            "at__gte": read_time(request, "startTime"),
            "at__lte": read_time(request, "endTime"),
        }
        rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
        if cursor := asked.get("cursor"):
            try:
                at, series_id = read_cursor(cursor)
            except ValueError:
                raise ValidationError({"cursor": "Not a cursor of this list."}) from None
            rows = rows.filter(Q(at__lt=at) | Q(at=at, series_id__lt=series_id))
        page = list(rows[: limit + 1])
        following = None
        if len(page) > limit:
            page = page[:limit]
            following = f"{page[-1].at.isoformat()}~{page[-1].series_id}"
        return paged(MeterValueSerializer(page, many=True).data, next=following, limit=limit)

    @extend_schema(
        parameters=[OpenApiParameter("connectorId", {"type": "integer", "minimum": 0, "maximum": 1000})],
        responses=LatestSerializer(many=True),
    )
    @action(detail=False)
    def latest(self, request: Request, charge_point_id: str) -> Response:
        """Statistics of the last 24 hours, per connector, measurand and phase."""
        connector_id = read_number(request, "connectorId", 1000)
        rows = live_statistics(self.get_object().pk)
        kept = [row for row in rows if connector_id in (None, row["connectorId"])]
        return Response(LatestSerializer(kept, many=True).data)


def read_number(request: Request, name: str, largest: int) -> int | None:
    """A whole number from the query; ValidationError names it."""
    raw = request.query_params.get(name)
    if raw is None:
        return None
    if not (raw.isascii() and raw.isdigit() and len(raw) < 18 and int(raw) <= largest):
        raise ValidationError({name: f"A whole number from 0 to {largest}."})
    return int(raw)
