"""`/transactions/{id}/charging-need` and `/id-tags/{idTag}/charging-need`: what drivers need by when."""

from typing import Any

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import IdTag, Transaction
from chargepoints.services.authorize import find_tag
from smartcharging.api.refusals import field_error
from smartcharging.models import IdTagNeed, SessionNeed
from smartcharging.services.needs import (
    NeedRefused,
    clear_session_need,
    clear_tag_need,
    need_of,
    set_session_need,
    set_tag_need,
)
from tenants.api.exceptions import Conflict
from tenants.api.serializers import ExactDecimal, StrictSerializer
from tenants.api.views import TenantViewSet

# Of 2 GWh: what the column holds.
LARGEST_WH = 2**31 - 1
NAMES = {"departure_at": "departureTime", "max_a": "maxCurrentA", "energy_wh": "energyWh"}
OF_SESSION = OpenApiParameter("id", OpenApiTypes.INT64, OpenApiParameter.PATH)
HOUR: dict[str, Any] = {"input_formats": ["%H:%M"], "format": "%H:%M"}


class ChargingNeedSerializer(serializers.Serializer[Any]):
    departureTime = serializers.DateTimeField(source="departure_at", allow_null=True)
    energyWh = serializers.IntegerField(source="energy_wh", allow_null=True, help_text="Of the whole session.")
    priority = serializers.IntegerField(allow_null=True, help_text="Higher goes first.")
    maxCurrentA = ExactDecimal(source="max_a", allow_null=True, help_text="What the car takes on a phase.")


class SessionChargingNeedSerializer(ChargingNeedSerializer):
    """Null: not said."""

    effective = ChargingNeedSerializer(help_text="With what the tag and its group say where the session says nothing.")


class TagChargingNeedSerializer(ChargingNeedSerializer):
    departureTime = serializers.TimeField(  # type: ignore[assignment]
        source="departure_time", allow_null=True, help_text="HH:MM, in the zone of the site (else the tenant).", **HOUR
    )


class NewChargingNeed(StrictSerializer):
    """Replaces all four."""

    departureTime = serializers.DateTimeField(source="departure_at", allow_null=True, required=False)
    energyWh = serializers.IntegerField(
        source="energy_wh", min_value=1, max_value=LARGEST_WH, allow_null=True, required=False
    )
    priority = serializers.IntegerField(min_value=-100, max_value=100, allow_null=True, required=False)
    maxCurrentA = ExactDecimal(
        source="max_a", max_digits=6, decimal_places=1, min_value=1, allow_null=True, required=False
    )


class NewTagChargingNeed(NewChargingNeed):
    departureTime = serializers.TimeField(  # type: ignore[assignment]
        source="departure_time", allow_null=True, required=False, help_text="HH:MM.", **HOUR
    )


class NeedViewSet(TenantViewSet):
    """Those who may operate charge points may say what a session needs."""

    scope = "charging-needs"
    pagination_class = None
    filter_backends: Any = ()


class SessionNeedViewSet(NeedViewSet):
    """What the driver of a session needs, so that load management can plan."""

    serializer_class = SessionChargingNeedSerializer
    queryset = SessionNeed.objects.none()

    @extend_schema(parameters=[OF_SESSION], responses=SessionChargingNeedSerializer)
    def retrieve(self, request: Request, id: str) -> Response:
        """Its own, all null where it has none; and what holds."""
        return Response(_shown(self._session(id)))

    @extend_schema(parameters=[OF_SESSION], request=NewChargingNeed, responses=SessionChargingNeedSerializer)
    def update(self, request: Request, id: str) -> Response:
        """Acted on at once. 409 where the session has ended."""
        session = self._session(id)
        given = NewChargingNeed(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            set_session_need(session=session, values=given.validated_data, actor=self.caller.actor, origin="api")
        except NeedRefused as refused:
            if not refused.field:
                raise Conflict(refused.sentence, code=refused.reason) from None
            raise field_error(NAMES, refused.field, refused.reason, refused.sentence) from None
        return Response(_shown(session))

    @extend_schema(parameters=[OF_SESSION], responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """What its tag usually needs holds again."""
        clear_session_need(session=self._session(id), actor=self.caller.actor, origin="api")
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _session(self, id: str) -> Transaction:
        found: Transaction = get_object_or_404(Transaction.objects.all(), pk=int(id))
        return found


class TagNeedViewSet(NeedViewSet):
    """What the sessions of a tag usually need; of the tags below it too, where they say nothing themselves."""

    serializer_class = TagChargingNeedSerializer
    queryset = IdTagNeed.objects.none()

    @extend_schema(responses=TagChargingNeedSerializer)
    def retrieve(self, request: Request, id_tag: str) -> Response:
        """Its own; all null where it has none."""
        row = IdTagNeed.objects.filter(id_tag=self.get_object()).first()
        return Response(TagChargingNeedSerializer(row or IdTagNeed()).data)

    @extend_schema(request=NewTagChargingNeed, responses=TagChargingNeedSerializer)
    def update(self, request: Request, id_tag: str) -> Response:
        """Holds for sessions that run, too."""
        tag = self.get_object()
        given = NewTagChargingNeed(data=request.data)
        given.is_valid(raise_exception=True)
        row = set_tag_need(tag=tag, values=given.validated_data, actor=self.caller.actor, origin="api")
        return Response(TagChargingNeedSerializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, id_tag: str) -> Response:
        clear_tag_need(tag=self.get_object(), actor=self.caller.actor, origin="api")
        return Response(status=status.HTTP_204_NO_CONTENT)

    def get_object(self) -> IdTag:
        found = find_tag(self.kwargs["id_tag"])
        if found is None:
            raise Http404
        return found


def _shown(session: Transaction) -> Any:
    own = SessionNeed.objects.filter(transaction=session).first() or SessionNeed()
    return SessionChargingNeedSerializer(
        {
            "departure_at": own.departure_at,
            "energy_wh": own.energy_wh,
            "priority": own.priority,
            "max_a": own.max_a,
            "effective": need_of(session),
        }
    ).data
