"""`/circuits/{id}/load`: actual against allotted against capacity, and the history of rounds."""

from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from smartcharging.api.circuit_limits import CircuitLimitSerializer
from smartcharging.api.circuits import OF_CIRCUIT, CircuitScope
from smartcharging.api.meter import SiteMeterSerializer
from smartcharging.circuit_load import MemberLoad, NodeLoad, TreeLoad, load_of
from smartcharging.circuit_selectors import rounds_between
from smartcharging.models import Allotment, Circuit, CircuitRound
from smartcharging.reason_words import cause_in_words
from tenants.api.pagination import TimePagination, read_limit
from tenants.api.parameters import read_time
from tenants.api.serializers import ExactDecimal


class Rounded(serializers.FloatField):
    """A measured or computed number, to so many places."""

    def __init__(self, *, places: int = 2, **options: Any) -> None:
        super().__init__(**options)
        self.places = places

    def to_representation(self, value: Any) -> Any:
        return round(float(value), self.places)


def rounded(source: str, places: int = 2, **options: Any) -> Rounded:
    """Of that source."""
    return Rounded(source=source, places=places, **options)


class CircuitRoundSerializer(serializers.ModelSerializer[CircuitRound]):
    """Lists are A on L1, L2, L3 of the root."""

    time = serializers.DateTimeField(source="at")
    causeText = serializers.SerializerMethodField()
    activeConnectors = serializers.IntegerField(source="active")
    limitsSent = serializers.IntegerField(source="sent")
    computeMs = rounded("compute_ms", 3)
    capacityA = serializers.ListField(source="capacity", child=serializers.FloatField(), help_text="For chargers.")
    baseA = serializers.ListField(source="base", child=serializers.FloatField())
    allottedA = serializers.ListField(source="allotted", child=serializers.FloatField())
    worstCaseA = serializers.ListField(source="worst", child=serializers.FloatField())
    actualA = serializers.ListField(source="actual", child=serializers.FloatField())

    class Meta:
        model = CircuitRound
        fields = [
            *("id", "time", "cause", "causeText", "strategy", "activeConnectors", "limitsSent", "computeMs"),
            *("capacityA", "baseA", "allottedA", "worstCaseA", "actualA", "detail"),
        ]

    def get_causeText(self, row: CircuitRound) -> str:
        return cause_in_words(row.cause)


class PhaseLoadSerializer(serializers.Serializer[Any]):
    phase = serializers.ChoiceField(["L1", "L2", "L3"])
    capacityA = rounded("capacity_a", allow_null=True, help_text="Null: rated in W.")
    usableA = rounded("usable_a", allow_null=True, help_text="For chargers now. Null: the circuit is switched off.")
    baseLoadA = rounded("base_a", help_text="What others take: by the meter, else what was entered.")
    allottedA = rounded("allotted_a", help_text="What the connectors were last told.")
    worstCaseA = rounded("worst_a", help_text="What they may be taking at most, whatever was lost on the way.")
    actualA = rounded("actual_a", help_text="What they were measured to take.")


class CircuitNodeSerializer(serializers.Serializer[NodeLoad]):
    circuitId = serializers.IntegerField(source="circuit.pk")
    name = serializers.CharField(source="circuit.name")
    kind = serializers.CharField(source="circuit.kind")
    parentId = serializers.IntegerField(source="circuit.parent_id", allow_null=True)
    level = serializers.IntegerField(help_text="0: the circuit asked for.")
    enabled = serializers.BooleanField(source="circuit.enabled")
    capacityW = rounded("capacity_w", 1, allow_null=True, help_text="Null: rated in A.")
    usableW = rounded("usable_w", 1, allow_null=True)
    actualW = rounded("actual_w", 1)
    phases = PhaseLoadSerializer(many=True)
    gridSignals = CircuitLimitSerializer(source="limits", many=True, help_text="Those that hold now.")
    meter = SiteMeterSerializer(allow_null=True)
    meterSilent = serializers.BooleanField(source="meter_silent")


