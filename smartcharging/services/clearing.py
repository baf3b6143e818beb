"""Clearing profiles (OCPP 1.6 §5.5): by id, connector, purpose and stack level, at one station or at many.

What is kept here changes when the station has answered (`settling.clear_ended`). The profiles of load management are
not cleared by others: they keep a fuse.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_noop

from chargepoints.models import BulkCommand, BulkTarget, ChargePoint, Command
from chargepoints.services.bulk import Order, create_bulk
from chargepoints.services.commands import send_command
from smartcharging.models import ChargingProfile
from smartcharging.selectors import PURPOSE_WORDS
from smartcharging.services.settling import matching
from tenants.context import tenant_transaction

State, Source = ChargingProfile.State, ChargingProfile.Source
ACTION = "ClearChargingProfile"
HELD = gettext_noop("Load management holds one of these profiles.")


class HeldByLoadManagement(Exception):
    """It would clear what keeps a circuit's fuse."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is cleared: all that is named must match; nothing named is everything. `purpose` in neutral words."""

    profile_id: int | None = None
    evse_number: int | None = None
    purpose: str = ""
    stack_level: int | None = None

    def payload(self) -> dict[str, Any]:
        """ClearChargingProfile.req (OCPP 1.6 §6.7)."""
        fields = {
            "id": self.profile_id,
            "connectorId": self.evse_number,
            "chargingProfilePurpose": PURPOSE_WORDS.get(self.purpose),
            "stackLevel": self.stack_level,
        }
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class BulkClearing:
    """`matched`: profiles that the stations hold as far as we know, and that will go once they agree."""

    bulk: BulkCommand
    matched: int


def matched_profiles(criteria: Criteria) -> QuerySet[ChargingProfile]:
    """What the stations hold of it. In the open tenant scope."""
    return ChargingProfile.objects.filter(matching(criteria.payload()), state=State.INSTALLED)


def held_profiles(criteria: Criteria) -> QuerySet[ChargingProfile]:
    """Those of them, installed or on their way, that load management keeps."""
    return ChargingProfile.objects.filter(
        matching(criteria.payload()), state__in=[State.SENDING, State.INSTALLED], source=Source.CIRCUIT
    )


def clear_profiles(
    *, charge_point: ChargePoint, criteria: Criteria, requested_by: str, origin: str
) -> tuple[Command, int]:
    """Ask one station; (command, number of profiles that match here). Raises HeldByLoadManagement, StationOffline.

    The station is asked also where none matches: it may hold what we don't know of.
    """
    with tenant_transaction(charge_point.tenant_id):
        if held_profiles(criteria).filter(charge_point=charge_point).exists():
            raise HeldByLoadManagement(gettext(HELD))
        matched = matched_profiles(criteria).filter(charge_point=charge_point).count()
        command = send_command(
            charge_point=charge_point,
            action=ACTION,
            payload=criteria.payload(),
            requested_by=requested_by,
            origin=origin,
        )
    return command, matched


def clear_many(
    *,
    stations: QuerySet[ChargePoint],
    criteria: Criteria,
    requested_by: str,
    origin: str,
    chosen_by: dict[str, Any],
    **options: Any,
) -> BulkClearing:
    """Ask many stations, each with its own result; one where load management would lose its profile is skipped.

    `options` as those of `Order`. Raises NoTargets. Call in the tenant's transaction.
    """
    order = Order(action=ACTION, payload=criteria.payload(), chosen_by=chosen_by, vetted=True, **options)
    bulk = create_bulk(stations=stations, order=order, requested_by=requested_by, origin=origin)
    held = held_profiles(criteria).values("charge_point")
    targets = BulkTarget.objects.filter(bulk=bulk)
    targets.filter(charge_point__in=held).update(state=BulkTarget.State.SKIPPED, detail=HELD)
    open_targets = targets.filter(state=BulkTarget.State.WAITING).values("charge_point")
    return BulkClearing(bulk, matched_profiles(criteria).filter(charge_point__in=open_targets).count())
