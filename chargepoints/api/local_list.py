"""The local authorization list of a charge point: what it holds against what it should, and sending it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.charge_points import StationViewSet
from chargepoints.api.command_rows import WAIT, CommandSerializer
from chargepoints.api.sending import SendingViewSet
from chargepoints.api.sending import refusals as sending_refusals
from chargepoints.models import ChargePoint, LocalAuthList
from chargepoints.services.local_list import ListRefused, ask_version, limits_of, manage_list, send_list, wanted_of
from chargepoints.services.local_list_entries import drift
from tenants.api.exceptions import Conflict
from tenants.api.serializers import StrictSerializer

SHOWN = 1000


class SendLocalList(StrictSerializer):
    updateType = serializers.ChoiceField(["Full", "Differential"])
    idTags = serializers.ListField(
        child=serializers.CharField(max_length=20),
        min_length=1,
        max_length=10_000,
        required=False,
        help_text="Only these; unknown ones are taken out by a Differential. Left out: all, or all that has changed.",
    )


class LocalListChange(StrictSerializer):
    managed = serializers.BooleanField(help_text="Keep it in step with the tags.")


class DriftSerializer(serializers.Serializer[Any]):
    missing = serializers.ListField(child=serializers.CharField())
    outdated = serializers.ListField(child=serializers.CharField())
    surplus = serializers.ListField(child=serializers.CharField())


class LocalListSerializer(serializers.Serializer[Any]):
    managed = serializers.BooleanField()
    status = serializers.ChoiceField(LocalAuthList.State.choices)
    detail = serializers.CharField()
    listVersion = serializers.IntegerField(help_text="Of the last list that the charge point accepted.")
    reportedVersion = serializers.IntegerField(allow_null=True, help_text="As it said; -1: no local list.")
    entryCount = serializers.IntegerField()
    wantedCount = serializers.IntegerField(help_text="As many tags as the charge point takes.")
    maxLength = serializers.IntegerField()
    maxPerMessage = serializers.IntegerField()
    inStep = serializers.BooleanField()
    drift = DriftSerializer(help_text=f"idTags, at most {SHOWN} of each.")
    changedTime = serializers.DateTimeField(allow_null=True)


class LocalListViewSet(StationViewSet):
    """What a charge point decides by while it is offline."""

    scope = "id-tags"
    serializer_class = LocalListSerializer
    pagination_class = None
    filter_backends: Any = ()

    @extend_schema(responses=LocalListSerializer)
    def retrieve(self, request: Request, charge_point_id: str) -> Response:
        """What it has (as far as we know) against what it should have."""
        return Response(_shown(self.get_object()))

    @extend_schema(request=LocalListChange, responses=LocalListSerializer)
    def partial_update(self, request: Request, charge_point_id: str) -> Response:
        """Keep it in step from now on, or no longer."""
        station = self.get_object()
        given = LocalListChange(data=request.data)
        given.is_valid(raise_exception=True)
        managed = given.validated_data["managed"]
        manage_list(station=station, managed=managed, actor=self.caller.actor, origin="api")
        return Response(_shown(station))


class LocalListCommandViewSet(SendingViewSet):
    """Sending it by hand. 409 with the reason's name where the state of things forbids it."""

    @extend_schema(request=SendLocalList, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="send-local-list")
    def send_local_list(self, request: Request, charge_point_id: str) -> Response:
        """SendLocalList (OCPP 1.6 §5.15). A full list that is longer than one message is followed by the rest."""
        given = SendLocalList(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        with refusals():
            command = send_list(
                station=self.get_object(),
                update_type=wanted["updateType"],
                tokens=wanted.get("idTags"),
                requested_by=self.caller.actor,
                origin="api",
            )
        return self._accepted(command)

    @extend_schema(request=None, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="get-local-list-version")
    def get_local_list_version(self, request: Request, charge_point_id: str) -> Response:
        """GetLocalListVersion (OCPP 1.6 §5.10); the answer is kept and compared."""
        with refusals():
            command = ask_version(station=self.get_object(), requested_by=self.caller.actor, origin="api")
        return self._accepted(command)


@contextmanager
def refusals() -> Iterator[None]:
    """The service's refusals as answers."""
    try:
        with sending_refusals():
            yield
    except ListRefused as refused:
        raise Conflict(str(refused), code=refused.reason) from None


def _shown(station: ChargePoint) -> dict[str, Any]:
    row = LocalAuthList.objects.filter(charge_point=station).first() or LocalAuthList(charge_point=station)
    wanted, limits = wanted_of(station, timezone.now()), limits_of(station)
    found = drift(row.entries, wanted)
    shown = {name: getattr(found, name)[:SHOWN] for name in ("missing", "outdated", "surplus")}
    data = {
        "managed": row.managed,
        "status": row.state,
        "detail": row.detail,
        "listVersion": row.version,
        "reportedVersion": row.reported_version,
        "entryCount": len(row.entries),
        "wantedCount": len(wanted),
        "maxLength": limits.most,
        "maxPerMessage": limits.part,
        "inStep": not found,
        "drift": shown,
        "changedTime": row.changed_at,
    }
    return dict(LocalListSerializer(data).data)
