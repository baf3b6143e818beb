"""`/chargepoints/{id}/charging-profiles`: what a station holds, and setting and clearing it."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.command_requests import LONGEST_TIMEOUT_S
from chargepoints.api.command_rows import WAIT, CommandSerializer
from chargepoints.api.sending import SendingViewSet
from chargepoints.api.sending import refusals as sending_refusals
from chargepoints.api.waiting import wait_for_commands
from chargepoints.models import ChargePoint
from smartcharging.api.profile_rows import (
    INT32,
    PURPOSE_CHOICES,
    NewProfile,
    ProfileSerializer,
    profile_given,
    profile_refusals,
)
from smartcharging.models import ChargingProfile
from smartcharging.profiles.translation import PURPOSES
from smartcharging.selectors import charging_profiles
from smartcharging.services.clearing import Criteria, HeldByLoadManagement, clear_profiles
from smartcharging.services.profiles import set_profile
from tenants.api.exceptions import Conflict
from tenants.api.pagination import TimePagination
from tenants.api.parameters import read_number
from tenants.context import tenant_transaction

State = ChargingProfile.State
FILTERS = [
    OpenApiParameter("purpose", {"type": "string", "enum": PURPOSE_CHOICES}),
    OpenApiParameter("stackLevel", {"type": "integer", "minimum": 0, "maximum": INT32}),
    OpenApiParameter("connectorId", {"type": "integer", "minimum": 0, "maximum": 1000}),
    OpenApiParameter(
        "state", {"type": "string", "enum": State.values}, description="Left out: installed or on its way."
    ),
    OpenApiParameter("history", {"type": "boolean"}, description="Also those that have ended."),
]
PROFILE_ID = OpenApiParameter(
    "profile_id", {"type": "integer", "minimum": -INT32, "maximum": INT32}, OpenApiParameter.PATH
)


class ConnectorProfile(NewProfile):
    timeoutSeconds = serializers.IntegerField(
        source="timeout_s",
        min_value=1,
        max_value=LONGEST_TIMEOUT_S,
        required=False,
        help_text="How long the charge point has to answer (default 30).",
    )


class StationProfile(ConnectorProfile):
    connectorId = serializers.IntegerField(min_value=0, max_value=1000, help_text="0: the whole charge point.")


class ProfilePagination(TimePagination):
    ordering = ("-created_at", "-id")


class ChargingProfileViewSet(SendingViewSet):
    """Profiles of one charge point. 409 while it is offline, and where load management holds the place."""

    scope = "charging-profiles"
    serializer_class: Any = ProfileSerializer
    pagination_class: Any = ProfilePagination
    list_actions = ("charging_profiles",)
    extra_parameters = {"charging_profiles": {"purpose", "stackLevel", "connectorId", "state", "history"}}
    _row: ChargingProfile | None = None

    @extend_schema(parameters=FILTERS, responses=ProfileSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], url_path="charging-profiles")
    def charging_profiles(self, request: Request, charge_point_id: str) -> Response:
        """What the charge point holds and what is being sent; with `history` or `state` also what has ended."""
        rows = _filtered(request, charging_profiles().filter(charge_point=self.get_object()))
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(ProfileSerializer(page, many=True).data)

    @extend_schema(request=StationProfile, responses={202: ProfileSerializer}, parameters=[WAIT], filters=False)
    @charging_profiles.mapping.post
    def set_profile(self, request: Request, charge_point_id: str) -> Response:
        """Check, store and send a profile (OCPP 1.6 §5.16). It is installed once the charge point has accepted it."""
        given = StationProfile(data=request.data)
        given.is_valid(raise_exception=True)
        return self._set(given.validated_data["connectorId"], given.validated_data)

    @extend_schema(request=ConnectorProfile, responses={202: ProfileSerializer}, parameters=[WAIT], filters=False)
    @action(detail=True, methods=["post"], url_path=r"connectors/(?P<connector_id>[0-9]{1,4})/set-charging-profile")
    def set_connector_profile(self, request: Request, charge_point_id: str, connector_id: str) -> Response:
        """The same for one connector."""
        given = ConnectorProfile(data=request.data)
        given.is_valid(raise_exception=True)
        return self._set(int(connector_id), given.validated_data)

    @extend_schema(request=None, responses={202: CommandSerializer}, parameters=[PROFILE_ID, WAIT], filters=False)
    @action(detail=True, methods=["delete"], url_path=r"charging-profiles/(?P<profile_id>-?[0-9]{1,10})")
    def clear_profile(self, request: Request, charge_point_id: str, profile_id: str) -> Response:
        """ClearChargingProfile by id (OCPP 1.6 §5.5). 404 where we know of none that is installed."""
        station = self.get_object()
        rows = ChargingProfile.objects.filter(charge_point=station, state=State.INSTALLED)
        if abs(int(profile_id)) > INT32 or not rows.filter(profile_id=int(profile_id)).exists():
            raise Http404
        try:
            with sending_refusals():
                command, _ = clear_profiles(
                    charge_point=station,
                    criteria=Criteria(profile_id=int(profile_id)),
                    requested_by=self.caller.actor,
                    origin="api",
                )
        except HeldByLoadManagement as error:
            raise Conflict(str(error), code="held_by_load_management") from None
        return self._accepted(command)

    def known_parameters(self) -> set[str]:
        known = super().known_parameters()
        return known - {"wait"} if self.action == "charging_profiles" else known

    def after_commit(self, response: Any) -> Any:
        """With `?wait=` the profile as it stands then; waiting for a clearing is as for any command."""
        row = self._row
        if row is None or row.command_id is None or not self._wait_s:
            return super().after_commit(response)
        wait_for_commands(self.tenant.pk, [row.command_id], self._wait_s)
        with tenant_transaction(self.tenant.pk):
            response.data = ProfileSerializer(charging_profiles().get(pk=row.pk)).data
        return response

    def _set(self, evse_number: int, wanted: dict[str, Any]) -> Response:
        station: ChargePoint = self.get_object()
        profile, template = profile_given(wanted)
        with sending_refusals("csChargingProfiles"), profile_refusals():
            row = set_profile(
                charge_point=station,
                evse_number=evse_number,
                profile=profile,
                requested_by=self.caller.actor,
                origin="api",
                source=ChargingProfile.Source.PERSON if template is None else ChargingProfile.Source.TEMPLATE,
                template_id=template.pk if template else None,
                timeout_s=wanted.get("timeout_s"),
            )
        self._row = charging_profiles().get(pk=row.pk)
        return Response(ProfileSerializer(self._row).data, status=status.HTTP_202_ACCEPTED)


def _filtered(request: Request, rows: QuerySet[ChargingProfile]) -> QuerySet[ChargingProfile]:
    wanted: dict[str, Any] = {}
    if (purpose := _choice(request, "purpose", PURPOSE_CHOICES)) is not None:
        wanted["purpose"] = PURPOSES[purpose]
    if (level := read_number(request, "stackLevel", INT32)) is not None:
        wanted["stack_level"] = level
    if (connector := read_number(request, "connectorId", 1000)) is not None:
        wanted["evse_number"] = connector
    history = _choice(request, "history", ["true", "false"]) == "true"
    if (state := _choice(request, "state", State.values)) is not None:
        wanted["state"] = state
    elif not history:
        wanted["state__in"] = [State.SENDING, State.INSTALLED]
    return rows.filter(**wanted)


def _choice(request: Request, name: str, values: list[str]) -> str | None:
    value = request.query_params.get(name)
    if value is not None and value not in values:
        raise ValidationError({name: f"One of {', '.join(values)}."})
    return value
