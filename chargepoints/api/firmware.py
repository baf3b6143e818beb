"""`/firmware`; a charge point's updates: `update-firmware`, `signed-update-firmware`, `firmware-updates`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import django_filters
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.charge_points import StationViewSet
from chargepoints.api.commands import WAIT, CommandSerializer
from chargepoints.api.sending import SendingViewSet
from chargepoints.api.station_files import Retries, check_ahead, check_location_field, refusals
from chargepoints.files.addresses import shown_location
from chargepoints.files.storage import CHUNK
from chargepoints.models import FirmwareFile, FirmwareUpdate
from chargepoints.services.firmware import (
    FirmwareDetails,
    InvalidFirmware,
    StillUsed,
    add_firmware,
    check_firmware_signing,
    remove_firmware,
)
from chargepoints.services.firmware_updates import Schedule, Source, update_station
from tenants.api.exceptions import Conflict
from tenants.api.pagination import TimePagination
from tenants.api.parsers import StrictJSONParser
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet
from tenants.models import Role

PUBLIC = {"signing_certificate": "signingCertificate"}
FIRST_ID, LAST_ID = 1, 2**53


class FirmwareSerializer(serializers.ModelSerializer[FirmwareFile]):
    firmwareId = serializers.IntegerField(source="id")
    url = serializers.SerializerMethodField(help_text="Without password and signature; empty: the file lies here.")
    signingCertificate = serializers.CharField(source="signing_certificate")
    uploadedBy = serializers.CharField(source="uploaded_by")
    createdTime = serializers.DateTimeField(source="created_at")

    class Meta:
        model = FirmwareFile
        fields = [
            *("firmwareId", "name", "version", "vendor", "model", "url", "size", "sha256", "signature"),
            *("signingCertificate", "uploadedBy", "createdTime"),
        ]

    def get_url(self, row: FirmwareFile) -> str:
        return shown_location(row.url) if row.url else ""


class NewFirmware(StrictSerializer):
    name = serializers.CharField(max_length=120)
    version = serializers.CharField(max_length=100, help_text="As charge points report it when they boot.")
    vendor = serializers.CharField(max_length=50, required=False, allow_blank=True, help_text="Empty: any.")
    model = serializers.CharField(max_length=50, required=False, allow_blank=True, help_text="Empty: any.")
    file = serializers.FileField(required=False, help_text="In a multipart body.")
    url = serializers.CharField(max_length=512, required=False, help_text="Instead of a file: where it lies.")
    signature = serializers.CharField(max_length=800, required=False, allow_blank=True, help_text="Base64.")
    signingCertificate = serializers.CharField(
        source="signing_certificate", max_length=5500, required=False, allow_blank=True, help_text="PEM."
    )


class FirmwareUpdateSerializer(serializers.ModelSerializer[FirmwareUpdate]):
    updateId = serializers.IntegerField(source="id")
    chargePointId = serializers.CharField(source="charge_point.identity")
    firmwareId = serializers.IntegerField(source="firmware_id", allow_null=True)
    rolloutId = serializers.IntegerField(source="rollout_id", allow_null=True)
    version = serializers.CharField(source="firmware.version", default="")
    versionBefore = serializers.CharField(source="version_before")
    location = serializers.SerializerMethodField(help_text="Without password, token and signature.")
    status = serializers.ChoiceField(FirmwareUpdate.State.choices, source="state")
    stationStatus = serializers.CharField(source="status", help_text="The last that the charge point said.")
    history = serializers.ListField(child=serializers.DictField())
    requestId = serializers.IntegerField(source="request_id", allow_null=True)
    commandId = serializers.UUIDField(source="command_id", allow_null=True)
    sentTime = serializers.DateTimeField(source="sent_at", allow_null=True)
    deadline = serializers.DateTimeField(source="deadline_at", allow_null=True)
    finishedTime = serializers.DateTimeField(source="finished_at", allow_null=True)

    class Meta:
        model = FirmwareUpdate
        fields = [
            *("updateId", "chargePointId", "firmwareId", "rolloutId", "wave", "version", "versionBefore", "location"),
            *("signed", "status", "stationStatus", "detail", "history", "requestId", "commandId", "sentTime"),
            *("deadline", "finishedTime"),
        ]

    def get_location(self, row: FirmwareUpdate) -> str:
        return shown_location(row.location) if row.location else ""


class FirmwareFilter(django_filters.FilterSet):
    vendor = django_filters.CharFilter("vendor", "iexact")
    model = django_filters.CharFilter("model", "iexact")
    version = django_filters.CharFilter("version")

    class Meta:
        model = FirmwareFile
        fields: list[str] = []


@extend_schema_view(list=extend_schema(responses=FirmwareSerializer(many=True)))
class FirmwareViewSet(TenantViewSet):
    """Firmware that charge points can be told to install."""

    scope = "firmware"
    serializer_class = FirmwareSerializer
    filterset_class = FirmwareFilter
    parser_classes = (StrictJSONParser, MultiPartParser)
    lookup_value_regex = "[0-9]{1,15}"
    required_roles = {"destroy": Role.ADMIN}

    def get_queryset(self) -> QuerySet[FirmwareFile]:
        return FirmwareFile.objects.order_by("-created_at", "-id")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(FirmwareSerializer(page, many=True).data)

    @extend_schema(responses=FirmwareSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(FirmwareSerializer(get_object_or_404(self.get_queryset(), pk=int(pk))).data)

    @extend_schema(request=NewFirmware, responses={201: FirmwareSerializer})
    def create(self, request: Request) -> Response:
        """A file (`multipart/form-data`) or a `url`. A signature is checked against the file and the certificate."""
        given = NewFirmware(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        upload: UploadedFile | None = values.pop("file", None)
        with named_faults():
            firmware = add_firmware(
                details=FirmwareDetails(**values),
                content=upload.chunks(CHUNK) if upload is not None else None,
                actor=self.caller.actor,
                origin="api",
            )
        return Response(FirmwareSerializer(firmware).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        firmware = get_object_or_404(self.get_queryset(), pk=int(pk))
        try:
            remove_firmware(firmware=firmware, actor=self.caller.actor, origin="api")
        except StillUsed:
            raise Conflict("A rollout or an update under way needs it.") from None
        return Response(status=status.HTTP_204_NO_CONTENT)


@contextmanager
def named_faults() -> Iterator[None]:
    """InvalidFirmware as 400, each fault with its field."""
    try:
        yield
    except InvalidFirmware as error:
        raise ValidationError({PUBLIC.get(name, name): text for name, text in error.errors.items()}) from None


# --- one charge point ---


class UpdateFirmware(Retries):
    location = serializers.CharField(max_length=512, required=False, validators=[check_location_field])
    firmwareId = serializers.IntegerField(min_value=FIRST_ID, max_value=LAST_ID, required=False)
    retrieveDate = serializers.DateTimeField(
        source="retrieve_at", required=False, validators=[check_ahead], help_text="Not before; left out: at once."
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if ("location" in given) == ("firmwareId" in given):
            raise serializers.ValidationError({"location": "Either location or firmwareId."})
        if "firmwareId" in given:
            given["firmware"] = FirmwareFile.objects.filter(pk=given.pop("firmwareId")).first()
            if given["firmware"] is None:
                raise serializers.ValidationError({"firmwareId": "There is no such firmware."})
        return given


class SignedUpdateFirmware(UpdateFirmware):
    installDate = serializers.DateTimeField(
        source="install_at", required=False, validators=[check_ahead], help_text="Not before; left out: at once."
    )
    signature = serializers.CharField(max_length=800, required=False, help_text="Base64; with a location.")
    signingCertificate = serializers.CharField(
        source="signing_certificate", max_length=5500, required=False, help_text="PEM; with a location."
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        given = super().validate(given)
        firmware: FirmwareFile | None = given.get("firmware")
        if firmware is not None:
            if {"signature", "signing_certificate"} & set(given):
                raise serializers.ValidationError({"signature": "The firmware has its own."})
            if not (firmware.signature and firmware.signing_certificate):
                raise serializers.ValidationError({"firmwareId": "This firmware has no signature."})
        signature = firmware.signature if firmware else given.get("signature", "")
        certificate = firmware.signing_certificate if firmware else given.get("signing_certificate", "")
        with named_faults():
            # Again: a certificate may have run out since the file was taken in.
            check_firmware_signing(signature, certificate, firmware.sha256 if firmware else "")
        return given


class FirmwareCommandViewSet(SendingViewSet):
    """Telling a charge point to update itself."""

    @extend_schema(request=UpdateFirmware, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="update-firmware")
    def update_firmware(self, request: Request, charge_point_id: str) -> Response:
        """UpdateFirmware (OCPP 1.6 §6.19); how it goes shows under firmware-updates."""
        given = UpdateFirmware(data=request.data)
        given.is_valid(raise_exception=True)
        return self._update(given.validated_data, signed=False)

    @extend_schema(request=SignedUpdateFirmware, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="signed-update-firmware")
    def signed_update_firmware(self, request: Request, charge_point_id: str) -> Response:
        """SignedUpdateFirmware (Security Whitepaper L01); how it goes shows under firmware-updates."""
        given = SignedUpdateFirmware(data=request.data)
        given.is_valid(raise_exception=True)
        return self._update(given.validated_data, signed=True)

    def _update(self, given: dict[str, Any], *, signed: bool) -> Response:
        values = dict(given)
        names = ("firmware", "location", "signature", "signing_certificate")
        source = Source(**{name: values.pop(name) for name in names if name in values}, signed=signed)
        retrieve_at: datetime = values.pop("retrieve_at", None) or timezone.now()
        with refusals():
            update = update_station(
                charge_point=self.get_object(),
                source=source,
                schedule=Schedule(retrieve_at=retrieve_at, **values),
                requested_by=self.caller.actor,
                origin="api",
            )
        assert update.command is not None  # noqa: S101 (just sent)
        return self._accepted(update.command)


class UpdatePagination(TimePagination):
    ordering = ("-created_at", "-id")


@extend_schema_view(list=extend_schema(responses=FirmwareUpdateSerializer(many=True)))
class FirmwareUpdateViewSet(StationViewSet):
    """A charge point's firmware updates, newest first."""

    scope = "firmware"
    serializer_class = FirmwareUpdateSerializer
    queryset: Any = FirmwareUpdate.objects.none()
    pagination_class = UpdatePagination
    filter_backends: Any = ()
    lookup_url_kwarg = "update_id"
    lookup_value_regex = "[0-9]{1,15}"

    def list(self, request: Request, charge_point_id: str) -> Response:
        page = self.paginate_queryset(self._updates())
        return self.get_paginated_response(FirmwareUpdateSerializer(page, many=True).data)

    @extend_schema(responses=FirmwareUpdateSerializer)
    def retrieve(self, request: Request, charge_point_id: str, update_id: str) -> Response:
        return Response(FirmwareUpdateSerializer(get_object_or_404(self._updates(), pk=int(update_id))).data)

    def _updates(self) -> QuerySet[FirmwareUpdate]:
        rows = FirmwareUpdate.objects.select_related("charge_point", "firmware")
        return rows.filter(charge_point=self.get_object())
