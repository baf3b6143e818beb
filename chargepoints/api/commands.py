"""`/commands`, and the commands below a charge point: 202 with the command, or its end with `?wait=`."""

import time
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.charge_points import StationViewSet
from chargepoints.models import ChargePoint, Command, CommandState, Transaction
from chargepoints.protocol.errors import OcppError
from chargepoints.services.commands import StationOffline, cancel_command, send_command
from tenants.api.exceptions import Conflict
from tenants.api.pagination import TimePagination
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet
from tenants.context import tenant_transaction

LONGEST_WAIT_S = 30
LOOK_EVERY_S = 0.1
WAIT = OpenApiParameter(
    "wait", {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT_S}, description="Seconds to wait for the end."
)


class CommandSerializer(serializers.ModelSerializer[Command]):
    commandId = serializers.UUIDField(source="id")
    chargePointId = serializers.CharField(source="charge_point.identity")
    payload = serializers.DictField()
    status = serializers.ChoiceField(CommandState.choices, source="state")
    requestedBy = serializers.CharField(source="requested_by")
    createdTime = serializers.DateTimeField(source="created_at")
    expiresAt = serializers.DateTimeField(source="expires_at", allow_null=True)
    sentTime = serializers.DateTimeField(source="sent_at", allow_null=True)
    finishedTime = serializers.DateTimeField(source="finished_at", allow_null=True)
    reply = serializers.DictField(allow_null=True)
    errorCode = serializers.CharField(source="error_code")
    errorDescription = serializers.CharField(source="error_description")

    class Meta:
        model = Command
        fields = [
            *("commandId", "chargePointId", "action", "payload", "status", "requestedBy", "origin", "createdTime"),
            *("expiresAt", "sentTime", "finishedTime", "reply", "errorCode", "errorDescription"),
        ]


class CommandFilter(django_filters.FilterSet):
    chargePointId = django_filters.CharFilter(method="of_station")
    action = django_filters.CharFilter("action")
    status = django_filters.ChoiceFilter(field_name="state", choices=CommandState.choices)

    class Meta:
        model = Command
        fields: list[str] = []

    def of_station(self, queryset: QuerySet[Command], name: str, value: str) -> QuerySet[Command]:
        return queryset.filter(charge_point__identity_key=value.lower())


class CommandPagination(TimePagination):
    ordering = ("-created_at", "-id")


@extend_schema_view(list=extend_schema(responses=CommandSerializer(many=True)))
class CommandViewSet(TenantViewSet):
    """All commands of the tenant."""

    scope = "commands"
    serializer_class = CommandSerializer
    filterset_class = CommandFilter
    pagination_class = CommandPagination
    lookup_value_regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

    def get_queryset(self) -> QuerySet[Command]:
        return Command.objects.select_related("charge_point")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(CommandSerializer(page, many=True).data)

    @extend_schema(responses=CommandSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(CommandSerializer(get_object_or_404(self.get_queryset(), pk=pk)).data)

    @extend_schema(request=None, responses=CommandSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Only while it is queued: what has been sent can't be taken back."""
        command = get_object_or_404(self.get_queryset(), pk=pk)
        if not cancel_command(command, self.caller.actor):
            raise Conflict("The command has been sent or has ended.")
        return Response(CommandSerializer(self.get_queryset().get(pk=pk)).data)


class RemoteStart(StrictSerializer):
    connectorId = serializers.IntegerField(min_value=1, max_value=1000, required=False)
    idTag = serializers.CharField(max_length=20)
    chargingProfile = serializers.DictField(required=False, help_text="A TxProfile (OCPP 1.6 §7.8).")


class RemoteStop(StrictSerializer):
    transactionId = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    connectorId = serializers.IntegerField(min_value=1, max_value=1000, required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if len(given) != 1:
            raise serializers.ValidationError({"transactionId": "Either transactionId or connectorId."})
        return given


class StationCommandViewSet(StationViewSet):
    """What a charge point can be told. 409 while it is offline."""

    scope = "commands"
    serializer_class = CommandSerializer
    pagination_class = None
    filter_backends: Any = ()
    extra_parameters = {"remote_start": {"wait"}, "remote_stop": {"wait"}}

    @extend_schema(request=RemoteStart, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="remote-start")
    def remote_start(self, request: Request, charge_point_id: str) -> Response:
        """RemoteStartTransaction (OCPP 1.6 §5.11)."""
        given = RemoteStart(data=request.data)
        given.is_valid(raise_exception=True)
        return self._send("RemoteStartTransaction", dict(given.validated_data))

    @extend_schema(request=RemoteStop, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="remote-stop")
    def remote_stop(self, request: Request, charge_point_id: str) -> Response:
        """RemoteStopTransaction (OCPP 1.6 §5.12), by transaction or by connector."""
        given = RemoteStop(data=request.data)
        given.is_valid(raise_exception=True)
        session = self._running_session(given.validated_data)
        return self._send("RemoteStopTransaction", {"transactionId": int(session.protocol_id)})

    def after_commit(self, response: Any) -> Any:
        """`?wait=`: look until the command has ended. No transaction and no connection is held meanwhile."""
        deadline = time.monotonic() + self._wait_s
        if getattr(response, "replayed", False) or not self._wait_s:
            return response
        while True:
            with tenant_transaction(self.tenant.pk):
                command = Command.objects.select_related("charge_point").get(pk=response.data["commandId"])
            if command.is_final or time.monotonic() >= deadline:
                response.data = CommandSerializer(command).data
                return response
            time.sleep(LOOK_EVERY_S)

    _wait_s = 0.0

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raw = request.query_params.get("wait", "0")
        if not (raw.isascii() and raw.isdigit() and int(raw[:6]) <= LONGEST_WAIT_S):
            raise ValidationError({"wait": f"A whole number of seconds, at most {LONGEST_WAIT_S}."})
        self._wait_s = float(raw)

    def _running_session(self, wanted: dict[str, int]) -> Transaction:
        station: ChargePoint = self.get_object()
        sessions = Transaction.objects.filter(charge_point=station, state=Transaction.State.ACTIVE)
        if "transactionId" in wanted:
            session = sessions.filter(protocol_id=str(wanted["transactionId"])).first()
        else:
            session = sessions.filter(evse__number=wanted["connectorId"]).first()
        if session is None:
            raise Conflict("No such session is running on this charge point.")
        return session

    def _send(self, name: str, payload: dict[str, Any]) -> Response:
        try:
            command = send_command(
                charge_point=self.get_object(),
                action=name,
                payload=payload,
                requested_by=self.caller.actor,
                origin="api",
            )
        except StationOffline:
            raise Conflict("The charge point is offline.") from None
        except OcppError as error:
            raise ValidationError(
                {fault["path"] or "payload": fault["fault"] for fault in error.details.get("errors", [])}
            ) from None
        response = Response(CommandSerializer(command).data, status=status.HTTP_202_ACCEPTED)
        return response
