"""Files that a charge point is asked for: `get-diagnostics`, `get-log`, and what came of it below `uploads`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.charge_points import StationViewSet
from chargepoints.api.command_rows import WAIT, CommandSerializer
from chargepoints.api.sending import SendingViewSet
from chargepoints.api.sending import refusals as sending_refusals
from chargepoints.files.addresses import InvalidLocation, NoPublicUrl, check_location, shown_location
from chargepoints.files.responses import file_response
from chargepoints.files.storage import path_of
from chargepoints.models import StationUpload
from chargepoints.services.uploads import LOG_TYPES, Wanted, request_diagnostics, request_log
from tenants.api.pagination import TimePagination
from tenants.api.renderers import EnvelopeRenderer, ProblemRenderer
from tenants.api.serializers import StrictSerializer
from tenants.models import Role

KINDS = {text: kind for kind, text in LOG_TYPES.items()}
LONGEST_AHEAD = timedelta(days=366)
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class FileRenderer(EnvelopeRenderer):
    """Lets a client ask for the file's own type. The file is streamed; what is rendered here are failures, as JSON."""

    media_type = "application/octet-stream"
    format = "bin"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        (renderer_context or {})["response"]["Content-Type"] = EnvelopeRenderer.media_type
        return super().render(data, accepted_media_type, renderer_context)


def check_ahead(at: datetime) -> None:
    """A time that a command may wait for: ValidationError for one that no charge point will see."""
    now = timezone.now()
    if not now - LONGEST_AHEAD < at < now + LONGEST_AHEAD:
        raise serializers.ValidationError("Not more than a year from now.")


def check_past(at: datetime) -> None:
    """A time of which a log may tell: ValidationError for one that can't be written in every zone."""
    if not EARLIEST <= at <= LATEST:
        raise serializers.ValidationError("Between 2000 and 2100.")


def check_location_field(location: str) -> None:
    """ValidationError for an address that no station could use."""
    try:
        check_location(location)
    except InvalidLocation as error:
        raise serializers.ValidationError(str(error)) from None


class Retries(StrictSerializer):
    """What all commands about files take."""

    retries = serializers.IntegerField(min_value=0, max_value=100, required=False, help_text="How often to try again.")
    retryInterval = serializers.IntegerField(
        source="retry_interval_s", min_value=0, max_value=86_400, required=False, help_text="Seconds between two tries."
    )
    expiresAt = serializers.DateTimeField(
        source="expires_at", required=False, help_text="Wait for an offline charge point until then."
    )

    def validate_expiresAt(self, at: datetime) -> datetime:
        if at <= timezone.now():
            raise serializers.ValidationError("Lies in the past.")
        check_ahead(at)
        return at


class AskForFile(Retries):
    """Where the file is to go."""

    location = serializers.CharField(
        max_length=512,
        required=False,
        validators=[check_location_field],
        help_text="A folder (ftp, ftps, sftp, http or https). Left out: the file is sent here and shows under uploads.",
    )
    last_field = ""

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("start") and given.get("end") and given["end"] < given["start"]:
            raise serializers.ValidationError({self.last_field: "Before the beginning."})
        return given


class GetDiagnostics(AskForFile):
    startTime = serializers.DateTimeField(source="start", required=False, validators=[check_past])
    stopTime = serializers.DateTimeField(source="end", required=False, validators=[check_past])
    last_field = "stopTime"


class GetLog(AskForFile):
    logType = serializers.ChoiceField(list(KINDS))
    oldestTimestamp = serializers.DateTimeField(source="start", required=False, validators=[check_past])
    latestTimestamp = serializers.DateTimeField(source="end", required=False, validators=[check_past])
    last_field = "latestTimestamp"


