"""`/commands`, and the commands below a charge point: 202 with the command, or its end with `?wait=`."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api import command_requests as requests
from chargepoints.api.command_requests import SessionLimits
from chargepoints.api.command_rows import LONGEST_WAIT_S, OUTCOMES, WAIT, CommandSerializer
from chargepoints.api.sending import SendingViewSet, command_schema
from chargepoints.models import ChargePoint, Command, CommandState, Transaction
from chargepoints.services.commands import cancel_command
from chargepoints.services.remote_limits import LimitValues, keep_limits
from chargepoints.services.remote_profiles import check_start_profile, keep_start_profile
from tenants.api.exceptions import Conflict
from tenants.api.pagination import TimePagination
from tenants.api.views import TenantViewSet

__all__ = ["LONGEST_WAIT_S", "WAIT", "CommandSerializer", "CommandViewSet", "SessionLimits", "StationCommandViewSet"]


class CommandFilter(django_filters.FilterSet):
    chargePointId = django_filters.CharFilter(method="of_station")
    action = django_filters.CharFilter("action")
    status = django_filters.ChoiceFilter(field_name="state", choices=CommandState.choices)
    outcome = django_filters.ChoiceFilter(choices=[(value, value) for value in OUTCOMES])

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


class StationCommandViewSet(SendingViewSet):
    """What a charge point can be told. 409 while it is offline, unless the command may wait (`expiresAt`)."""

    @command_schema(requests.RemoteStart)
    @action(detail=True, methods=["post"], url_path="remote-start")
    def remote_start(self, request: Request, charge_point_id: str) -> Response:
        """RemoteStartTransaction (OCPP 1.6 §5.11)."""
        payload, options = self._read(requests.RemoteStart, request)
        limits, profile = payload.pop("limits", None), payload.get("chargingProfile")
        if profile is not None:
            self._check_profile(payload.get("connectorId", 0), profile)
        command = self._command("RemoteStartTransaction", payload, **options)
        if profile is not None:
            keep_start_profile(command)
        if limits is not None:
            keep_limits(command, LimitValues(**limits))
        return self._accepted(command)

    @command_schema(requests.RemoteStop)
    @action(detail=True, methods=["post"], url_path="remote-stop")
    def remote_stop(self, request: Request, charge_point_id: str) -> Response:
        """RemoteStopTransaction (OCPP 1.6 §5.12), by transaction or by connector."""
        wanted, options = self._read(requests.RemoteStop, request)
        session = self._running_session(wanted)
        return self._send("RemoteStopTransaction", {"transactionId": int(session.protocol_id)}, **options)

    @command_schema(requests.UnlockConnector)
    @action(detail=True, methods=["post"], url_path="unlock-connector")
    def unlock_connector(self, request: Request, charge_point_id: str) -> Response:
        """UnlockConnector (OCPP 1.6 §5.18)."""
        return self._order("UnlockConnector", requests.UnlockConnector, request)

    @command_schema(requests.Reset)
    @action(detail=True, methods=["post"], url_path="reset")
    def reset(self, request: Request, charge_point_id: str) -> Response:
        """Reset (OCPP 1.6 §5.14)."""
        return self._order("Reset", requests.Reset, request)

    @command_schema(requests.ChangeAvailability)
    @action(detail=True, methods=["post"], url_path="change-availability")
    def change_availability(self, request: Request, charge_point_id: str) -> Response:
        """ChangeAvailability (OCPP 1.6 §5.2); connector 0 is the whole charge point."""
        return self._order("ChangeAvailability", requests.ChangeAvailability, request)

    @command_schema(requests.CommandRequest)
    @action(detail=True, methods=["post"], url_path="clear-cache")
    def clear_cache(self, request: Request, charge_point_id: str) -> Response:
        """ClearCache (OCPP 1.6 §5.4)."""
        return self._order("ClearCache", requests.CommandRequest, request)

    @command_schema(requests.DataTransfer)
    @action(detail=True, methods=["post"], url_path="data-transfer")
    def data_transfer(self, request: Request, charge_point_id: str) -> Response:
        """DataTransfer to the charge point (OCPP 1.6 §5.6)."""
        return self._order("DataTransfer", requests.DataTransfer, request)

    @command_schema(requests.TriggerMessage)
    @action(detail=True, methods=["post"], url_path="trigger-message")
    def trigger_message(self, request: Request, charge_point_id: str) -> Response:
        """TriggerMessage (OCPP 1.6 §5.17)."""
        return self._order("TriggerMessage", requests.TriggerMessage, request)

    @command_schema(requests.ExtendedTriggerMessage)
    @action(detail=True, methods=["post"], url_path="extended-trigger-message")
    def extended_trigger_message(self, request: Request, charge_point_id: str) -> Response:
        """ExtendedTriggerMessage (Security Whitepaper)."""
        return self._order("ExtendedTriggerMessage", requests.ExtendedTriggerMessage, request)

    @command_schema(requests.SetChargingProfile)
    @action(detail=True, methods=["post"], url_path="set-charging-profile")
    def set_charging_profile(self, request: Request, charge_point_id: str) -> Response:
        """SetChargingProfile (OCPP 1.6 §5.16): the message as it is given."""
        return self._order("SetChargingProfile", requests.SetChargingProfile, request)

    @command_schema(requests.ClearChargingProfile)
    @action(detail=True, methods=["post"], url_path="clear-charging-profile")
    def clear_charging_profile(self, request: Request, charge_point_id: str) -> Response:
        """ClearChargingProfile (OCPP 1.6 §5.5); without criteria all of them."""
        return self._order("ClearChargingProfile", requests.ClearChargingProfile, request)

    @command_schema(requests.GetCompositeSchedule)
    @action(detail=True, methods=["post"], url_path="get-composite-schedule")
    def get_composite_schedule(self, request: Request, charge_point_id: str) -> Response:
        """GetCompositeSchedule (OCPP 1.6 §5.7); the schedule is in the reply."""
        return self._order("GetCompositeSchedule", requests.GetCompositeSchedule, request)

    @command_schema(requests.AnyCall)
    @action(detail=True, methods=["post"], url_path="call")
    def call(self, request: Request, charge_point_id: str) -> Response:
        """Any action of the charge point's OCPP version that a central system sends, checked against its schema."""
        given, options = self._read(requests.AnyCall, request)
        return self._send(given["action"], given["payload"], prefix="payload", **options)

    def _check_profile(self, connector_id: int, profile: dict[str, Any]) -> None:
        """Every reason with its name, beside its field."""
        errors: dict[str, list[ErrorDetail]] = {}
        for field, reason, sentence in check_start_profile(self.get_object(), connector_id, profile):
            errors.setdefault(field, []).append(ErrorDetail(sentence, reason))
        if errors:
            raise ValidationError(errors)

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