class MemberLoadSerializer(serializers.Serializer[MemberLoad]):
    memberId = serializers.IntegerField(source="member.pk")
    circuitId = serializers.IntegerField(source="member.circuit_id")
    chargePointId = serializers.CharField(source="member.charge_point.identity")
    connectorId = serializers.IntegerField(source="member.evse_number")
    wiring = serializers.CharField(source="member.wiring")
    managed = serializers.BooleanField(help_text="False: its circuit, or one above, is switched off.")
    online = serializers.BooleanField()
    sessionId = serializers.IntegerField(source="session_id", allow_null=True)
    state = serializers.ChoiceField(Allotment.State.choices)
    limitA = ExactDecimal(source="limit_a", allow_null=True, help_text="What it was last told, on each of its phases.")
    confirmed = serializers.BooleanField(help_text="The charge point has said yes to that limit.")
    targetA = ExactDecimal(source="target_a", allow_null=True)
    worstCaseA = ExactDecimal(source="worst_a", help_text="What it may be taking at most.")
    reason = serializers.CharField()
    reasonText = serializers.CharField(source="reason_text")
    currentA = serializers.ListField(
        source="current_a", child=Rounded(), allow_null=True, help_text="On its own L1, L2, L3."
    )
    powerW = rounded("power_w", 1, allow_null=True)
    measuredTime = serializers.DateTimeField(source="measured_at", allow_null=True)


class CircuitLoadSerializer(serializers.Serializer[Any]):
    time = serializers.DateTimeField(source="at")
    rootId = serializers.IntegerField(source="root.pk")
    wantedStrategy = serializers.CharField(source="root.strategy")
    strategy = serializers.CharField(
        source="last_round.strategy", default=None, allow_null=True, help_text="The one that answered last."
    )
    lastRound = CircuitRoundSerializer(source="last_round", allow_null=True)
    circuits = CircuitNodeSerializer(
        source="nodes", many=True, help_text="Parents before children; the first: as asked."
    )
    members = MemberLoadSerializer(many=True)
    history = CircuitRoundSerializer(
        many=True, allow_null=True, help_text="Rounds of the root, newest first; null: no time was asked for."
    )


class CircuitLoadViewSet(CircuitScope):
    """How full a circuit is."""

    pagination_class = None
    serializer_class = CircuitLoadSerializer
    extra_parameters = {"retrieve": {"startTime", "endTime", "limit", "cursor"}}

    @extend_schema(
        parameters=[
            OF_CIRCUIT,
            OpenApiParameter("startTime", OpenApiTypes.DATETIME, description="With the rounds since, inclusive."),
            OpenApiParameter("endTime", OpenApiTypes.DATETIME, description="With the rounds until, exclusive."),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 1000}, description="Of rounds."),
            OpenApiParameter("cursor", OpenApiTypes.STR, description="From `meta.next`."),
        ],
        responses=CircuitLoadSerializer,
    )
    def retrieve(self, request: Request, circuit_id: str) -> Response:
        """Now. With `startTime` or `endTime` also the history of rounds, in pages (`meta.next`)."""
        start, end = read_time(request, "startTime"), read_time(request, "endTime")
        wanted = start is not None or end is not None or "cursor" in request.query_params
        read_limit(request)
        pages = TimePagination()
        history = pages.paginate_queryset(rounds_between(self.circuit, start, end), request) if wanted else None
        try:
            data = shown_load(load_of(self.circuit), history)
        except Circuit.DoesNotExist:
            raise Http404 from None
        return pages.get_paginated_response(data) if wanted else Response(data)


def shown_load(load: TreeLoad, history: list[CircuitRound] | None) -> dict[str, Any]:
    """As clients see it."""
    shown: dict[str, Any] = CircuitLoadSerializer(
        {
            "at": load.at,
            "root": load.root,
            "last_round": load.last_round,
            "nodes": load.nodes,
            "members": load.members,
            "history": history,
        }
    ).data
    return shown
