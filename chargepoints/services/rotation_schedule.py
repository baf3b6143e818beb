"""Passwords that are older than the tenant wants are rotated by beat: a few stations at a time, each at most once a day.

Only stations that are connected and charge nobody: the station reconnects with its new key. How a rotation goes, and
why nobody is locked out by one that fails, is told in `password_rotation`.
"""

from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from chargepoints.models import (
    ChargePoint,
    Command,
    CommandState,
    Registration,
    SecurityProfile,
    SecuritySettings,
    StationConnection,
    Transaction,
)
from chargepoints.services.commands import StationOffline
from chargepoints.services.configuration_keys import PASSWORD_KEY
from chargepoints.services.password_rotation import RotationRefused, rotate_password
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant
from tenants.services.audit import record

log = structlog.get_logger(__name__)

SYSTEM = "system"
# Of each tenant in a run: their reconnects should not be felt.
MOST_AT_ONCE = 10
AGAIN_AFTER = timedelta(days=1)


def rotate_due_passwords(now: datetime) -> int:
    """Begin the next rotations; how many."""
    with system_transaction():
        wishes = list(
            SecuritySettings.objects.filter(
                password_rotation_days__isnull=False, tenant__status=Tenant.Status.ACTIVE
            ).values_list("tenant_id", "password_rotation_days")
        )
    return sum(_rotate_of(tenant_id, timedelta(days=days or 0), now) for tenant_id, days in wishes)


def _rotate_of(tenant_id: int, age: timedelta, now: datetime) -> int:
    with tenant_transaction(tenant_id):
        found = list(_due(now - age, now).values_list("pk", flat=True)[:MOST_AT_ONCE])
    begun = 0
    for charge_point_id in found:
        try:
            begun += _rotate(tenant_id, charge_point_id, age)
        except (RotationRefused, StationOffline) as reason:
            # Changed since we looked.
            log.info("password not rotated", charge_point_id=charge_point_id, reason=str(reason))
    return begun


def _due(set_before: datetime, now: datetime) -> QuerySet[ChargePoint]:
    """In the open tenant, those that have had their password longest first."""
    own = OuterRef("pk")
    sent = Command.objects.filter(charge_point=own, action="ChangeConfiguration", payload__key=PASSWORD_KEY)
    # A new key that was taken waits for the station to come back with it: nothing more can be done.
    taken = sent.filter(state=CommandState.ACCEPTED, created_at__gte=OuterRef("next_password_at"))
    return (
        ChargePoint.objects.filter(
            security_profile__in=(SecurityProfile.BASIC, SecurityProfile.TLS_BASIC),
            registration=Registration.ACCEPTED,
            send_unasked=True,
        )
        .exclude(password_hash="")
        .annotate(since=Coalesce("password_set_at", "created_at"))
        .filter(
            Exists(StationConnection.objects.live().filter(charge_point=own)),
            ~Exists(_sessions().filter(charge_point=own)),
            ~Exists(sent.filter(created_at__gt=now - AGAIN_AFTER)),
            ~Exists(taken),
            since__lte=set_before,
        )
        .order_by("since")
    )


def _rotate(tenant_id: int, charge_point_id: int, age: timedelta) -> bool:
    """Under the lock that a start of a session takes too: none begins between the look and the command."""
    with tenant_transaction(tenant_id):
        station = ChargePoint.objects.select_for_update(of=("self",)).get(pk=charge_point_id)
        if _sessions().filter(charge_point=station).exists():
            return False
        command = rotate_password(charge_point=station, requested_by=SYSTEM, origin=SYSTEM)
        since = station.password_set_at or station.created_at
        changes = {"command": str(command.pk), "password_set": since.isoformat(), "rotated_after_days": age.days}
        record(actor=SYSTEM, origin=SYSTEM, action="rotate password", target=station, changes=changes)
    return True


def _sessions() -> QuerySet[Transaction]:
    return Transaction.objects.filter(state=Transaction.State.ACTIVE)
