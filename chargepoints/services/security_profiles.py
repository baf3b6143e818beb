"""Raising a station's security profile, with fallback (Security Whitepaper A05); lowering only by force.

ChangeConfiguration(SecurityProfile), a reset once that is accepted, and the station comes back with the new profile:
until then, or until the deadline, both are taken. Coming back with the old one after the reset is the fallback.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from chargepoints.events import SecurityProfileChanged
from chargepoints.models import (
    ChargePoint,
    Command,
    CommandState,
    InstalledCertificate,
    SecurityProfile,
    StationCertificate,
    Transaction,
)
from chargepoints.models.command import OPEN_STATES
from chargepoints.services.commands import StationOffline, send_command
from chargepoints.services.configuration_keys import PROFILE_KEY
from tenants.context import system_transaction, tenant_transaction
from tenants.databases.fence import passes_over_moving
from tenants.events import publish
from tenants.services.audit import record

FIELDS = ["pending_security_profile", "pending_security_profile_until"]
TAKEN = {"Accepted", "RebootRequired"}


class ProfileRefused(Exception):
    """`sentence` says why, for people. `confirmable`: it goes on where the person confirms what we can't see."""

    def __init__(self, sentence: str, *, confirmable: bool = False) -> None:
        super().__init__(sentence)
        self.sentence, self.confirmable = sentence, confirmable


def raise_profile(
    *, charge_point: ChargePoint, profile: int, confirmed: bool, requested_by: str, origin: str
) -> Command:
    """Begin the upgrade. Raises ProfileRefused, StationOffline.

    `confirmed`: the station trusts our TLS certificate, or has a client certificate, though it never told us.
    """
    with tenant_transaction(charge_point.tenant_id):
        station = ChargePoint.objects.select_for_update(of=("self",)).get(pk=charge_point.pk)
        _check_may_raise(station, profile)
        if missing := missing_for(station, profile, confirmed=confirmed):
            raise missing
        station.pending_security_profile = profile
        station.pending_security_profile_until = timezone.now() + timedelta(seconds=settings.SECURITY_PROFILE_SECONDS)
        station.save(update_fields=FIELDS)
        return send_command(
            charge_point=station,
            action="ChangeConfiguration",
            payload={"key": PROFILE_KEY, "value": str(int(profile))},
            requested_by=requested_by,
            origin=origin,
            vetted=True,
        )


def _check_may_raise(station: ChargePoint, profile: int) -> None:
    if profile == station.security_profile:
        raise ProfileRefused(gettext("The station has this profile already."))
    if profile < station.security_profile:
        raise ProfileRefused(
            gettext("A profile is only raised; an administrator can lower it by force, with a reason.")
        )
    if station.pending_security_profile is not None:
        raise ProfileRefused(gettext("A change of the profile is under way."))
    if Transaction.objects.filter(charge_point=station, state=Transaction.State.ACTIVE).exists():
        raise ProfileRefused(gettext("A session is running: the station has to be reset for this."))


def missing_for(station: ChargePoint, profile: int, *, confirmed: bool) -> ProfileRefused | None:
    """What the station lacks for the profile, or None."""
    if profile in (SecurityProfile.BASIC, SecurityProfile.TLS_BASIC) and not station.password_hash:
        return ProfileRefused(gettext("The station has no password: rotate it first."))
    if confirmed:
        return None
    root = InstalledCertificate.objects.filter(
        charge_point=station, type=InstalledCertificate.Type.CENTRAL_SYSTEM
    ).exists()
    # One that is connected over TLS already has shown that it trusts us, but we don't keep that.
    if profile >= SecurityProfile.TLS_BASIC and station.security_profile < SecurityProfile.TLS_BASIC and not root:
        return ProfileRefused(
            gettext(
                "No central system root certificate is known to be installed: install one, or confirm that "
                "it trusts ours."
            ),
            confirmable=True,
        )
    if profile == SecurityProfile.TLS_CLIENT and not _has_certificate(station):
        return ProfileRefused(
            gettext(
                "The station has no client certificate of ours: have it ask for one, or confirm that it has another."
            ),
            confirmable=True,
        )
    return None


def _has_certificate(station: ChargePoint) -> bool:
    return StationCertificate.objects.filter(
        charge_point=station, state__in=StationCertificate.TRUSTED, not_after__gt=timezone.now()
    ).exists()


def lower_profile(*, charge_point: ChargePoint, profile: int, reason: str, actor: str, origin: str) -> None:
    """Take a lower profile from now on: for a station that was replaced or reset by hand. Raises ProfileRefused.

    Nothing is sent: stations refuse to be lowered (A05.FR.03); whoever lowers it stands before it.
    """
    if not reason.strip():
        raise ProfileRefused(gettext("Give a reason: it is kept in the audit trail."))
    with tenant_transaction(charge_point.tenant_id):
        station = ChargePoint.objects.select_for_update(of=("self",)).get(pk=charge_point.pk)
        before = station.security_profile
        if profile >= before:
            raise ProfileRefused(gettext("This would not lower it."))
        if profile != SecurityProfile.NONE and not station.password_hash:
            raise ProfileRefused(gettext("The station has no password: give it one first."))
        station.security_profile = profile
        station.pending_security_profile = station.pending_security_profile_until = None
        station.save(update_fields=["security_profile", *FIELDS])
        changes = {"security_profile": [before, int(profile)], "reason": reason[:255]}
        record(actor=actor, origin=origin, action="lower profile", target=station, changes=changes)
        _publish(station, profile, "lowered")


