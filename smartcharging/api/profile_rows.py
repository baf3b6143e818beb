"""Charging profiles as clients give and see them: OCPP 1.6's words and shapes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.generics import get_object_or_404

from smartcharging.models import ChargingProfile, ProfileTemplate
from smartcharging.profiles.problems import InvalidProfile, ProfileProblem
from smartcharging.profiles.shapes import Profile
from smartcharging.profiles.translation import (
    PURPOSES,
    profile_from_ocpp16,
    profile_to_ocpp16,
    schedule_from_json,
    schedule_to_ocpp16,
)
from smartcharging.selectors import PURPOSE_WORDS, installed_of, profile_of
from smartcharging.services.sending import NEW_ID
from smartcharging.services.templates import profile_to_send
from tenants.api.exceptions import Conflict
from tenants.api.serializers import StrictSerializer

INT32 = 2**31 - 1
PURPOSE_CHOICES = list(PURPOSES)
# Load management's: not for others to set or clear.
CONFLICTS = {"held_by_load_management", "too_many_installed", "tx_without_transaction"}
PROFILE_HELP = (
    "A profile (OCPP 1.6 §7.8): stackLevel, chargingProfilePurpose, chargingProfileKind, recurrencyKind?, validFrom?, "
    "validTo?, chargingSchedule {chargingRateUnit, chargingSchedulePeriod [{startPeriod, limit, numberPhases?}], "
    "duration?, startSchedule?, minChargingRate?}. Without chargingProfileId it is given one."
)


class ScheduleSerializer(serializers.Serializer[Any]):
    """A `chargingSchedule` (OCPP 1.6 §7.13)."""

    duration = serializers.IntegerField(required=False)
    startSchedule = serializers.DateTimeField(required=False)
    chargingRateUnit = serializers.ChoiceField(["A", "W"])
    chargingSchedulePeriod = serializers.ListField(child=serializers.DictField())
    minChargingRate = serializers.FloatField(required=False)


class ShownProfile(serializers.Serializer[Any]):
    """`csChargingProfiles` (OCPP 1.6 §7.8)."""

    chargingProfileId = serializers.IntegerField()
    transactionId = serializers.IntegerField(required=False)
    stackLevel = serializers.IntegerField()
    chargingProfilePurpose = serializers.ChoiceField(PURPOSE_CHOICES)
    chargingProfileKind = serializers.ChoiceField(["Absolute", "Recurring", "Relative"])
    recurrencyKind = serializers.ChoiceField(["Daily", "Weekly"], required=False)
    validFrom = serializers.DateTimeField(required=False)
    validTo = serializers.DateTimeField(required=False)
    chargingSchedule = ScheduleSerializer()

    def to_representation(self, row: ChargingProfile) -> Any:
        return profile_to_ocpp16(installed_of(row).profile)


class ProfileSerializer(serializers.ModelSerializer[ChargingProfile]):
    profileId = serializers.IntegerField(source="profile_id", help_text="chargingProfileId.")
    chargePointId = serializers.CharField(source="charge_point.identity")
    connectorId = serializers.IntegerField(source="evse_number", help_text="0: the whole charge point.")
    purpose = serializers.SerializerMethodField()
    stackLevel = serializers.IntegerField(source="stack_level")
    status = serializers.ChoiceField(ChargingProfile.State.choices, source="state")
    source = serializers.ChoiceField(ChargingProfile.Source.choices)  # type: ignore[assignment]  # (a field of ours)
    detail = serializers.CharField(help_text="Why it was not taken, or how it ended.")
    csChargingProfiles = ShownProfile(source="*")
    sessionId = serializers.IntegerField(source="transaction_id", allow_null=True)
    templateId = serializers.IntegerField(source="template_id", allow_null=True)
    commandId = serializers.UUIDField(source="command_id", allow_null=True)
    requestedBy = serializers.CharField(source="requested_by")
    createdTime = serializers.DateTimeField(source="created_at")
    installedTime = serializers.DateTimeField(source="installed_at", allow_null=True)
    endedTime = serializers.DateTimeField(source="ended_at", allow_null=True)

    class Meta:
        model = ChargingProfile
        fields = [
            *("id", "profileId", "chargePointId", "connectorId", "purpose", "stackLevel", "status", "detail", "source"),
            *("csChargingProfiles", "sessionId", "templateId", "commandId", "requestedBy"),
            *("createdTime", "installedTime", "endedTime"),
        ]

    def get_purpose(self, row: ChargingProfile) -> str:
        return PURPOSE_WORDS[row.purpose]


class NewProfile(StrictSerializer):
    """Either a profile, or a template by its id."""

    csChargingProfiles = serializers.DictField(required=False, help_text=PROFILE_HELP)
    templateId = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if ("csChargingProfiles" in given) == ("templateId" in given):
            raise serializers.ValidationError({"csChargingProfiles": "Either csChargingProfiles or templateId."})
        return given


class TemplateSerializer(serializers.ModelSerializer[ProfileTemplate]):
    profile = serializers.SerializerMethodField()
    createdBy = serializers.CharField(source="created_by")
    createdTime = serializers.DateTimeField(source="created_at")

    class Meta:
        model = ProfileTemplate
        fields = ["id", "name", "description", "profile", "createdBy", "createdTime"]

    def get_profile(self, row: ProfileTemplate) -> dict[str, Any]:
        shown = profile_to_ocpp16(profile_of(row))
        del shown["chargingProfileId"]
        return {**shown, "chargingSchedule": schedule_to_ocpp16(schedule_from_json(row.schedule))}


def read_profile(wanted: Any, path: str = "csChargingProfiles") -> Profile:
    """What a client gave; without an id it gets one as it is sent. ValidationError with every fault beside its field."""
    without_id = isinstance(wanted, dict) and "chargingProfileId" not in wanted
    with profile_refusals():
        profile = profile_from_ocpp16({**wanted, "chargingProfileId": 0} if without_id else wanted, path=path)
    return replace(profile, profile_id=NEW_ID) if without_id else profile


def profile_given(wanted: dict[str, Any]) -> tuple[Profile, ProfileTemplate | None]:
    """Of `NewProfile`: (profile, its template). 404 for a template that isn't there."""
    if "templateId" in wanted:
        template: ProfileTemplate = get_object_or_404(ProfileTemplate.objects.all(), pk=wanted["templateId"])
        return profile_to_send(template), template
    return read_profile(wanted["csChargingProfiles"]), None


@contextmanager
def profile_refusals() -> Iterator[None]:
    """InvalidProfile as 400, each reason with its name beside its field; as 409 where only the state of things forbids it."""
    try:
        yield
    except InvalidProfile as error:
        first = error.problems[0] if error.problems else None
        if first is not None and {one.reason for one in error.problems} <= CONFLICTS:
            raise Conflict(first.sentence, code=first.reason) from None
        raise ValidationError(by_field(error.problems)) from None


def by_field(problems: Iterable[ProfileProblem]) -> dict[str, list[ErrorDetail]]:
    """As the API's errors."""
    errors: dict[str, list[ErrorDetail]] = {}
    for one in problems:
        errors.setdefault(one.field or "non_field_errors", []).append(ErrorDetail(one.sentence, one.reason))
    return errors
