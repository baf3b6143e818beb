"""`GET /events?after=cursor`: the feed of events by polling, oldest first."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.api.pagination import paged, read_limit
from tenants.api.views import TenantViewSet
from tenants.delivery.feed import settled_events, settled_id
from tenants.event_schemas import first_sentence, schema_of
from tenants.events import event_types
from tenants.models import OutboxEvent


class EventSerializer(serializers.ModelSerializer[OutboxEvent]):
    eventId = serializers.UUIDField(source="event_id")
    eventType = serializers.CharField(source="event_type")
    timestamp = serializers.DateTimeField(source="at")
    chargePointId = serializers.CharField(source="charge_point")
    data = serializers.DictField()  # type: ignore[assignment]

    class Meta:
        model = OutboxEvent
        fields = ["eventId", "eventType", "timestamp", "chargePointId", "data"]


class EventTypeSerializer(serializers.Serializer[Any]):
    eventType = serializers.CharField()
    description = serializers.CharField()
    schema = serializers.DictField(help_text="JSON schema of what webhooks and MQTT carry.")


class EventViewSet(TenantViewSet):
    """The events of the last seven days."""

    scope = "events"
    pagination_class = None
    filter_backends: Any = ()
    queryset = OutboxEvent.objects.none()
    serializer_class = EventSerializer
    extra_parameters = {"list": {"after", "limit"}}

    @extend_schema(
        parameters=[
            OpenApiParameter("after", OpenApiTypes.STR, description="`meta.next` of the last answer."),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 1000}),
        ],
        responses=EventSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        after, limit = request.query_params.get("after") or "0", read_limit(request)
        if not (after.isascii() and after.isdigit() and len(after) < 19):
            raise ValidationError({"after": "Not a cursor of this feed."})
        rows = list(settled_events(settled_id()).filter(id__gt=int(after)).order_by("id")[:limit])
        cursor = str(rows[-1].pk) if rows else after
        return paged(EventSerializer(rows, many=True).data, next=cursor, limit=limit)

    @extend_schema(responses=EventTypeSerializer(many=True))
    @action(detail=False)
    def types(self, request: Request) -> Response:
        """All kinds of events, with the JSON schema of each."""
        known = sorted(event_types().items())
        return Response(
            [
                {"eventType": name, "description": first_sentence(event), "schema": schema_of(event)}
                for name, event in known
            ]
        )
