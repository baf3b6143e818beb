"""`/energy-prices`: what energy costs the operator, hour by hour or quarter by quarter."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from metering.pricing.money import CURRENCIES
from smartcharging.models import EnergyPrice
from smartcharging.price_table import PER, Wrong, price_per_kwh
from smartcharging.services.prices import NewPrice, PricesRefused, Stored, remove_prices, store_prices
from tenants.api.pagination import TimePagination
from tenants.api.parameters import read_time, utc
from tenants.api.serializers import ExactDecimal, StrictSerializer
from tenants.api.views import TenantViewSet

LONGEST_ZONE = 40
NAMES = {"start_at": "startTime", "end_at": "endTime"}
ZONE = OpenApiParameter(
    "zone", {"type": "string", "maxLength": LONGEST_ZONE}, description="Absent: the one without name."
)


class EnergyPriceSerializer(serializers.ModelSerializer[EnergyPrice]):
    startTime = serializers.DateTimeField(source="start_at")
    endTime = serializers.DateTimeField(source="end_at")
    price = ExactDecimal(help_text="Of a kWh.")
    uploadedTime = serializers.DateTimeField(source="uploaded_at")
    uploadedBy = serializers.CharField(source="uploaded_by")

    class Meta:
        model = EnergyPrice
        fields = ["zone", "startTime", "endTime", "price", "currency", "uploadedTime", "uploadedBy"]


class NewEnergyPrice(StrictSerializer):
    startTime = serializers.DateTimeField()
    endTime = serializers.DateTimeField()
    price = ExactDecimal(max_digits=20, help_text="May be negative.")


class PriceDelivery(StrictSerializer):
    zone = serializers.CharField(max_length=LONGEST_ZONE, allow_blank=True, default="")
    currency = serializers.ChoiceField(sorted(CURRENCIES), required=False, help_text="ISO 4217. Absent: the tenant's.")
    per = serializers.ChoiceField(sorted(PER), default="kWh", help_text="What a price is of.")
    prices = NewEnergyPrice(many=True, allow_empty=False)


class StoredPrices(serializers.Serializer[Stored]):
    created = serializers.IntegerField()
    replaced = serializers.IntegerField(help_text="That began as one of the new ones does.")
    removed = serializers.IntegerField(help_text="Within the span of the new ones (PUT).")


class EnergyPriceFilter(django_filters.FilterSet):
    zone = django_filters.CharFilter("zone")
    startTime = django_filters.IsoDateTimeFilter(method="holding_after")
    endTime = django_filters.IsoDateTimeFilter(method="holding_before")

    class Meta:
        model = EnergyPrice
        fields: list[str] = []

    def holding_after(self, queryset: QuerySet[EnergyPrice], name: str, value: datetime) -> QuerySet[EnergyPrice]:
        return queryset.filter(end_at__gt=utc(name, value))

    def holding_before(self, queryset: QuerySet[EnergyPrice], name: str, value: datetime) -> QuerySet[EnergyPrice]:
        return queryset.filter(start_at__lt=utc(name, value))


class EnergyPricePagination(TimePagination):
    ordering = ("-start_at", "-id")


@extend_schema_view(list=extend_schema(responses=EnergyPriceSerializer(many=True)))
class EnergyPriceViewSet(TenantViewSet):
    """The strategy `price` charges in the cheapest of these hours."""

    scope = "energy-prices"
    serializer_class = EnergyPriceSerializer
    filterset_class = EnergyPriceFilter
    pagination_class = EnergyPricePagination
    extra_parameters = {"remove": {"zone", "startTime", "endTime"}}

    def get_queryset(self) -> QuerySet[EnergyPrice]:
        return EnergyPrice.objects.all()

    def list(self, request: Request) -> Response:
        """The latest first. `startTime`, `endTime`: those that hold at any time between."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(EnergyPriceSerializer(page, many=True).data)

    @extend_schema(request=PriceDelivery, responses={201: StoredPrices})
    def create(self, request: Request) -> Response:
        """All or none. A price takes the place of a stored one that begins with it; other overlaps are refused."""
        return Response(self._deliver(request, replace=False), status=status.HTTP_201_CREATED)

    @extend_schema(request=PriceDelivery, responses=StoredPrices)
    def update(self, request: Request) -> Response:
        """As POST; what is stored between the first start and the last end goes first: hours become quarters."""
        return Response(self._deliver(request, replace=True))

    @extend_schema(
        parameters=[
            ZONE,
            OpenApiParameter("startTime", OpenApiTypes.DATETIME, required=True, description="Inclusive."),
            OpenApiParameter("endTime", OpenApiTypes.DATETIME, required=True, description="Exclusive."),
        ],
        responses={204: None},
    )
    def remove(self, request: Request) -> Response:
        """Remove the prices of a zone that begin in a time."""
        start, end = (_required_time(request, name) for name in ("startTime", "endTime"))
        zone = zone_of(request)
        actor = self.caller.actor
        remove_prices(tenant=self.tenant, zone=zone, start=start, end=end, actor=actor, origin="api")
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _deliver(self, request: Request, *, replace: bool) -> Any:
        given = PriceDelivery(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        prices = _prices_of(wanted["prices"], wanted["per"])
        try:
            stored = self._store(
                wanted["zone"], wanted.get("currency") or self.tenant.currency, prices, replace=replace
            )
        except PricesRefused as refused:
            raise ValidationError(_refused_prices(refused)) from None
        return StoredPrices(stored).data

    def _store(self, zone: str, currency: str, prices: Sequence[NewPrice], *, replace: bool) -> Stored:
        return store_prices(
            tenant=self.tenant,
            zone=zone,
            currency=currency,
            prices=prices,
            actor=self.caller.actor,
            origin="api",
            replace=replace,
        )


def _prices_of(given: list[dict[str, Any]], per: str) -> list[NewPrice]:
    """Of a kWh. ValidationError with the place in the list."""
    found, faults = [], {}
    for index, one in enumerate(given):
        try:
            found.append(NewPrice(one["startTime"], one["endTime"], price_per_kwh(Decimal(one["price"]), per)))
        except Wrong as error:
            faults[f"prices.{index}.price"] = [str(error)]
    if faults:
        raise ValidationError(faults)
    return found


def _refused_prices(refused: PricesRefused) -> dict[str, list[ErrorDetail]]:
    errors: dict[str, list[ErrorDetail]] = {}
    for fault in refused.faults[:200]:
        name = NAMES.get(fault.field, fault.field)
        path = name if fault.index < 0 else f"prices.{fault.index}.{name}"
        errors.setdefault(path, []).append(ErrorDetail(fault.sentence, fault.reason))
    return errors


def zone_of(request: Request) -> str:
    """`zone` of the query."""
    zone = request.query_params.get("zone", "")
    if len(zone) > LONGEST_ZONE:
        raise ValidationError({"zone": f"At most {LONGEST_ZONE} characters."})
    return zone


def _required_time(request: Request, name: str) -> datetime:
    at = read_time(request, name)
    if at is None:
        raise ValidationError({name: ErrorDetail("This parameter is required.", "required")})
    return utc(name, at)
