"""`GET /transactions/{id}/meter-values` and `/meter-values/export`: the readings of one session."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import Transaction
from metering.api.reading_export import ANSWER, RENDERERS, export_readings
from metering.api.reading_query import (
    OF_PAGE,
    OF_READING,
    MeterValueSerializer,
    names,
    page_of,
    query_of_session,
)
from tenants.api.views import TenantViewSet

ID = OpenApiParameter("id", OpenApiTypes.INT64, OpenApiParameter.PATH)


class SessionMeterValueViewSet(TenantViewSet):
    """Newest first."""

    scope = "meter-values"
    pagination_class = None
    filter_backends: Any = ()
    serializer_class = MeterValueSerializer
    queryset = Transaction.objects.none()
    extra_parameters = {"list": names(OF_READING, OF_PAGE), "export": names(OF_READING)}

    @extend_schema(parameters=[ID, *OF_READING, *OF_PAGE], responses=MeterValueSerializer(many=True))
    def list(self, request: Request, id: str) -> Response:
        return page_of(request, query_of_session(request, self._session(id)))

    @extend_schema(parameters=[ID, *OF_READING], responses=ANSWER)
    @action(detail=False, renderer_classes=RENDERERS)
    def export(self, request: Request, id: str) -> StreamingHttpResponse:
        """All readings of the session as CSV, oldest first; streamed."""
        session = self._session(id)
        return export_readings(
            request,
            tenant_id=self.tenant.pk,
            query=query_of_session(request, session),
            identity=session.charge_point.identity,
            filename=f"meter-values-session-{session.pk}.csv",
        )

    def _session(self, pk: str) -> Transaction:
        found: Transaction = get_object_or_404(Transaction.objects.select_related("charge_point"), pk=int(pk))
        return found
