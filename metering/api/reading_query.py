"""What a client asks of readings: the query parameters that lists and exports share, and the page's cursor."""

from collections.abc import Callable, Iterator
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import ChargePoint, Transaction
from metering.models import Sample
from metering.reading_pages import Place, ReadingQuery, place_of, read_page, series_of, session_span
from tenants.api.csv_export import ROWS_PER_PAGE, Cell, tenant_pages
from tenants.api.cursors import bad_cursor, read_cursor, write_cursor
from tenants.api.pagination import paged, read_limit
from tenants.api.parameters import read_number, read_time
from tenants.api.serializers import ExactDecimal

LARGEST_CONNECTOR, LARGEST_SESSION = 1000, 2**53
OF_STATION = [
    OpenApiParameter("connectorId", {"type": "integer", "minimum": 0, "maximum": LARGEST_CONNECTOR}),
    OpenApiParameter(
        "transactionId", {"type": "integer", "minimum": 0, "maximum": LARGEST_SESSION}, description="`id` of a session."
    ),
]
OF_READING = [
    OpenApiParameter("measurand", OpenApiTypes.STR),
    OpenApiParameter("phase", OpenApiTypes.STR, description="Empty: readings without a phase."),
    OpenApiParameter("startTime", OpenApiTypes.DATETIME, description="Inclusive."),
    OpenApiParameter("endTime", OpenApiTypes.DATETIME, description="Exclusive."),
]
OF_PAGE = [
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 1000}),
    OpenApiParameter("cursor", OpenApiTypes.STR, description="`meta.next` of the last answer."),
]


def names(*groups: list[OpenApiParameter]) -> set[str]:
    """The parameters' names."""
    return {parameter.name for group in groups for parameter in group}


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
    value = ExactDecimal(max_digits=40, decimal_places=12)
    unit = serializers.CharField(source="series.unit")
    originalValue = serializers.CharField(source="raw_value", allow_null=True)
    originalUnit = serializers.CharField(source="raw_unit", allow_null=True)


def query_of_station(request: Request, station: ChargePoint) -> ReadingQuery:
    """The station's readings that the parameters name. ValidationError names the parameter that is wrong."""
    evse_number = read_number(request, "connectorId", LARGEST_CONNECTOR)
    session_id = read_number(request, "transactionId", LARGEST_SESSION)
    if session_id is None:
        return _query(request, station.pk, evse_number=evse_number)
    session = Transaction.objects.filter(pk=session_id, charge_point=station).first()
    if session is None:
        # Checked all the same: a wrong time is a 400 whichever session was meant.
        _query(request, station.pk)
        return ReadingQuery(series={})
    return _query(request, station.pk, session, evse_number=evse_number)


def query_of_session(request: Request, session: Transaction) -> ReadingQuery:
    """The session's readings that the parameters name."""
    return _query(request, session.charge_point_id, session)


def page_of(request: Request, query: ReadingQuery) -> Response:
    """A page, newest first; `meta.next` is the cursor of the next."""
    limit, after = read_limit(request), _read_place(request)
    page = read_page(query, after=after, limit=limit + 1, newest_first=True)
    following = None
    if len(page) > limit:
        page = page[:limit]
        following = write_cursor(*place_of(page[-1]))
    return paged(MeterValueSerializer(page, many=True).data, next=following, limit=limit)


def export_pages(
    tenant_id: int, query: ReadingQuery, row_of: Callable[[Sample], list[Cell]]
) -> Iterator[list[list[Cell]]]:
    """All readings of the query as rows, oldest first, read while they are taken."""

    def read_after(last: Sample | None) -> list[Sample]:
        return read_page(query, after=place_of(last) if last else None, limit=ROWS_PER_PAGE, newest_first=False)

    for page in tenant_pages(tenant_id, read_after):
        yield [row_of(sample) for sample in page]


def _query(
    request: Request, charge_point_id: int, session: Transaction | None = None, *, evse_number: int | None = None
) -> ReadingQuery:
    asked = request.query_params
    starts, ends = [read_time(request, "startTime")], [read_time(request, "endTime")]
    if session is not None:
        begun, ended = session_span(session)
        starts, ends = [*starts, begun], [*ends, ended]
    series = series_of(
        charge_point_id, evse_number=evse_number, measurand=asked.get("measurand"), phase=asked.get("phase")
    )
    return ReadingQuery(
        series=series,
        transaction_id=None if session is None else session.pk,
        start=max((at for at in starts if at is not None), default=None),
        end=min((at for at in ends if at is not None), default=None),
    )


def _read_place(request: Request) -> Place | None:
    raw = request.query_params.get("cursor")
    if raw is None:
        return None
    try:
        at, (series_id, context) = read_cursor(raw, keys=2)
    except ValueError:
        raise bad_cursor() from None
    return Place(at, series_id, context)
