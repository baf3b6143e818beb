"""Readings as CSV, oldest first: the columns, and how an export is answered."""

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from metering.api.reading_query import export_pages
from metering.models import Sample
from metering.reading_pages import ReadingQuery
from tenants.api.csv_export import MEDIA_TYPE, Cell, CsvRenderer, csv_response
from tenants.api.renderers import EnvelopeRenderer, ProblemRenderer

RENDERERS = [EnvelopeRenderer, ProblemRenderer, CsvRenderer]
ANSWER = {(200, MEDIA_TYPE): OpenApiTypes.STR}
HEADER = [
    *("timestamp", "chargePointId", "connectorId", "transactionId", "measurand", "phase", "location", "context"),
    *("value", "unit", "originalValue", "originalUnit"),
]


def export_readings(
    request: Request, *, tenant_id: int, query: ReadingQuery, identity: str, filename: str
) -> StreamingHttpResponse:
    """The query's readings of the station `identity`, streamed: any number of them in the memory of one page."""

    def row_of(sample: Sample) -> list[Cell]:
        series = sample.series
        return [
            *(sample.at, identity, series.evse_number, sample.transaction_id, series.measurand, series.phase),
            *(series.location, sample.get_context_display(), sample.value, series.unit),
            *(sample.raw_value, sample.raw_unit),
        ]

    pages = export_pages(tenant_id, query, row_of)
    return csv_response(request, filename=filename, header=HEADER, pages=pages)
