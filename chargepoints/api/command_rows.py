"""A command as clients see it, and how they wait for its end."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from chargepoints.models import Command, CommandState, Outcome
from chargepoints.services.shown_payloads import shown_payload

LONGEST_WAIT_S = 30
WAIT = OpenApiParameter(
    "wait", {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT_S}, description="Seconds to wait for the end."
)
OUTCOMES = [value for value in Outcome.values if value]


class ShownPayload(serializers.DictField):
    """Viewers read it too."""

    def to_representation(self, value: Any) -> Any:
        return shown_payload(value)


class CommandSerializer(serializers.ModelSerializer[Command]):
    commandId = serializers.UUIDField(source="id")
    chargePointId = serializers.CharField(source="charge_point.identity")
    payload = ShownPayload(help_text="Addresses without passwords and tokens.")
    status = serializers.ChoiceField(CommandState.choices, source="state")
    requestedBy = serializers.CharField(source="requested_by")
    createdTime = serializers.DateTimeField(source="created_at")
    expiresAt = serializers.DateTimeField(source="expires_at", allow_null=True)
    timeoutSeconds = serializers.IntegerField(source="timeout_s")
    sentTime = serializers.DateTimeField(source="sent_at", allow_null=True)
    finishedTime = serializers.DateTimeField(source="finished_at", allow_null=True)
    reply = serializers.DictField(allow_null=True)
    errorCode = serializers.CharField(source="error_code")
    errorDescription = serializers.CharField(source="error_description")
    outcome = serializers.SerializerMethodField(
        help_text="What became of it after it was accepted: waiting, fulfilled or unfulfilled; null: nothing to come."
    )
    outcomeDetail = serializers.CharField(source="outcome_detail")
    outcomeTime = serializers.DateTimeField(source="outcome_at", allow_null=True)

    class Meta:
        model = Command
        fields = [
            *("commandId", "chargePointId", "action", "payload", "status", "requestedBy", "origin", "createdTime"),
            *("expiresAt", "timeoutSeconds", "sentTime", "finishedTime", "reply", "errorCode", "errorDescription"),
            *("outcome", "outcomeDetail", "outcomeTime"),
        ]

    def get_outcome(self, row: Command) -> str | None:
        return row.outcome or None
