"""`/firmware/rollouts`: a firmware for a group of charge points, wave by wave."""

from collections.abc import Callable
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.firmware import FIRST_ID, LAST_ID, FirmwareUpdateSerializer
from chargepoints.api.station_files import check_ahead
from chargepoints.models import FirmwareFile, FirmwareRollout, FirmwareUpdate
from chargepoints.services.rollouts import (
    MOST_STATIONS,
    Group,
    InvalidRollout,
    Plan,
    WrongState,
    cancel_rollout,
    create_rollout,
    pause_rollout,
    resume_rollout,
    with_progress,
)
from tenants.api.exceptions import Conflict
from tenants.api.pagination import EnvelopePagination
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet


class ProgressSerializer(serializers.Serializer[Any]):
    """How many charge points are how far."""

    total = serializers.IntegerField()
    waiting = serializers.IntegerField()
    underWay = serializers.IntegerField(source="under_way")
    installed = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()


class RolloutSerializer(serializers.ModelSerializer[FirmwareRollout]):
    rolloutId = serializers.IntegerField(source="id")
    firmwareId = serializers.IntegerField(source="firmware_id")
    version = serializers.CharField(source="firmware.version")
    status = serializers.ChoiceField(FirmwareRollout.State.choices, source="state")
    startTime = serializers.DateTimeField(source="start_at")
    installTime = serializers.DateTimeField(source="install_at", allow_null=True)
    waveSize = serializers.IntegerField(source="wave_size")
    waveHours = serializers.IntegerField(source="wave_hours")
    allowedFailures = serializers.IntegerField(source="allowed_failures")
    currentWave = serializers.IntegerField(source="current_wave")
    progress = ProgressSerializer(source="*")
    createdBy = serializers.CharField(source="created_by")
    createdTime = serializers.DateTimeField(source="created_at")
    finishedTime = serializers.DateTimeField(source="finished_at", allow_null=True)

    class Meta:
        model = FirmwareRollout
        fields = [
            *("rolloutId", "name", "firmwareId", "version", "signed", "status", "detail", "startTime", "installTime"),
            *("waveSize", "waveHours", "allowedFailures", "currentWave", "progress", "createdBy", "createdTime"),
            "finishedTime",
        ]


class GroupSerializer(StrictSerializer):
    """All that fit every field given."""

    tags = serializers.ListField(child=serializers.CharField(max_length=40), max_length=20, required=False)
    site = serializers.CharField(max_length=120, required=False, help_text="Name of a site.")
    vendor = serializers.CharField(max_length=50, required=False)
    model = serializers.CharField(max_length=50, required=False)
    firmwareVersion = serializers.CharField(source="version", max_length=100, required=False)


class NewRollout(StrictSerializer):
    name = serializers.CharField(max_length=120)
    firmwareId = serializers.IntegerField(min_value=FIRST_ID, max_value=LAST_ID)
    chargePointIds = serializers.ListField(
        child=serializers.CharField(max_length=48), min_length=1, max_length=MOST_STATIONS, required=False
    )
    filter = GroupSerializer(required=False)
    signed = serializers.BooleanField(required=False)
    startTime = serializers.DateTimeField(source="start_at", required=False, validators=[check_ahead])
    installTime = serializers.DateTimeField(
        source="install_at", required=False, validators=[check_ahead], help_text="Only of signed updates."
    )
    waveSize = serializers.IntegerField(source="wave_size", min_value=1, max_value=1000, required=False)
    allowedFailures = serializers.IntegerField(source="allowed_failures", min_value=0, max_value=10_000, required=False)
    waveHours = serializers.IntegerField(source="wave_hours", min_value=1, max_value=720, required=False)

    def validate_firmwareId(self, pk: int) -> FirmwareFile:
        firmware = FirmwareFile.objects.filter(pk=pk).first()
        if firmware is None:
            raise serializers.ValidationError("There is no such firmware.")
        return firmware

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if ("chargePointIds" in given) == ("filter" in given):
            raise serializers.ValidationError({"chargePointIds": "Either chargePointIds or filter."})
        if given.get("filter") == {}:
            raise serializers.ValidationError({"filter": "At least one field."})
        return given


class RolloutFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(field_name="state", choices=FirmwareRollout.State.choices)

    class Meta:
        model = FirmwareRollout
        fields: list[str] = []


@extend_schema_view(list=extend_schema(responses=RolloutSerializer(many=True)))
class RolloutViewSet(TenantViewSet):
    """The next wave begins when the one before is done; too many failures stop it."""

    scope = "firmware"
    serializer_class = RolloutSerializer
    filterset_class = RolloutFilter
    lookup_value_regex = "[0-9]{1,15}"
    list_actions = ("updates",)

    def get_queryset(self) -> QuerySet[FirmwareRollout]:
        return with_progress(FirmwareRollout.objects.select_related("firmware")).order_by("-created_at", "-id")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(RolloutSerializer(page, many=True).data)

    @extend_schema(responses=RolloutSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(self._shown(int(pk)))

    @extend_schema(request=NewRollout, responses={201: RolloutSerializer})
    def create(self, request: Request) -> Response:
        """Charge points that have the version already are left out. It begins at `startTime`, or at once."""
        given = NewRollout(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        firmware = values.pop("firmwareId")
        group = _group(values.pop("chargePointIds", []), values.pop("filter", {}))
        try:
            rollout = create_rollout(
                firmware=firmware, group=group, plan=Plan(**values), actor=self.caller.actor, origin="api"
            )
        except InvalidRollout as error:
            raise ValidationError(dict(error.errors)) from None
        return Response(self._shown(rollout.pk), status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=RolloutSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """No further wave begins; the charge points of this one go on."""
        return self._change(pk, pause_rollout)

    @extend_schema(request=None, responses=RolloutSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        return self._change(pk, resume_rollout)

    @extend_schema(request=None, responses=RolloutSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """No further charge point is told; those that have been told can't be stopped."""
        return self._change(pk, cancel_rollout)

    @extend_schema(responses=FirmwareUpdateSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=EnvelopePagination, filterset_class=None, filter_backends=[])
    def updates(self, request: Request, pk: str) -> Response:
        """How far each charge point is."""
        rollout = get_object_or_404(FirmwareRollout, pk=int(pk))
        rows = FirmwareUpdate.objects.filter(rollout=rollout).select_related("charge_point", "firmware")
        page = self.paginate_queryset(rows.order_by("wave", "charge_point__identity_key"))
        return self.get_paginated_response(FirmwareUpdateSerializer(page, many=True).data)

    def _change(self, pk: str, change: Callable[..., FirmwareRollout]) -> Response:
        rollout = get_object_or_404(FirmwareRollout, pk=int(pk))
        try:
            change(rollout=rollout, actor=self.caller.actor, origin="api")
        except WrongState:
            raise Conflict(f"The rollout is {rollout.state}.") from None
        return Response(self._shown(rollout.pk))

    def _shown(self, pk: int) -> Any:
        return RolloutSerializer(get_object_or_404(self.get_queryset(), pk=pk)).data


def _group(identities: list[str], wanted: dict[str, Any]) -> Group:
    return Group(charge_points=tuple(identities), **{**wanted, "tags": tuple(wanted.get("tags", ()))})
