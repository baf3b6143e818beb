"""`GET /chargepoints/{id}/meter-values`, `/meter-values/latest` and `/meter-values/export`."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.charge_points import StationViewSet
from metering.api.reading_export import ANSWER, RENDERERS, export_readings
from metering.api.reading_query import (
    LARGEST_CONNECTOR,
    OF_PAGE,
    OF_READING,
    OF_STATION,
    MeterValueSerializer,
    names,
    page_of,
    query_of_station,
)
from metering.live import live_statistics
from tenants.api.parameters import read_number


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
        "list": names(OF_STATION, OF_READING, OF_PAGE),
        "latest": {"connectorId"},
        "export": names(OF_STATION, OF_READING),
    }

    @extend_schema(parameters=[*OF_STATION, *OF_READING, *OF_PAGE], responses=MeterValueSerializer(many=True))
    def list(self, request: Request, charge_point_id: str) -> Response:
        return page_of(request, query_of_station(request, self.get_object()))

    @extend_schema(parameters=OF_STATION[:1], responses=LatestSerializer(many=True))
    @action(detail=False)
    def latest(self, request: Request, charge_point_id: str) -> Response:
        """Statistics of the last 24 hours, per connector, measurand and phase."""
        connector_id = read_number(request, "connectorId", LARGEST_CONNECTOR)
        rows = live_statistics(self.get_object().pk)
        kept = [row for row in rows if connector_id in (None, row["connectorId"])]
        return Response(LatestSerializer(kept, many=True).data)

    @extend_schema(parameters=[*OF_STATION, *OF_READING], responses=ANSWER)
    @action(detail=False, renderer_classes=RENDERERS)
    def export(self, request: Request, charge_point_id: str) -> StreamingHttpResponse:
        """All readings of any range as CSV, oldest first; streamed."""
        station = self.get_object()
        return export_readings(
            request,
            tenant_id=self.tenant.pk,
            query=query_of_station(request, station),
            identity=station.identity,
            filename=f"meter-values-{station.identity}.csv",
        )