def record_answer(*, tenant_id: int, charge_point_id: int, value: str, status: str) -> None:
    """The station's answer to ChangeConfiguration(SecurityProfile): on acceptance it is reset, for TLS to begin."""
    with tenant_transaction(tenant_id):
        station = ChargePoint.objects.select_for_update(of=("self",)).get(pk=charge_point_id)
        if station.pending_security_profile is None or str(station.pending_security_profile) != value:
            return
        if status not in TAKEN:
            _end(station, "rejected")
            return
        try:
            # Hard, as the compliance tool has it (TC_083): no session runs.
            send_command(
                charge_point=station,
                action="Reset",
                payload={"type": "Hard"},
                requested_by="system",
                origin="system",
            )
        except StationOffline:
            # It is on its way already.
            return


def prove_profile(*, tenant_id: int, charge_point_id: int, profile: int) -> None:
    """The station has signed in with the pending profile: from now on the old one is not taken."""
    with tenant_transaction(tenant_id):
        station = ChargePoint.objects.select_for_update(of=("self",)).get(pk=charge_point_id)
        if station.pending_security_profile != profile or profile <= station.security_profile:
            return
        before, station.security_profile = station.security_profile, profile
        station.pending_security_profile = station.pending_security_profile_until = None
        station.save(update_fields=["security_profile", *FIELDS])
        changes = {"security_profile": [before, profile]}
        record(actor="system", origin="system", action="raise profile", target=station, changes=changes)
        _publish(station, profile, "raised")


def note_boot(*, tenant_id: int, charge_point_id: int) -> None:
    """It has booted; had it come with the pending profile, none would be pending. After our reset, that is the fallback."""
    with tenant_transaction(tenant_id):
        if not ChargePoint.objects.filter(pk=charge_point_id, pending_security_profile__isnull=False).exists():
            return
        station = ChargePoint.objects.select_for_update(of=("self",)).get(pk=charge_point_id)
        change = _changes(station).order_by("-created_at").first()
        if station.pending_security_profile is None or change is None or change.state != CommandState.ACCEPTED:
            return
        reset = Command.objects.filter(charge_point=station, action="Reset", created_at__gte=change.created_at)
        # Sent, whatever became of the answer: many stations go without one.
        if reset.filter(sent_at__isnull=False).exists():
            _end(station, "fellback")


def sweep_profiles() -> int:
    """End upgrades whose deadline is over, or that the station refused with a CALLERROR; how many."""
    now = timezone.now()
    with system_transaction():
        waiting = list(
            ChargePoint.objects.filter(pending_security_profile__isnull=False).values_list("tenant_id", "pk")
        )
    return sum(_end_overdue(tenant_id, charge_point_id, now) for tenant_id, charge_point_id in waiting)


@passes_over_moving
def _end_overdue(tenant_id: int, charge_point_id: int, now: datetime) -> bool:
    with tenant_transaction(tenant_id):
        station = ChargePoint.objects.select_for_update(of=("self",)).get(pk=charge_point_id)
        if station.pending_security_profile is None:
            return False
        if station.pending_security_profile_until is None or station.pending_security_profile_until <= now:
            _end(station, "late")
            return True
        change = _changes(station).order_by("-created_at").first()
        if change is None or change.state in OPEN_STATES or change.state == CommandState.ACCEPTED:
            return False
        # Where the answer was lost the station may have taken it: then the deadline decides.
        lost = Q(state=CommandState.FAILED, error_code="ConnectionLost") | Q(
            state=CommandState.TIMED_OUT, sent_at__isnull=False
        )
        if _changes(station).filter(lost, pk=change.pk).exists():
            return False
        _end(station, "rejected")
    return True


def _changes(station: ChargePoint) -> QuerySet[Command]:
    return Command.objects.filter(
        charge_point=station,
        action="ChangeConfiguration",
        payload__key=PROFILE_KEY,
        payload__value=str(station.pending_security_profile),
    )


def _end(station: ChargePoint, result: str) -> None:
    profile = station.pending_security_profile or 0
    station.pending_security_profile = station.pending_security_profile_until = None
    station.save(update_fields=FIELDS)
    changes = {"security_profile": int(profile), "result": result}
    record(actor="system", origin="system", action="profile not raised", target=station, changes=changes)
    _publish(station, profile, result)


def _publish(station: ChargePoint, profile: int, result: str) -> None:
    publish(
        SecurityProfileChanged(charge_point=station.identity, at=timezone.now(), profile=int(profile), result=result)
    )
