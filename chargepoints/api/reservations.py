"""`reserve-now` and `cancel-reservation` below a charge point, and `/reservations`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.command_rows import WAIT, CommandSerializer
from chargepoints.api.sending import SendingViewSet
from chargepoints.api.sending import refusals as sending_refusals
from chargepoints.models import Reservation
from chargepoints.services.reservation_checks import InvalidExpiry, ReservationRefused, check_expiry
from chargepoints.services.reservations import cancel_reservation, reserve_now
from tenants.api.exceptions import Conflict
from tenants.api.pagination import TimePagination
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet


class ReserveNow(StrictSerializer):
    connectorId = serializers.IntegerField(min_value=0, max_value=1000, help_text="0: any connector.")
    idTag = serializers.CharField(max_length=20)
    expiryDate = serializers.DateTimeField(help_text="At most 7 days ahead.")
    parentIdTag = serializers.CharField(max_length=20, required=False, help_text="Otherwise the tag's own parent.")

    def validate_expiryDate(self, at: datetime) -> datetime:
        try:
            check_expiry(at, timezone.now())
        except InvalidExpiry as error:
            raise serializers.ValidationError(str(error)) from None
        return at


class CancelReservation(StrictSerializer):
    reservationId = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class ReservationSerializer(serializers.ModelSerializer[Reservation]):
    reservationId = serializers.IntegerField(source="protocol_id", help_text="What the station knows it by.")
    chargePointId = serializers.CharField(source="charge_point.identity")
    connectorId = serializers.IntegerField(source="evse_number", help_text="0: any connector.")
    idTag = serializers.CharField(source="id_tag")
    parentIdTag = serializers.CharField(source="parent_id_tag")
    expiryDate = serializers.DateTimeField(source="expires_at")
    status = serializers.ChoiceField(Reservation.State.choices, source="state")
    sessionId = serializers.IntegerField(
        source="transaction_id", allow_null=True, help_text="The session that used it."
    )
    commandId = serializers.UUIDField(source="command_id", allow_null=True)
    requestedBy = serializers.CharField(source="requested_by")
    createdTime = serializers.DateTimeField(source="created_at")
    endedTime = serializers.DateTimeField(source="ended_at", allow_null=True)

    class Meta:
        model = Reservation
        fields = [
            *("id", "reservationId", "chargePointId", "connectorId", "idTag", "parentIdTag", "expiryDate", "status"),
            *("detail", "sessionId", "commandId", "requestedBy", "createdTime", "endedTime"),
        ]


class ReservationFilter(django_filters.FilterSet):
    chargePointId = django_filters.CharFilter(method="of_station")
    connectorId = django_filters.NumberFilter("evse_number", min_value=0, max_value=1000, decimal_places=0)
    idTag = django_filters.CharFilter("id_tag", "iexact")
    status = django_filters.ChoiceFilter(field_name="state", choices=Reservation.State.choices)

    class Meta:
        model = Reservation
        fields: list[str] = []

    def of_station(self, queryset: QuerySet[Reservation], name: str, value: str) -> QuerySet[Reservation]:
        return queryset.filter(charge_point__identity_key=value.lower())


class ReservationPagination(TimePagination):
    ordering = ("-created_at", "-id")


@extend_schema_view(list=extend_schema(responses=ReservationSerializer(many=True)))
class ReservationViewSet(TenantViewSet):
    """All reservations of the tenant, newest first."""

    scope = "reservations"
    serializer_class = ReservationSerializer
    filterset_class = ReservationFilter
    pagination_class = ReservationPagination
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Reservation]:
        return Reservation.objects.select_related("charge_point")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(ReservationSerializer(page, many=True).data)

    @extend_schema(responses=ReservationSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(ReservationSerializer(get_object_or_404(self.get_queryset(), pk=int(pk))).data)


class ReservationCommandViewSet(SendingViewSet):
    """Reserving connectors. 409 with the reason's name where the state of things forbids it."""

    @extend_schema(request=ReserveNow, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="reserve-now")
    def reserve_now(self, request: Request, charge_point_id: str) -> Response:
        """ReserveNow (OCPP 1.6 §5.13). The reservationId stands in the command's payload."""
        given = ReserveNow(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        with refusals():
            row = reserve_now(
                charge_point=self.get_object(),
                evse_number=wanted["connectorId"],
                id_tag=wanted["idTag"],
                expires_at=wanted["expiryDate"],
                parent_id_tag=wanted.get("parentIdTag", ""),
                requested_by=self.caller.actor,
                origin="api",
            )
        assert row.command is not None  # noqa: S101 (it has just been sent)
        return self._accepted(row.command)

    @extend_schema(request=CancelReservation, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="cancel-reservation")
    def cancel_reservation(self, request: Request, charge_point_id: str) -> Response:
        """CancelReservation (OCPP 1.6 §5.2). 404 where the charge point never had it."""
        given = CancelReservation(data=request.data)
        given.is_valid(raise_exception=True)
        rows = Reservation.objects.filter(charge_point=self.get_object())
        row = rows.filter(protocol_id=given.validated_data["reservationId"]).first()
        if row is None:
            raise NotFound("This charge point has no such reservation.")
        with refusals():
            command = cancel_reservation(reservation=row, requested_by=self.caller.actor, origin="api")
        return self._accepted(command)


@contextmanager
def refusals() -> Iterator[None]:
    """The service's refusals as answers."""
    try:
        with sending_refusals():
            yield
    except InvalidExpiry as error:
        raise ValidationError({"expiryDate": str(error)}) from None
    except ReservationRefused as refused:
        raise Conflict(str(refused), code=refused.reason) from None
