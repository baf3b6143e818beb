"""`/chargepoints`, their connectors and status history, `/clients`."""

from typing import Any

import django_filters
from django.core.exceptions import ValidationError as ModelValidationError
from django.db.models import Prefetch, ProtectedError, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import (
    ChargePoint,
    Connector,
    Registration,
    SecurityProfile,
    Site,
    StationConnection,
    StatusChange,
)
from chargepoints.selectors import charge_points
from chargepoints.services.identity import IDENTITY
from chargepoints.services.provisioning import create_charge_point
from tenants.api.exceptions import Conflict
from tenants.api.pagination import TimePagination
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet
from tenants.models import Role
from tenants.models.people import ROLE_RANK
from tenants.services.audit import record
from tenants.services.trail_values import kept_value


class ConnectorSerializer(serializers.ModelSerializer[Connector]):
    connectorId = serializers.IntegerField(source="evse.number")
    errorCode = serializers.CharField(source="error_code")
    vendorErrorCode = serializers.CharField(source="vendor_error_code")
    statusTime = serializers.DateTimeField(source="status_at", allow_null=True)

    class Meta:
        model = Connector
        fields = ["connectorId", "status", "errorCode", "info", "vendorErrorCode", "statusTime"]


class ChargePointSerializer(serializers.ModelSerializer[ChargePoint]):
    chargePointId = serializers.CharField(source="identity")
    site = serializers.CharField(source="site.name", default=None, allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    online = serializers.BooleanField()
    securityProfile = serializers.IntegerField(source="security_profile")
    ocppVersion = serializers.CharField(source="ocpp_version")
    serialNumber = serializers.CharField(source="serial_number")
    firmwareVersion = serializers.CharField(source="firmware_version")
    errorCode = serializers.CharField(source="error_code")
    lastBootTime = serializers.DateTimeField(source="last_boot_at", allow_null=True)
    lastSeenTime = serializers.DateTimeField(source="last_seen_at", allow_null=True)
    createdTime = serializers.DateTimeField(source="created_at")
    connectors = ConnectorSerializer(many=True)

    class Meta:
        model = ChargePoint
        fields = [
            *("chargePointId", "name", "site", "tags", "online", "registration", "securityProfile", "strict"),
            *("ocppVersion", "vendor", "model", "serialNumber", "firmwareVersion", "status", "errorCode"),
            *("lastBootTime", "lastSeenTime", "createdTime", "notes", "connectors"),
        ]


class CreatedChargePointSerializer(ChargePointSerializer):
    password = serializers.CharField(allow_null=True, help_text="Shown this once.")

    class Meta(ChargePointSerializer.Meta):
        fields = [*ChargePointSerializer.Meta.fields, "password"]


class ChargePointChange(StrictSerializer):
    name = serializers.CharField(max_length=120, allow_blank=True, required=False)
    site = serializers.CharField(max_length=120, allow_null=True, required=False, help_text="Name of a site.")
    tags = serializers.ListField(child=serializers.CharField(max_length=40), max_length=50, required=False)
    notes = serializers.CharField(max_length=5000, allow_blank=True, required=False)
    registration = serializers.ChoiceField(Registration.choices, required=False)
    securityProfile = serializers.ChoiceField(SecurityProfile.choices, source="security_profile", required=False)
    strict = serializers.BooleanField(required=False)
    sendUnasked = serializers.BooleanField(source="send_unasked", required=False)
    implyStatus = serializers.BooleanField(source="imply_status", required=False)

    def validate_site(self, name: str | None) -> Site | None:
        if name is None:
            return None
        site = Site.objects.filter(name=name).first()
        if site is None:
            raise serializers.ValidationError("There is no site of this name.")
        return site


class NewChargePoint(ChargePointChange):
    chargePointId = serializers.RegexField(
        r"^[A-Za-z0-9*\-_=:+|@.]{1,48}$",
        source="identity",
        max_length=48,
        error_messages={"invalid": "Not an OCPP identity."},
    )
    password = serializers.CharField(min_length=16, max_length=40, required=False, help_text="Empty: one is made.")


class ChargePointFilter(django_filters.FilterSet):
    status = django_filters.CharFilter("connectors__status", distinct=True)
    online = django_filters.TypedChoiceFilter(
        field_name="online", choices=[("true", "true"), ("false", "false")], coerce=lambda text: text == "true"
    )
    vendor = django_filters.CharFilter("vendor", "iexact")
    model = django_filters.CharFilter("model", "iexact")
    site = django_filters.CharFilter("site__name")
    tag = django_filters.CharFilter("tags", "contains")
    search = django_filters.CharFilter(method="find")

    class Meta:
        model = ChargePoint
        fields: list[str] = []

    def find(self, queryset: QuerySet[ChargePoint], name: str, value: str) -> QuerySet[ChargePoint]:
        return queryset.filter(identity_key__contains=value.lower()) | queryset.filter(name__icontains=value)


class StatusChangeSerializer(serializers.ModelSerializer[StatusChange]):
    connectorId = serializers.IntegerField(source="evse_number")
    errorCode = serializers.CharField(source="error_code")
    vendorErrorCode = serializers.CharField(source="vendor_error_code")
    timestamp = serializers.DateTimeField(source="at")
    receivedTime = serializers.DateTimeField(source="received_at")

    class Meta:
        model = StatusChange
        fields = [
            "connectorId",
            "status",
            "errorCode",
            "info",
            "vendorErrorCode",
            "timestamp",
            "receivedTime",
            "implied",
        ]


class StationViewSet(TenantViewSet):
    """Views below one charge point."""

    scope = "chargepoints"
    lookup_field = "identity"
    lookup_url_kwarg = "charge_point_id"
    lookup_value_regex = "[^/]+"
    queryset = ChargePoint.objects.none()

    def find_parent(self) -> None:
        identity = self.kwargs.get("charge_point_id")
        if identity is not None and not ChargePoint.objects.filter(identity_key=identity.lower()).exists():
            raise Http404

    def get_object(self) -> ChargePoint:
        """By identity, without case. 404 for another tenant's: its rows don't exist here."""
        identity = self.kwargs["charge_point_id"]
        if not IDENTITY.match(identity):
            raise Http404
        found = self.stations().filter(identity_key=identity.lower()).first()
        if found is None:
            raise Http404
        return found

    def stations(self) -> QuerySet[ChargePoint]:
        shown = Connector.objects.filter(evse__number__gt=0).select_related("evse").order_by("evse__number")
        return charge_points().select_related("site").prefetch_related(Prefetch("connectors", shown))


@extend_schema_view(list=extend_schema(responses=ChargePointSerializer(many=True)))
class ChargePointViewSet(StationViewSet):
    """The inventory."""

    serializer_class = ChargePointSerializer
    filterset_class = ChargePointFilter
    required_roles = {"create": Role.ADMIN, "destroy": Role.ADMIN, "partial_update": Role.OPERATOR}

    def get_queryset(self) -> QuerySet[ChargePoint]:
        return self.stations().order_by("identity_key")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(ChargePointSerializer(page, many=True).data)

    @extend_schema(responses=ChargePointSerializer)
    def retrieve(self, request: Request, charge_point_id: str) -> Response:
        return Response(ChargePointSerializer(self.get_object()).data)

    @extend_schema(request=NewChargePoint, responses={201: CreatedChargePointSerializer})
    def create(self, request: Request) -> Response:
        given = NewChargePoint(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            created, password = create_charge_point(**given.validated_data)
        except ModelValidationError as error:
            details = error.message_dict
            raise serializers.ValidationError({_public(name): text for name, text in details.items()}) from None
        record(actor=self.caller.actor, origin="api", action="create", target=created)
        row = self.stations().get(pk=created.pk)
        data = {**ChargePointSerializer(row).data, "password": password}
        return Response(data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ChargePointChange, responses=ChargePointSerializer)
    def partial_update(self, request: Request, charge_point_id: str) -> Response:
        row = self.get_object()
        given = ChargePointChange(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        self._check_profile(row, given.validated_data)
        before = {name: kept_value(getattr(row, name)) for name in given.validated_data}
        for name, value in given.validated_data.items():
            setattr(row, name, value)
        row.save(update_fields=list(given.validated_data) or ["name"])
        changes = {name: [before[name], kept_value(getattr(row, name))] for name in before}
        record(actor=self.caller.actor, origin="api", action="change", target=row, changes=changes)
        return Response(ChargePointSerializer(self.stations().get(pk=row.pk)).data)

    def _check_profile(self, row: ChargePoint, changes: dict[str, Any]) -> None:
        """By hand a profile is only raised, for a station that was set up so, and only by administrators."""
        profile = changes.get("security_profile", row.security_profile)
        if profile < row.security_profile:
            text = "A profile is lowered by security-profile, with a reason."
            raise serializers.ValidationError({"securityProfile": text})
        if profile != row.security_profile and ROLE_RANK[self.caller.access.role] < ROLE_RANK[Role.ADMIN]:
            raise PermissionDenied("The security profile is for administrators.")

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, charge_point_id: str) -> Response:
        row = self.get_object()
        record(actor=self.caller.actor, origin="api", action="delete", target=row)
        try:
            row.delete()
        except ProtectedError:
            raise Conflict("A charge point with sessions is kept for the records; reject it instead.") from None
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=ConnectorSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def connectors(self, request: Request, charge_point_id: str) -> Response:
        return Response(ConnectorSerializer(self.get_object().connectors.all(), many=True).data)

    list_actions = ("status_history",)

    @extend_schema(responses=StatusChangeSerializer(many=True), filters=False)
    @action(
        detail=True,
        url_path=r"connectors/(?P<connector_id>[0-9]{1,4})/status-history",
        pagination_class=TimePagination,
        filterset_class=None,
        filter_backends=[],
    )
    def status_history(self, request: Request, charge_point_id: str, connector_id: str) -> Response:
        rows = StatusChange.objects.filter(charge_point=self.get_object(), evse_number=int(connector_id))
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(StatusChangeSerializer(page, many=True).data)


class ClientSerializer(serializers.ModelSerializer[StationConnection]):
    chargePointId = serializers.CharField(source="charge_point.identity")
    gateway = serializers.UUIDField(source="gateway_id")
    gatewayHost = serializers.CharField(source="gateway.host")
    remoteAddress = serializers.CharField(source="remote_address")
    protocol = serializers.SerializerMethodField()
    connectedSince = serializers.DateTimeField(source="connected_at")
    lastMessageTime = serializers.DateTimeField(source="last_message_at")

    class Meta:
        model = StationConnection
        fields = [
            *("chargePointId", "gateway", "gatewayHost", "remoteAddress", "protocol"),
            *("connectedSince", "lastMessageTime"),
        ]

    def get_protocol(self, row: StationConnection) -> str:
        return f"ocpp{row.ocpp_version}"


@extend_schema_view(list=extend_schema(responses=ClientSerializer(many=True)))
class ClientViewSet(TenantViewSet):
    """The charge points connected now, over all gateway processes."""

    scope = "chargepoints"
    serializer_class = ClientSerializer
    queryset = StationConnection.objects.none()

    def list(self, request: Request) -> Response:
        rows = StationConnection.objects.live().select_related("charge_point", "gateway")
        page = self.paginate_queryset(rows.order_by("charge_point__identity_key"))
        return self.get_paginated_response(ClientSerializer(page, many=True).data)


def _public(name: str) -> str:
    return {"identity": "chargePointId", "__all__": "non_field_errors"}.get(name, name)
