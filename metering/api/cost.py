"""`/transactions/{id}/cost` and `/receipt`; `/charge-detail-records`, their corrections and receipts."""

from datetime import datetime
from typing import Any

import django_filters
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import Transaction
from metering.api.cost_serializers import (
    Correction,
    CostSerializer,
    NewLine,
    RecordSerializer,
    cost_data,
    record_data,
)
from metering.models import ChargeDetailRecord
from metering.pricing.cost import cost_of, latest_record
from metering.pricing.receipt import receipt_pdf
from metering.pricing.records import Superseded, correct_record
from tenants.api.exceptions import Conflict
from tenants.api.pagination import TimePagination
from tenants.api.parameters import utc
from tenants.api.renderers import EnvelopeRenderer, ProblemRenderer
from tenants.api.views import TenantViewSet
from tenants.models import Role

PDF = "application/pdf"
SESSION_ID = OpenApiParameter("id", OpenApiTypes.INT64, OpenApiParameter.PATH)
NUMBER = OpenApiParameter("number", {"type": "string", "pattern": "^[0-9]{4}-[0-9]{6,12}$"}, OpenApiParameter.PATH)


class PdfRenderer(EnvelopeRenderer):
    """Lets a client ask for `application/pdf`. The file goes by itself; what is rendered here are failures, as JSON."""

    media_type = PDF
    format = "pdf"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        (renderer_context or {})["response"]["Content-Type"] = EnvelopeRenderer.media_type
        return super().render(data, accepted_media_type, renderer_context)


RENDERERS = [EnvelopeRenderer, ProblemRenderer, PdfRenderer]
FILE = {(200, PDF): OpenApiTypes.BINARY}


class CostViewSet(TenantViewSet):
    """What a session costs."""

    scope = "transactions"
    serializer_class = CostSerializer
    queryset = Transaction.objects.none()
    pagination_class = None
    filter_backends: Any = ()

    @extend_schema(parameters=[SESSION_ID], responses=CostSerializer)
    def retrieve(self, request: Request, id: str) -> Response:
        """Live while the session runs and until its charge detail record is made; then what the record says."""
        session = find_session(id)
        return Response(cost_data(session, cost_of(session, timezone.now())))

    @extend_schema(parameters=[SESSION_ID], responses=FILE)
    def receipt(self, request: Request, id: str) -> HttpResponse:
        """PDF of the charge detail record that holds; 409 before there is one."""
        record = latest_record(find_session(id))
        if record is None:
            raise Conflict("There is no charge detail record of this session (yet).")
        return pdf_response(record)


class RecordFilter(django_filters.FilterSet):
    chargePointId = django_filters.CharFilter("charge_point", "iexact")
    idTag = django_filters.CharFilter("id_tag", "iexact")
    transactionId = django_filters.NumberFilter("transaction_id", min_value=1, max_value=10**15)
    startTime = django_filters.IsoDateTimeFilter(method="ended_since")
    endTime = django_filters.IsoDateTimeFilter(method="ended_before")

    class Meta:
        model = ChargeDetailRecord
        fields: list[str] = []

    def ended_since(self, queryset: QuerySet[Any], name: str, value: datetime) -> QuerySet[Any]:
        return queryset.filter(stopped_at__gte=utc(name, value))

    def ended_before(self, queryset: QuerySet[Any], name: str, value: datetime) -> QuerySet[Any]:
        return queryset.filter(stopped_at__lt=utc(name, value))


class RecordPagination(TimePagination):
    ordering = ("-stopped_at", "-id")


@extend_schema_view(list=extend_schema(responses=RecordSerializer(many=True)))
class RecordViewSet(TenantViewSet):
    """What sessions were charged, newest first; `startTime` and `endTime` filter by the end of the session.

    A record never changes: a correction is another record of the same session, with the next revision, that says all
    anew. The one that nothing corrects holds.
    """

    scope = "charge-detail-records"
    serializer_class = RecordSerializer
    filterset_class = RecordFilter
    pagination_class = RecordPagination
    lookup_url_kwarg = "number"
    lookup_value_regex = "[0-9]{4}-[0-9]{6,12}"
    required_roles = {"corrections": Role.ADMIN}

    def get_queryset(self) -> QuerySet[ChargeDetailRecord]:
        later = ChargeDetailRecord.objects.filter(corrects=OuterRef("pk")).values("number")[:1]
        rows = ChargeDetailRecord.objects.select_related("corrects", "tenant", "transaction__charge_point__site")
        return rows.annotate(corrected_by=Subquery(later))

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([record_data(record) for record in page or []])

    @extend_schema(parameters=[NUMBER], responses=RecordSerializer)
    def retrieve(self, request: Request, number: str) -> Response:
        return Response(record_data(self._record(number)))

    @extend_schema(parameters=[NUMBER], responses=FILE)
    @action(detail=True, renderer_classes=RENDERERS)
    def receipt(self, request: Request, number: str) -> HttpResponse:
        """PDF of this very record."""
        return pdf_response(self._record(number))

    @extend_schema(parameters=[NUMBER], request=Correction, responses={201: RecordSerializer})
    @action(detail=True, methods=["post"])
    def corrections(self, request: Request, number: str) -> Response:
        """Correct the record that holds; 409 for one that was corrected already."""
        given = Correction(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = dict(given.validated_data)
        if "lines" in wanted:
            wanted["lines"] = [NewLine().line(line) for line in wanted["lines"]]
        try:
            made = correct_record(record=self._record(number), actor=self.caller.actor, origin="api", **wanted)
        except Superseded:
            raise Conflict("This record was corrected already: correct the one that holds.") from None
        return Response(record_data(self._record(made.number)), status=status.HTTP_201_CREATED)

    def _record(self, number: str) -> ChargeDetailRecord:
        found: ChargeDetailRecord = get_object_or_404(self.get_queryset(), number=number)
        return found


def find_session(pk: str) -> Transaction:
    rows = Transaction.objects.select_related("charge_point__site", "evse", "id_tag_row", "tenant")
    found: Transaction = get_object_or_404(rows, pk=int(pk))
    return found


def pdf_response(record: ChargeDetailRecord) -> HttpResponse:
    """A download."""
    response = HttpResponse(receipt_pdf(record), content_type=PDF)
    response["Content-Disposition"] = f'attachment; filename="receipt-{record.number}.pdf"'
    response["Cache-Control"] = "no-store"
    return response
