"""`/circuits/{id}/members`: connectors on a circuit."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import ChargePoint
from smartcharging.api.circuit_serializers import CircuitMemberSerializer
from smartcharging.api.circuits import ID, LARGEST_ID, OF_CIRCUIT, CircuitScope, amps
from smartcharging.api.refusals import circuit_refusals
from smartcharging.models import Circuit, CircuitMember
from smartcharging.services.circuits import add_member, remove_member, update_member
from tenants.api.serializers import StrictSerializer
from tenants.models import Role

OF_MEMBER = [OF_CIRCUIT, OpenApiParameter("member_id", ID, OpenApiParameter.PATH)]


class MemberFields(StrictSerializer):
    wiring = serializers.ChoiceField(
        CircuitMember.Wiring.choices,
        required=False,
        help_text="What its own L1, L2, L3 hang on: R, S, T are the circuit's L1, L2, L3.",
    )
    maxA = amps("max_a", 6, required=False, help_text="What it takes at most when nobody limits it.")
    minimumA = amps("minimum_a", allow_null=True, required=False, help_text="Null: the root's.")
    fallbackA = amps("fallback_a", allow_null=True, required=False, help_text="Null: the root's.")
    priority = serializers.IntegerField(min_value=-100, max_value=100, required=False, help_text="Higher goes first.")


class NewCircuitMember(MemberFields):
    chargePointId = serializers.CharField(source="charge_point", max_length=48)
    connectorId = serializers.IntegerField(source="evse_number", min_value=1, max_value=1000)

    def validate_chargePointId(self, identity: str) -> ChargePoint:
        found = ChargePoint.objects.filter(identity_key=identity.lower()).first()
        if found is None:
            raise serializers.ValidationError("There is no such charge point.")
        return found


class CircuitMemberChange(MemberFields):
    circuitId = serializers.IntegerField(
        source="circuit", min_value=1, max_value=LARGEST_ID, required=False, help_text="Another: it moves there."
    )

    def validate_circuitId(self, pk: int) -> Circuit:
        found = Circuit.objects.filter(pk=pk).first()
        if found is None:
            raise serializers.ValidationError("There is no such circuit.")
        return found


@extend_schema_view(list=extend_schema(responses=CircuitMemberSerializer(many=True)))
class MemberViewSet(CircuitScope):
    """Each connector hangs on one circuit at most."""

    serializer_class = CircuitMemberSerializer
    queryset = CircuitMember.objects.none()
    lookup_url_kwarg = "member_id"
    lookup_value_regex = "[0-9]{1,15}"
    required_roles = {"create": Role.ADMIN, "partial_update": Role.ADMIN, "destroy": Role.ADMIN}

    def get_queryset(self) -> QuerySet[CircuitMember]:
        rows = CircuitMember.objects.filter(circuit=self.circuit).select_related("charge_point")
        return rows.order_by("charge_point__identity_key", "evse_number")

    def list(self, request: Request, circuit_id: str) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(CircuitMemberSerializer(page, many=True).data)

    @extend_schema(parameters=OF_MEMBER, responses=CircuitMemberSerializer)
    def retrieve(self, request: Request, circuit_id: str, member_id: str) -> Response:
        return Response(CircuitMemberSerializer(self._member(member_id)).data)

    @extend_schema(request=NewCircuitMember, responses={201: CircuitMemberSerializer})
    def create(self, request: Request, circuit_id: str) -> Response:
        """409 where the connector is on a circuit already."""
        given = NewCircuitMember(data=request.data)
        given.is_valid(raise_exception=True)
        with circuit_refusals():
            row = add_member(circuit=self.circuit, values=given.validated_data, actor=self.caller.actor, origin="api")
        return Response(CircuitMemberSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=OF_MEMBER, request=CircuitMemberChange, responses=CircuitMemberSerializer)
    def partial_update(self, request: Request, circuit_id: str, member_id: str) -> Response:
        row = self._member(member_id)
        given = CircuitMemberChange(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        with circuit_refusals():
            row = update_member(member=row, values=given.validated_data, actor=self.caller.actor, origin="api")
        return Response(CircuitMemberSerializer(row).data)

    @extend_schema(parameters=OF_MEMBER, responses={204: None})
    def destroy(self, request: Request, circuit_id: str, member_id: str) -> Response:
        """The connector is let go: what load management holds there is cleared."""
        with circuit_refusals():
            remove_member(member=self._member(member_id), actor=self.caller.actor, origin="api")
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _member(self, member_id: str) -> CircuitMember:
        found: CircuitMember = get_object_or_404(self.get_queryset(), pk=int(member_id))
        return found
