"""`/tariffs`: what charging costs, and where it applies."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import django_filters
from django.core.exceptions import ValidationError as ModelValidationError
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import ChargePoint, IdTag, Site
from chargepoints.services.authorize import find_tag
from metering.api.tariff_schema import ELEMENTS
from metering.models import Tariff, TariffAssignment
from metering.pricing.catalogue import assign_tariff, remove_tariff, save_tariff, unassign_tariff
from metering.pricing.money import CURRENCIES
from metering.pricing.tariff import TariffFaults, parse_terms
from metering.pricing.words import terms_in_words
from tenants.api.serializers import ExactDecimal, StrictSerializer
from tenants.api.views import TenantViewSet
from tenants.models import Role

PUBLIC = {"min_price": "minPrice", "max_price": "maxPrice", "valid_to": "validTo"}
Found = TypeVar("Found")
ID = {"type": "integer", "minimum": 1, "maximum": 10**15}


@extend_schema_field(ELEMENTS)
class ElementsField(serializers.JSONField):
    """OCPI spells its own names: snake_case, unlike the rest of this API."""


class TariffSerializer(serializers.ModelSerializer[Tariff]):
    elements = ElementsField()
    minPrice = ExactDecimal(source="min_price", allow_null=True)
    maxPrice = ExactDecimal(source="max_price", allow_null=True)
    validFrom = serializers.DateTimeField(source="valid_from", allow_null=True)
    validTo = serializers.DateTimeField(source="valid_to", allow_null=True)
    inWords = serializers.SerializerMethodField(help_text="A sentence for each element.")
    createdTime = serializers.DateTimeField(source="created_at")
    updatedTime = serializers.DateTimeField(source="updated_at")

    class Meta:
        model = Tariff
        fields = [
            *("id", "name", "currency", "elements", "minPrice", "maxPrice", "validFrom", "validTo", "archived"),
            *("inWords", "createdTime", "updatedTime"),
        ]

    def get_inWords(self, row: Tariff) -> list[str]:
        try:
            terms = parse_terms(
                currency=row.currency, elements=row.elements, min_price=row.min_price, max_price=row.max_price
            )
        except TariffFaults:
            return []
        return terms_in_words(terms)


class TariffChange(StrictSerializer):
    name = serializers.CharField(max_length=80, required=False)
    currency = serializers.ChoiceField(sorted(CURRENCIES), required=False, help_text="ISO 4217.")
    elements = ElementsField(
        required=False,
        help_text="Tariff elements of OCPI 2.2.1, in OCPI's own spelling (snake_case), so that a tariff can be pasted.",
    )
    minPrice = serializers.DecimalField(
        12, 4, source="min_price", min_value=0, allow_null=True, required=False, help_text="Of a session, before tax."
    )
    maxPrice = serializers.DecimalField(
        12, 4, source="max_price", min_value=0, allow_null=True, required=False, help_text="Of a session, before tax."
    )
    validFrom = serializers.DateTimeField(source="valid_from", allow_null=True, required=False)
    validTo = serializers.DateTimeField(source="valid_to", allow_null=True, required=False)
    archived = serializers.BooleanField(required=False, help_text="Applies to no new session.")


class NewTariff(TariffChange):
    name = serializers.CharField(max_length=80)
    currency = serializers.ChoiceField(sorted(CURRENCIES), help_text="ISO 4217.")
    elements = ElementsField(
        help_text="Tariff elements of OCPI 2.2.1, in OCPI's own spelling (snake_case), so that a tariff can be pasted."
    )


class TariffFilter(django_filters.FilterSet):
    archived = django_filters.TypedChoiceFilter(
        choices=[("true", "true"), ("false", "false")], coerce=lambda text: text == "true"
    )
    search = django_filters.CharFilter("name", "icontains")

    class Meta:
        model = Tariff
        fields: list[str] = []


@extend_schema_view(list=extend_schema(responses=TariffSerializer(many=True)))
class TariffViewSet(TenantViewSet):
    """Changed freely: a session is charged by the tariff as it was when the session began."""

    scope = "tariffs"
    serializer_class = TariffSerializer
    filterset_class = TariffFilter
    lookup_url_kwarg = "tariff_id"
    lookup_value_regex = "[0-9]{1,15}"
    required_roles = {"create": Role.ADMIN, "partial_update": Role.ADMIN, "destroy": Role.ADMIN}

    def get_queryset(self) -> QuerySet[Tariff]:
        return Tariff.objects.order_by("name", "pk")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(TariffSerializer(page, many=True).data)

    @extend_schema(parameters=[OpenApiParameter("tariff_id", ID, OpenApiParameter.PATH)], responses=TariffSerializer)
    def retrieve(self, request: Request, tariff_id: str) -> Response:
        return Response(TariffSerializer(find_tariff(tariff_id)).data)

    @extend_schema(request=NewTariff, responses={201: TariffSerializer})
    def create(self, request: Request) -> Response:
        row = self._save(request, Tariff(tenant=self.tenant), NewTariff(data=request.data))
        return Response(TariffSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        parameters=[OpenApiParameter("tariff_id", ID, OpenApiParameter.PATH)],
        request=TariffChange,
        responses=TariffSerializer,
    )
    def partial_update(self, request: Request, tariff_id: str) -> Response:
        row = self._save(request, find_tariff(tariff_id), TariffChange(data=request.data, partial=True))
        return Response(TariffSerializer(row).data)

    @extend_schema(parameters=[OpenApiParameter("tariff_id", ID, OpenApiParameter.PATH)], responses={204: None})
    def destroy(self, request: Request, tariff_id: str) -> Response:
        """One that sessions were charged by is archived instead: it stays readable, and applies to no new session."""
        remove_tariff(tariff=find_tariff(tariff_id), actor=self.caller.actor, origin="api")
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _save(self, request: Request, row: Tariff, given: StrictSerializer) -> Tariff:
        given.is_valid(raise_exception=True)
        with faults_by_field():
            return save_tariff(tariff=row, fields=given.validated_data, actor=self.caller.actor, origin="api")


class AssignmentSerializer(serializers.ModelSerializer[TariffAssignment]):
    idTag = serializers.CharField(source="id_tag.token", default=None, allow_null=True)
    chargePointId = serializers.CharField(source="charge_point.identity", default=None, allow_null=True)
    site = serializers.CharField(source="site.name", default=None, allow_null=True)

    class Meta:
        model = TariffAssignment
        fields = ["id", "idTag", "chargePointId", "site"]


class NewAssignment(StrictSerializer):
    """At most one of them; none: everywhere."""

    idTag = serializers.CharField(
        source="id_tag", max_length=255, required=False, help_text="A tag, or the parent of a group of tags."
    )
    chargePointId = serializers.CharField(source="charge_point", max_length=48, required=False)
    site = serializers.CharField(max_length=120, required=False, help_text="Name of a site.")

    def validate_idTag(self, token: str) -> IdTag:
        return _known(find_tag(token), "id tag")

    def validate_chargePointId(self, identity: str) -> ChargePoint:
        return _known(ChargePoint.objects.filter(identity_key=identity.lower()).first(), "charge point")

    def validate_site(self, name: str) -> Site:
        return _known(Site.objects.filter(name=name).first(), "site")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) > 1:
            raise serializers.ValidationError("At most one of idTag, chargePointId and site.")
        return attrs


@extend_schema(parameters=[OpenApiParameter("tariff_id", ID, OpenApiParameter.PATH)])
class AssignmentViewSet(TenantViewSet):
    """Where a tariff applies. A session takes the first found of: its id tag's, that tag's parent's, the charge
    point's, the site's, the one that applies everywhere; of several in force, the one that came into force last."""

    scope = "tariffs"
    serializer_class = AssignmentSerializer
    queryset = TariffAssignment.objects.none()
    lookup_url_kwarg = "assignment_id"
    lookup_value_regex = "[0-9]{1,15}"
    required_roles = {"create": Role.ADMIN, "destroy": Role.ADMIN}

    def list(self, request: Request, tariff_id: str) -> Response:
        rows = find_tariff(tariff_id).assignments.select_related("id_tag", "charge_point", "site").order_by("pk")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(AssignmentSerializer(page, many=True).data)

    @extend_schema(request=NewAssignment, responses={201: AssignmentSerializer})
    def create(self, request: Request, tariff_id: str) -> Response:
        tariff = find_tariff(tariff_id)
        given = NewAssignment(data=request.data)
        given.is_valid(raise_exception=True)
        row = assign_tariff(tariff=tariff, target=given.validated_data, actor=self.caller.actor, origin="api")
        return Response(AssignmentSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[OpenApiParameter("assignment_id", ID, OpenApiParameter.PATH)], responses={204: None})
    def destroy(self, request: Request, tariff_id: str, assignment_id: str) -> Response:
        row = get_object_or_404(TariffAssignment, tariff=find_tariff(tariff_id), pk=int(assignment_id))
        unassign_tariff(assignment=row, actor=self.caller.actor, origin="api")
        return Response(status=status.HTTP_204_NO_CONTENT)


def find_tariff(tariff_id: str) -> Tariff:
    found: Tariff = get_object_or_404(Tariff, pk=int(tariff_id))
    return found


@contextmanager
def faults_by_field() -> Iterator[None]:
    """A tariff's faults as errors of the fields that the client sent."""
    try:
        yield
    except TariffFaults as error:
        raise serializers.ValidationError(
            {PUBLIC.get(fault.path, fault.path): [fault.text] for fault in error.faults}
        ) from None
    except ModelValidationError as error:
        raise serializers.ValidationError(
            {PUBLIC.get(name, name): texts for name, texts in error.message_dict.items()}
        ) from None


def _known(found: Found | None, what: str) -> Found:
    if found is None:
        raise serializers.ValidationError(f"There is no such {what}.")
    return found
