"""`/charging-profiles/bulk` and `/charging-profiles/clear`: profiles of many charge points at once."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.bulk import BulkOrder, BulkSerializer, chosen_stations, shown_bulks
from chargepoints.api.sending import refusals as sending_refusals
from chargepoints.models import ChargePoint
from chargepoints.services.bulk import NoTargets
from smartcharging.api.profile_rows import INT32, PURPOSE_CHOICES, NewProfile, profile_given, profile_refusals
from smartcharging.models import ChargingProfile
from smartcharging.profiles.translation import PURPOSES
from smartcharging.services.bulk_profiles import set_many
from smartcharging.services.clearing import Criteria, clear_many
from tenants.api.views import TenantViewSet

CONNECTOR_HELP = "0: the whole charge point."


class BulkProfile(BulkOrder, NewProfile):
    connectorId = serializers.IntegerField(min_value=0, max_value=1000, help_text=CONNECTOR_HELP)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        return NewProfile.validate(self, BulkOrder.validate(self, given))


class ClearOrder(BulkOrder):
    """All that is named must match; nothing named clears everything."""

    profileId = serializers.IntegerField(
        source="profile_id", min_value=-INT32, max_value=INT32, required=False, help_text="chargingProfileId."
    )
    connectorId = serializers.IntegerField(
        source="evse_number", min_value=0, max_value=1000, required=False, help_text=CONNECTOR_HELP
    )
    purpose = serializers.ChoiceField(PURPOSE_CHOICES, required=False)
    stackLevel = serializers.IntegerField(source="stack_level", min_value=0, max_value=INT32, required=False)


class ClearedSerializer(BulkSerializer):
    matched = serializers.IntegerField(help_text="Installed profiles that match, as far as we know.")

    class Meta(BulkSerializer.Meta):
        fields = [*BulkSerializer.Meta.fields, "matched"]


class ManyProfilesViewSet(TenantViewSet):
    """A bulk command each: `/commands/bulk/{bulkId}/results` tells what became of each charge point."""

    scope = "charging-profiles"
    serializer_class = BulkSerializer
    pagination_class = None
    filter_backends: Any = ()
    queryset = ChargingProfile.objects.none()

    @extend_schema(request=BulkProfile, responses={202: BulkSerializer})
    def bulk(self, request: Request) -> Response:
        """SetChargingProfile to many. A charge point that the profile doesn't suit is skipped, with the reason."""
        given = BulkProfile(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        profile, template = profile_given(wanted)
        bulk = send_to_many(
            wanted,
            evse_number=wanted["connectorId"],
            profile=profile,
            template_id=template.pk if template else None,
            requested_by=self.caller.actor,
        )
        return Response(bulk, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=ClearOrder, responses={202: ClearedSerializer})
    def clear(self, request: Request) -> Response:
        """ClearChargingProfile to many; skips those where load management would lose its own."""
        given = ClearOrder(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        names = ("profile_id", "evse_number", "stack_level")
        criteria = Criteria(
            purpose=PURPOSES[wanted["purpose"]] if "purpose" in wanted else "",
            **{name: wanted[name] for name in names if name in wanted},
        )
        stations = chosen_stations(wanted)
        try:
            with sending_refusals():
                cleared = clear_many(
                    stations=stations,
                    criteria=criteria,
                    requested_by=self.caller.actor,
                    origin="api",
                    **order_of(wanted),
                )
        except NoTargets:
            raise ValidationError({"filter": "No charge point matches."}) from None
        shown = {**shown_bulks([cleared.bulk])[0], "matched": cleared.matched}
        return Response(shown, status=status.HTTP_202_ACCEPTED)


def send_to_many(wanted: dict[str, Any], **order: Any) -> Any:
    """The bulk command as it is shown; the service's refusals as answers."""
    stations: QuerySet[ChargePoint] = chosen_stations(wanted)
    try:
        with sending_refusals("csChargingProfiles"), profile_refusals():
            bulk = set_many(stations=stations, origin="api", **order_of(wanted), **order)
    except NoTargets:
        raise ValidationError({"filter": "No charge point matches."}) from None
    return shown_bulks([bulk])[0]


def order_of(wanted: dict[str, Any]) -> dict[str, Any]:
    """What `Order` takes of a `BulkOrder`."""
    return {
        "expires_at": wanted.get("expires_at"),
        "concurrency": wanted["concurrency"],
        "chosen_by": dict(wanted.get("filter", {})),
    }
