"""`GET /chargepoints/{id}/messages`: the raw OCPP log, a call and its answer paired."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.charge_points import StationViewSet
from chargepoints.message_pairs import MessageQuery, find_messages
from tenants.api.cursors import bad_cursor
from tenants.api.pagination import paged, read_limit
from tenants.api.parameters import read_time


class MessageSerializer(serializers.Serializer[Any]):
    timestamp = serializers.DateTimeField(source="call.at")
    direction = serializers.ChoiceField(["in", "out"], source="call.direction", help_text="in: from the station.")
    kind = serializers.CharField(source="call.get_kind_display")
    messageId = serializers.CharField(source="call.message_id")
    action = serializers.CharField(source="call.action")
    frame = serializers.CharField(source="call.payload", help_text="As it went over the wire; secrets masked.")
    note = serializers.CharField(source="call.note", help_text="What was mended or dropped.")
    reply = serializers.CharField(source="answer.payload", allow_null=True, default=None)
    replyTimestamp = serializers.DateTimeField(source="answer.at", allow_null=True, default=None)
    errorCode = serializers.CharField(source="error_code")


class MessageViewSet(StationViewSet):
    """Newest first."""

    pagination_class = None
    filter_backends: Any = ()
    serializer_class = MessageSerializer
    extra_parameters = {
        "list": {"direction", "action", "messageId", "startTime", "endTime", "limit", "cursor"},
    }

    @extend_schema(
        parameters=[
            OpenApiParameter("direction", OpenApiTypes.STR, enum=["in", "out"]),
            OpenApiParameter("action", OpenApiTypes.STR),
            OpenApiParameter("messageId", OpenApiTypes.STR),
            OpenApiParameter("startTime", OpenApiTypes.DATETIME),
            OpenApiParameter("endTime", OpenApiTypes.DATETIME),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 1000}),
            OpenApiParameter("cursor", OpenApiTypes.STR),
        ],
        responses=MessageSerializer(many=True),
    )
    def list(self, request: Request, charge_point_id: str) -> Response:
        station, asked, limit = self.get_object(), request.query_params, read_limit(request)
        direction = asked.get("direction", "")
        if direction not in {"", "in", "out"}:
            raise ValidationError({"direction": "in or out."})
        query = MessageQuery(
            charge_point_id=station.pk,
            direction=direction,
            action=asked.get("action", "")[:50],
            message_id=asked.get("messageId", "")[:64],
            start=read_time(request, "startTime"),
            end=read_time(request, "endTime"),
        )
        try:
            pairs, cursor = find_messages(query, cursor=asked.get("cursor", ""), limit=limit)
        except ValueError:
            raise bad_cursor() from None
        return paged(MessageSerializer(pairs, many=True).data, next=cursor, limit=limit)
