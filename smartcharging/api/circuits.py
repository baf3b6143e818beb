"""`/circuits`: the tree of capacities."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import Site
from smartcharging.api.circuit_serializers import CircuitSerializer, circuit_context
from smartcharging.api.refusals import circuit_refusals
from smartcharging.circuit_selectors import circuits
from smartcharging.models import Circuit, Strategy
from smartcharging.services.circuits import create_circuit, delete_circuit, update_circuit
from tenants.api.serializers import ExactDecimal, StrictSerializer
from tenants.api.views import TenantViewSet
from tenants.models import Role

LARGEST_ID = 10**15
LONGEST_S = 24 * 3600
ID = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
OF_CIRCUIT = OpenApiParameter("circuit_id", ID, OpenApiParameter.PATH)


def amps(source: str, digits: int = 5, **options: Any) -> ExactDecimal:
    """A on each phase, to 0.1 A, not negative."""
    return ExactDecimal(source=source, max_digits=digits, decimal_places=1, min_value=0, **options)


class CircuitChange(StrictSerializer):
    name = serializers.CharField(max_length=120, required=False)
    kind = serializers.ChoiceField(Circuit.Kind.choices, required=False)
    site = serializers.CharField(max_length=120, allow_null=True, required=False, help_text="Name of a site.")
    parentId = serializers.IntegerField(
        source="parent",
        min_value=1,
        max_value=LARGEST_ID,
        allow_null=True,
        required=False,
        help_text="Null: the root of a tree of its own.",
    )
    enabled = serializers.BooleanField(required=False, help_text="Off: its connectors are let go.")
    unit = serializers.ChoiceField(Circuit.Unit.choices, required=False)
    capacity = ExactDecimal(
        max_digits=10, decimal_places=1, min_value=0, required=False, help_text="A on each phase, or W in all."
    )
    phases = serializers.ChoiceField([(1, "One"), (3, "Three")], required=False)
    voltage = serializers.IntegerField(
        min_value=100, max_value=500, required=False, help_text="Between a phase and neutral."
    )
    baseLoadA = amps(
        "base_load_a",
        8,
        required=False,
        help_text="On each phase, what others than chargers take through this circuit; with a meter: while it is silent.",
    )
    hasMeter = serializers.BooleanField(source="has_meter", required=False)
    meterCountsChargers = serializers.BooleanField(
        source="meter_counts_chargers", required=False, help_text="False: it measures only what is not charging."
    )
    meterSilentSeconds = serializers.IntegerField(
        source="meter_silent_s", min_value=5, max_value=LONGEST_S, required=False
    )
    strategy = serializers.ChoiceField(Strategy.choices, required=False, help_text="Of the root.")
    minimumA = amps("minimum_a", required=False, help_text="Of the root. Less than this: pause.")
    fallbackA = amps(
        "fallback_a", required=False, help_text="Of the root. What a session may take that nobody has given a limit."
    )
    rotationSeconds = serializers.IntegerField(
        source="rotation_s", min_value=60, max_value=LONGEST_S, required=False, help_text="Of the root."
    )
    raiseStepA = amps("raise_step_a", allow_null=True, required=False, help_text="Of the root. Null: no ramp.")
    hysteresisA = amps("hysteresis_a", required=False, help_text="Of the root.")
    holdSeconds = serializers.IntegerField(
        source="hold_s", min_value=0, max_value=3600, required=False, help_text="Of the root."
    )
    lend = serializers.BooleanField(required=False, help_text="Of the root.")
    tolerancePercent = serializers.IntegerField(
        source="tolerance_percent", min_value=0, max_value=100, required=False, help_text="Of the root."
    )
    toleranceSeconds = serializers.IntegerField(
        source="tolerance_s", min_value=0, max_value=LONGEST_S, required=False, help_text="Of the root."
    )
    priceZone = serializers.CharField(
        source="price_zone", max_length=40, allow_blank=True, required=False, help_text="Of the root."
    )
    solarImportA = amps("solar_import_a", 8, required=False, help_text="Of the root.")

    def validate_site(self, name: str | None) -> Site | None:
        if name is None:
            return None
        site = Site.objects.filter(name=name).first()
        if site is None:
            raise serializers.ValidationError("There is no site of this name.")
        return site

    def validate_parentId(self, pk: int | None) -> Circuit | None:
        if pk is None:
            return None
        parent = Circuit.objects.filter(pk=pk).first()
        if parent is None:
            raise serializers.ValidationError("There is no such circuit.")
        return parent


class NewCircuit(CircuitChange):
    name = serializers.CharField(max_length=120)
    capacity = ExactDecimal(max_digits=10, decimal_places=1, min_value=0, help_text="A on each phase, or W in all.")


class CircuitFilter(django_filters.FilterSet):
    site = django_filters.CharFilter("site__name")
    kind = django_filters.ChoiceFilter(choices=Circuit.Kind.choices)
    root = django_filters.TypedChoiceFilter(
        "parent", "isnull", choices=[("true", "true"), ("false", "false")], coerce=lambda text: text == "true"
    )
    search = django_filters.CharFilter("name", "icontains")
    chargePointId = django_filters.CharFilter(method="of_station")

    class Meta:
        model = Circuit
        fields: list[str] = []

    def of_station(self, queryset: QuerySet[Circuit], name: str, value: str) -> QuerySet[Circuit]:
        return queryset.filter(members__charge_point__identity_key=value.lower()).distinct()


class CircuitScope(TenantViewSet):
    """Views below one circuit. What hangs on a fuse is for administrators to change."""

    scope = "circuits"
    queryset: QuerySet[Any] = Circuit.objects.none()
    filter_backends: Any = ()

    def find_parent(self) -> None:
        circuit_id = self.kwargs.get("circuit_id")
        if circuit_id is not None:
            self.circuit = find_circuit(circuit_id)


@extend_schema_view(list=extend_schema(responses=CircuitSerializer(many=True)))
class CircuitViewSet(TenantViewSet):
    """Fuses and what hangs on them. Changes are checked for the whole tree, and acted on at once."""

    scope = "circuits"
    serializer_class = CircuitSerializer
    filterset_class = CircuitFilter
    lookup_url_kwarg = "circuit_id"
    lookup_value_regex = "[0-9]{1,15}"
    required_roles = {"create": Role.ADMIN, "partial_update": Role.ADMIN, "destroy": Role.ADMIN}

    def get_queryset(self) -> QuerySet[Circuit]:
        return circuits().order_by("name", "id")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        data = CircuitSerializer(page, many=True, context=circuit_context(page)).data
        return self.get_paginated_response(data)

    @extend_schema(parameters=[OF_CIRCUIT], responses=CircuitSerializer)
    def retrieve(self, request: Request, circuit_id: str) -> Response:
        return self._answer(find_circuit(circuit_id))

    @extend_schema(request=NewCircuit, responses={201: CircuitSerializer})
    def create(self, request: Request) -> Response:
        given = NewCircuit(data=request.data)
        given.is_valid(raise_exception=True)
        with circuit_refusals():
            row = create_circuit(tenant=self.tenant, values=given.validated_data, actor=self.caller.actor, origin="api")
        return self._answer(row, status.HTTP_201_CREATED)

    @extend_schema(parameters=[OF_CIRCUIT], request=CircuitChange, responses=CircuitSerializer)
    def partial_update(self, request: Request, circuit_id: str) -> Response:
        row = find_circuit(circuit_id)
        given = CircuitChange(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        with circuit_refusals():
            update_circuit(circuit=row, values=given.validated_data, actor=self.caller.actor, origin="api")
        return self._answer(row)

    @extend_schema(parameters=[OF_CIRCUIT], responses={204: None})
    def destroy(self, request: Request, circuit_id: str) -> Response:
        """Its connectors are let go. 409 while circuits hang below it."""
        with circuit_refusals():
            delete_circuit(circuit=find_circuit(circuit_id), actor=self.caller.actor, origin="api")
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _answer(self, row: Circuit, code: int = status.HTTP_200_OK) -> Response:
        shown = circuits().get(pk=row.pk)
        return Response(CircuitSerializer(shown, context=circuit_context([shown])).data, status=code)


def find_circuit(circuit_id: str) -> Circuit:
    """404 for another tenant's: its rows don't exist here."""
    found: Circuit = get_object_or_404(Circuit.objects.select_related("site"), pk=int(circuit_id))
    return found
