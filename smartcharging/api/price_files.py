"""`/energy-prices/import`: prices from a CSV file."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from metering.pricing.money import CURRENCIES
from smartcharging.api.prices import NAMES, ZONE, StoredPrices, zone_of
from smartcharging.models import EnergyPrice
from smartcharging.price_table import MOST_BYTES, PER, PriceTable, read_prices
from smartcharging.services.prices import PricesRefused, store_prices
from tenants.api.csv_export import MEDIA_TYPE
from tenants.api.exceptions import TooLarge
from tenants.api.views import TenantViewSet


class PriceParser(BaseParser):
    """A CSV file as the body: `{"file": bytes}`, cut one byte past the limit."""

    media_type = MEDIA_TYPE

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, bytes]:
        return {"file": stream.read(MOST_BYTES + 1)}


class PriceFile(serializers.Serializer[Any]):
    file = serializers.FileField()


class PriceFileViewSet(TenantViewSet):
    """Prices as exchanges and suppliers hand them out."""

    scope = "energy-prices"
    pagination_class = None
    filter_backends: Any = ()
    parser_classes: Any = (PriceParser, MultiPartParser)
    serializer_class = StoredPrices
    queryset = EnergyPrice.objects.none()
    extra_parameters = {"create": {"zone", "currency", "per", "replace"}}

    @extend_schema(
        request={MEDIA_TYPE: OpenApiTypes.STR, "multipart/form-data": PriceFile},
        responses={201: StoredPrices},
        parameters=[
            ZONE,
            OpenApiParameter("currency", OpenApiTypes.STR, description="Absent: the tenant's."),
            OpenApiParameter("per", OpenApiTypes.STR, enum=sorted(PER), description="Absent: kWh."),
            OpenApiParameter("replace", OpenApiTypes.BOOL, description="As PUT does."),
        ],
    )
    def create(self, request: Request) -> Response:
        """Prices from a CSV file with the columns startTime, endTime and price, all or none.

        Times have their offset. Faults are named `lines.<line>.<column>`.
        """
        zone, per = zone_of(request), _choice_of(request, "per", sorted(PER), "kWh")
        currency = _choice_of(request, "currency", sorted(CURRENCIES), self.tenant.currency)
        replace = _choice_of(request, "replace", ["true", "false"], "false") == "true"
        table = read_prices(_file_of(request), per=per)
        if table.faults:
            raise ValidationError(_by_line(table))
        try:
            stored = store_prices(
                tenant=self.tenant,
                zone=zone,
                currency=currency,
                prices=table.prices,
                actor=self.caller.actor,
                origin="api",
                replace=replace,
            )
        except PricesRefused as refused:
            raise ValidationError(_refused_lines(refused, table)) from None
        return Response(StoredPrices(stored).data, status=status.HTTP_201_CREATED)


def _refused_lines(refused: PricesRefused, table: PriceTable) -> dict[str, list[ErrorDetail]]:
    errors: dict[str, list[ErrorDetail]] = {}
    for fault in refused.faults[:200]:
        name = NAMES.get(fault.field, fault.field)
        path = ("file" if name == "prices" else name) if fault.index < 0 else f"lines.{table.lines[fault.index]}.{name}"
        errors.setdefault(path, []).append(ErrorDetail(fault.sentence, fault.reason))
    return errors


def _by_line(table: PriceTable) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for fault in sorted(table.faults):
        errors.setdefault(f"lines.{fault.line}.{fault.column}".rstrip("."), []).append(fault.text)
    return errors


def _file_of(request: Request) -> bytes:
    given: Any = request.data
    unknown = set(given) - {"file"}
    if unknown:
        raise ValidationError({name[:80]: "Unknown field." for name in unknown})
    file = given.get("file")
    if file is None or isinstance(file, str):
        raise ValidationError({"file": "A CSV file."})
    raw: bytes = file if isinstance(file, bytes) else file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise TooLarge
    return raw


def _choice_of(request: Request, name: str, choices: list[str], default: str) -> str:
    value = request.query_params.get(name, default)
    if value not in choices and value != default:
        shown = ", ".join(choices) if len(choices) < 10 else "a code of ISO 4217"
        raise ValidationError({name: f"One of: {shown}."})
    return value