class UploadSerializer(serializers.ModelSerializer[StationUpload]):
    uploadId = serializers.IntegerField(source="id")
    status = serializers.CharField(source="state", help_text="requested, uploading, received, elsewhere or failed.")
    stationStatus = serializers.CharField(source="status", help_text="The last that the charge point said.")
    requestId = serializers.IntegerField(source="request_id", allow_null=True)
    location = serializers.SerializerMethodField(help_text="Without password, token and signature.")
    fileName = serializers.CharField(source="filename")
    commandId = serializers.UUIDField(source="command_id", allow_null=True)
    requestedBy = serializers.CharField(source="requested_by")
    createdTime = serializers.DateTimeField(source="created_at")
    expiresAt = serializers.DateTimeField(source="expires_at", help_text="The charge point has until then.")
    receivedTime = serializers.DateTimeField(source="received_at", allow_null=True)

    class Meta:
        model = StationUpload
        fields = [
            *("uploadId", "kind", "status", "stationStatus", "requestId", "location", "fileName", "size", "sha256"),
            *("commandId", "requestedBy", "createdTime", "expiresAt", "receivedTime"),
        ]

    def get_location(self, row: StationUpload) -> str:
        return shown_location(row.location)


@contextmanager
def refusals() -> Iterator[None]:
    """What services refuse, as failures of the request."""
    try:
        with sending_refusals():
            yield
    except NoPublicUrl as error:
        raise ValidationError({"location": str(error)}) from None


class UploadCommandViewSet(SendingViewSet):
    """Asking for files."""

    @extend_schema(request=GetDiagnostics, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="get-diagnostics")
    def get_diagnostics(self, request: Request, charge_point_id: str) -> Response:
        """GetDiagnostics (OCPP 1.6 §6.23): to `location`, or to us."""
        given = GetDiagnostics(data=request.data)
        given.is_valid(raise_exception=True)
        with refusals():
            _upload, command = request_diagnostics(
                charge_point=self.get_object(),
                wanted=Wanted(**given.validated_data),
                requested_by=self.caller.actor,
                origin="api",
            )
        return self._accepted(command)

    @extend_schema(request=GetLog, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="get-log")
    def get_log(self, request: Request, charge_point_id: str) -> Response:
        """GetLog (Security Whitepaper N01): to `location`, or to us."""
        given = GetLog(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = dict(given.validated_data)
        kind = KINDS[wanted.pop("logType")]
        with refusals():
            _upload, command = request_log(
                charge_point=self.get_object(),
                kind=kind,
                wanted=Wanted(**wanted),
                requested_by=self.caller.actor,
                origin="api",
            )
        return self._accepted(command)


class UploadPagination(TimePagination):
    ordering = ("-created_at", "-id")


@extend_schema_view(list=extend_schema(responses=UploadSerializer(many=True)))
class UploadViewSet(StationViewSet):
    """What a charge point was asked to send, newest first."""

    serializer_class = UploadSerializer
    queryset: Any = StationUpload.objects.none()
    pagination_class = UploadPagination
    filter_backends: Any = ()
    lookup_url_kwarg = "upload_id"
    lookup_value_regex = "[0-9]{1,15}"
    required_roles = {"file": Role.OPERATOR}

    def list(self, request: Request, charge_point_id: str) -> Response:
        page = self.paginate_queryset(self._uploads())
        return self.get_paginated_response(UploadSerializer(page, many=True).data)

    @extend_schema(responses=UploadSerializer)
    def retrieve(self, request: Request, charge_point_id: str, upload_id: str) -> Response:
        return Response(UploadSerializer(get_object_or_404(self._uploads(), pk=int(upload_id))).data)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"], renderer_classes=[EnvelopeRenderer, ProblemRenderer, FileRenderer])
    def file(self, request: Request, charge_point_id: str, upload_id: str) -> HttpResponseBase:
        """The file, always as a download; `Range` is honoured. 404 while there is none."""
        upload = get_object_or_404(self._uploads(), pk=int(upload_id))
        if not upload.file:
            raise Http404
        try:
            path = path_of(upload.file.name or "")
            return file_response(request._request, path, filename=upload.filename, etag=upload.sha256)
        except OSError:
            raise Http404 from None

    def _uploads(self) -> QuerySet[StationUpload]:
        return StationUpload.objects.filter(charge_point=self.get_object())
