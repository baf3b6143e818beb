"""Rows for profiles that did not come through `sending`: raw messages, bulk commands, remote starts."""

from dataclasses import replace
from typing import Any

import structlog

from chargepoints.models import BulkTarget, Command, Transaction
from smartcharging.models import ChargingProfile, ProfileTemplate
from smartcharging.profiles.shapes import Profile
from smartcharging.profiles.translation import InvalidProfile, profile_from_ocpp16
from smartcharging.services.sending import profile_fields

log = structlog.get_logger(__name__)

Source = ChargingProfile.Source
# In the choice that a bulk command of a template is shown with.
TEMPLATE = "templateId"


def adopt(command: Command, connector_id: Any, wanted: Any, source: str = Source.PERSON) -> ChargingProfile | None:
    """A row for a profile that a station has taken from a raw message."""
    if not isinstance(wanted, dict) or not isinstance(connector_id, int):
        return None
    try:
        profile = profile_from_ocpp16(wanted)
    except InvalidProfile as error:
        # The station took what makes no sense to us; the comparison of schedules will say what it does with it.
        log.warning("profile not understood", command_id=str(command.pk), error=str(error)[:200])
        return None
    session = _session_of(command.charge_point_id, connector_id, profile)
    template = _template_of(command)
    return ChargingProfile.objects.create(
        tenant_id=command.tenant_id,
        charge_point=command.charge_point,
        evse_number=connector_id,
        profile_id=profile.profile_id,
        transaction=session if source != Source.REMOTE_START else None,
        source=source if template is None else Source.TEMPLATE,
        template=template,
        command=command,
        requested_by=command.requested_by,
        **profile_fields(profile),
    )


def _template_of(command: Command) -> ProfileTemplate | None:
    """Of a bulk command that sends one (`bulk_profiles`)."""
    target = BulkTarget.objects.select_related("bulk").filter(command=command).first()
    template_id = target.bulk.filter.get(TEMPLATE) if target is not None else None
    return ProfileTemplate.objects.filter(pk=template_id).first() if isinstance(template_id, int) else None


def _session_of(charge_point_id: int, evse_number: int, profile: Profile) -> Transaction | None:
    """The session that a TxProfile is for: the one named, else the one that runs on the connector."""
    if profile.purpose != "tx":
        return None
    sessions = Transaction.objects.filter(charge_point=charge_point_id)
    if profile.transaction_id:
        return sessions.filter(protocol_id=profile.transaction_id).first()
    running = sessions.filter(evse__number=evse_number, state=Transaction.State.ACTIVE)
    return running.order_by("-started_at").first()


def keep_remote_profile(command: Command) -> None:
    """The profile of a remote start that has just been queued, as being sent. In the command's transaction."""
    profile = profile_from_ocpp16(command.payload["chargingProfile"])
    ChargingProfile.objects.create(
        tenant_id=command.tenant_id,
        charge_point=command.charge_point,
        evse_number=command.payload.get("connectorId") or 0,
        profile_id=profile.profile_id,
        source=Source.REMOTE_START,
        command=command,
        requested_by=command.requested_by,
        **profile_fields(replace(profile, transaction_id=None)),
    )
