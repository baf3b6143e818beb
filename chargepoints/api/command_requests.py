"""What the command endpoints take, beyond what the schema of the message says itself.

Field names are OCPP's. `expiresAt` and `timeoutSeconds` belong to us; the rest is the payload.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from chargepoints.protocol.validation import schema
from tenants.api.serializers import ExactDecimal, StrictSerializer

LONGEST_AHEAD = timedelta(days=366)
LONGEST_TIMEOUT_S = 600
OURS = ("expires_at", "timeout_s")
INT32 = 2**31 - 1
# A frame holds 64 KiB.
LONGEST_DATA = 30_000


def enum_of(action: str, name: str) -> list[str]:
    """The values that the 1.6 schema allows."""
    definition = schema("1.6", action)
    field = definition["properties"][name]
    if "$ref" in field:
        field = definition["definitions"][field["$ref"].rpartition("/")[2]]
    return list(field["enum"])


def connector(*, least: int, required: bool = True) -> serializers.IntegerField:
    """`connectorId`; 0 is the charge point as a whole."""
    return serializers.IntegerField(min_value=least, max_value=1000, required=required)


def check_expiry(at: datetime) -> None:
    """ValidationError for a time that nobody can wait for."""
    now = timezone.now()
    if at <= now:
        raise serializers.ValidationError("Lies in the past.")
    if at > now + LONGEST_AHEAD:
        raise serializers.ValidationError("Not more than a year from now.")


class CommandRequest(StrictSerializer):
    """What every command takes."""

    expiresAt = serializers.DateTimeField(
        source="expires_at",
        required=False,
        validators=[check_expiry],
        help_text="Wait for an offline charge point until then. Left out: 409 while it is offline.",
    )
    timeoutSeconds = serializers.IntegerField(
        source="timeout_s",
        min_value=1,
        max_value=LONGEST_TIMEOUT_S,
        required=False,
        help_text="How long the charge point has to answer (default 30).",
    )


class SessionLimits(StrictSerializer):
    maxEnergyWh = ExactDecimal(
        source="max_energy_wh", max_digits=12, decimal_places=3, min_value=Decimal("0.001"), required=False
    )
    maxDurationSeconds = serializers.IntegerField(source="max_duration_s", min_value=1, max_value=INT32, required=False)
    maxCost = ExactDecimal(
        source="max_cost",
        max_digits=12,
        decimal_places=4,
        min_value=Decimal("0.0001"),
        required=False,
        help_text="In the tenant's currency, with tax.",
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if not given:
            raise serializers.ValidationError("At least one limit.")
        return given


class RemoteStart(CommandRequest):
    connectorId = connector(least=1, required=False)
    idTag = serializers.CharField(max_length=20)
    chargingProfile = serializers.DictField(required=False, help_text="A TxProfile (OCPP 1.6 §7.8).")
    limits = SessionLimits(required=False, help_text="The session is stopped when it reaches one.")


class RemoteStop(CommandRequest):
    transactionId = serializers.IntegerField(min_value=1, max_value=INT32, required=False)
    connectorId = connector(least=1, required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if len({"transactionId", "connectorId"} & set(given)) != 1:
            raise serializers.ValidationError({"transactionId": "Either transactionId or connectorId."})
        return given


class UnlockConnector(CommandRequest):
    connectorId = connector(least=1)


class Reset(CommandRequest):
    type = serializers.ChoiceField(enum_of("Reset", "type"))


class ChangeAvailability(CommandRequest):
    connectorId = connector(least=0)
    type = serializers.ChoiceField(enum_of("ChangeAvailability", "type"))


class DataTransfer(CommandRequest):
    vendorId = serializers.CharField(max_length=255)
    messageId = serializers.CharField(max_length=50, required=False)
    data = serializers.CharField(  # type: ignore[assignment]  # (DRF takes it off the class)
        max_length=LONGEST_DATA, allow_blank=True, trim_whitespace=False, required=False
    )


class TriggerMessage(CommandRequest):
    requestedMessage = serializers.ChoiceField(enum_of("TriggerMessage", "requestedMessage"))
    connectorId = connector(least=1, required=False)


class ExtendedTriggerMessage(CommandRequest):
    requestedMessage = serializers.ChoiceField(enum_of("ExtendedTriggerMessage", "requestedMessage"))
    connectorId = connector(least=1, required=False)


class SetChargingProfile(CommandRequest):
    connectorId = connector(least=0)
    csChargingProfiles = serializers.DictField(help_text="One profile (OCPP 1.6 §7.8).")


class ClearChargingProfile(CommandRequest):
    id = serializers.IntegerField(min_value=-INT32, max_value=INT32, required=False)
    connectorId = connector(least=0, required=False)
    chargingProfilePurpose = serializers.ChoiceField(
        enum_of("ClearChargingProfile", "chargingProfilePurpose"), required=False
    )
    stackLevel = serializers.IntegerField(min_value=0, max_value=INT32, required=False)


class GetCompositeSchedule(CommandRequest):
    connectorId = connector(least=0)
    duration = serializers.IntegerField(min_value=1, max_value=INT32, help_text="Seconds.")
    chargingRateUnit = serializers.ChoiceField(enum_of("GetCompositeSchedule", "chargingRateUnit"), required=False)


class AnyCall(CommandRequest):
    action = serializers.CharField(max_length=50)
    payload = serializers.DictField(default=dict)
