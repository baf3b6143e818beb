"""`/circuits/{id}/meter`: the site's own meter."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from smartcharging.api.circuits import OF_CIRCUIT, CircuitScope
from smartcharging.api.refusals import field_error
from smartcharging.models import CircuitMeter
from smartcharging.services.meter import MeterRefused, record_meter
from smartcharging.site_meter import is_silent
from tenants.api.exceptions import Conflict
from tenants.api.serializers import StrictSerializer

LARGEST = 10**9
NAMES = {"at": "timestamp", "current_a": "currentA", "power_w": "powerW"}


@extend_schema_field(
    {"oneOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 3}]}
)
class NumberOrThree(serializers.ListField):
    """One number, or one for each phase."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data if isinstance(data, list) else [data])


class SiteMeterSerializer(serializers.Serializer[CircuitMeter]):
    """A on L1, L2, L3: negative while the site feeds in."""

    timestamp = serializers.DateTimeField(source="at")
    currentA = serializers.SerializerMethodField()
    source = serializers.CharField(help_text="Who sent it.")  # type: ignore[assignment]

    def get_currentA(self, row: CircuitMeter) -> list[float]:
        return [float(row.l1_a), float(row.l2_a), float(row.l3_a)]


class CircuitMeterSerializer(SiteMeterSerializer):
    silent = serializers.SerializerMethodField(help_text="Too old to say anything about now: the base load counts.")

    def get_silent(self, row: CircuitMeter) -> bool:
        return is_silent(row.circuit, row, timezone.now())


class SiteMeterReading(StrictSerializer):
    """Either currentA or powerW; positive: taken from the grid."""

    timestamp = serializers.DateTimeField(source="at", required=False, help_text="Absent: now.")
    currentA = serializers.ListField(
        source="current_a",
        child=serializers.FloatField(min_value=-LARGEST, max_value=LARGEST),
        min_length=1,
        max_length=3,
        required=False,
        help_text="Of L1, L2, L3; one value where the circuit has one phase.",
    )
    powerW = NumberOrThree(
        source="power_w",
        child=serializers.FloatField(min_value=-LARGEST, max_value=LARGEST),
        min_length=1,
        max_length=3,
        required=False,
        help_text="A number for all phases together, or a list of each.",
    )


class CircuitMeterViewSet(CircuitScope):
    """What the site takes besides charging, as its own meter tells."""

    scope = "circuit-meter"
    pagination_class = None
    serializer_class = CircuitMeterSerializer

    @extend_schema(parameters=[OF_CIRCUIT], responses=CircuitMeterSerializer)
    def retrieve(self, request: Request, circuit_id: str) -> Response:
        """The last reading. 404 before the first."""
        row = CircuitMeter.objects.select_related("circuit").filter(circuit=self.circuit).first()
        if row is None:
            raise NotFound("The meter has sent nothing yet.")
        return Response(CircuitMeterSerializer(row).data)

    @extend_schema(parameters=[OF_CIRCUIT], request=SiteMeterReading, responses={201: CircuitMeterSerializer})
    def create(self, request: Request, circuit_id: str) -> Response:
        """A reading. Limits follow at once where it has moved. 409 where the circuit is set to have no meter."""
        given = SiteMeterReading(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            row = record_meter(circuit=self.circuit, source=self.caller.actor, **given.validated_data)
        except MeterRefused as refused:
            if not refused.field:
                raise Conflict(refused.sentence, code=refused.reason) from None
            raise field_error(NAMES, refused.field, refused.reason, refused.sentence) from None
        return Response(CircuitMeterSerializer(row).data, status=status.HTTP_201_CREATED)
