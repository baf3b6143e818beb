"""What the beat does for certificates: deliver what got stuck, close what was revoked, renew what nears its end."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, Max, OuterRef
from django.utils import timezone

from chargepoints.models import (
    CertificateAuthority,
    ChargePoint,
    Command,
    CommandState,
    SecurityProfile,
    StationCertificate,
    StationConnection,
)
from chargepoints.services.certificates import (
    SYSTEM,
    TRIGGER,
    WAITING,
    ask_for_request,
    fail_certificate,
    sign_and_deliver,
)
from chargepoints.services.closing import close_station
from chargepoints.services.commands import StationOffline
from tenants.context import system_transaction, tenant_transaction
from tenants.stored_words import stored

State = StationCertificate.State
RETRY_AFTER, GIVE_UP_AFTER = timedelta(seconds=60), timedelta(days=7)
ASK_AGAIN_AFTER = timedelta(days=1)
MOST_DELIVERIES, MOST_AT_ONCE = 10, 500
# The answer to a command may have been lost with the socket: it says nothing of what the station did.
LOST = {"ConnectionLost"}
ANSWERED, NEVER_ANSWERED = stored("The station answered %(status)s."), stored("It never answered.")


def sweep_certificates() -> int:
    """Sign and deliver what is still to come, end what no station takes; how many were taken up."""
    now = timezone.now()
    with system_transaction():
        waiting = StationCertificate.objects.filter(
            state__in=WAITING, created_at__lt=now - RETRY_AFTER, created_at__gt=now - GIVE_UP_AFTER
        ).filter(Exists(StationConnection.objects.live().filter(charge_point=OuterRef("charge_point"))))
        rows = list(waiting.select_related("command").order_by("created_at")[:MOST_AT_ONCE])
    taken_up = 0
    for row in rows:
        command = row.command
        if command is not None and (not command.is_final or (command.finished_at or now) > now - RETRY_AFTER):
            continue
        if not _give_up(row):
            taken_up += sign_and_deliver(tenant_id=row.tenant_id, charge_point_id=row.charge_point_id)
    return taken_up + close_revoked()


def _give_up(row: StationCertificate) -> bool:
    """A station that answers with an error, or never, is not sent the same for ever."""
    command = row.command
    with tenant_transaction(row.tenant_id):
        refused = command is not None and command.state == CommandState.FAILED and command.error_code not in LOST
        sent = Command.objects.filter(
            charge_point_id=row.charge_point_id, action="CertificateSigned", created_at__gte=row.created_at
        )
        if not refused and sent.count() < MOST_DELIVERIES:
            return False
        station = ChargePoint.objects.select_for_update(of=("self",)).get(pk=row.charge_point_id)
        again = StationCertificate.objects.filter(pk=row.pk, state__in=WAITING).first()
        if again is not None:
            why = ANSWERED % {"status": command.error_code} if refused and command else NEVER_ANSWERED
            fail_certificate(station, again, why)
    return True


def close_revoked() -> int:
    """Sockets opened before their certificate was revoked: a gateway that didn't hear of it is told again."""
    with system_transaction():
        rows = list(
            StationConnection.objects.live()
            .filter(charge_point__security_profile=SecurityProfile.TLS_CLIENT)
            .annotate(revoked_at=Max("charge_point__certificates__revoked_at"))
            .filter(revoked_at__isnull=False)
            .values_list("tenant_id", "charge_point_id", "connected_at", "revoked_at")
        )
    late = [(tenant_id, pk) for tenant_id, pk, connected_at, revoked_at in rows if revoked_at > connected_at]
    for tenant_id, charge_point_id in late:
        with tenant_transaction(tenant_id):
            close_station(charge_point_id)
    return len(late)


def renew_certificates() -> int:
    """Have connected stations ask for a new certificate before theirs expires, each once a day at most; how many."""
    now, ahead = timezone.now(), timedelta(days=settings.CERTIFICATE_RENEWAL_DAYS)
    with system_transaction():
        # One that ran out long ago isn't in use.
        newest = (
            StationCertificate.objects.filter(state=State.INSTALLED, charge_point__send_unasked=True)
            .values("tenant_id", "charge_point_id")
            .annotate(end=Max("not_after"))
            .filter(end__lt=now + ahead, end__gt=now - ahead)
        )
        asked = Command.objects.filter(
            charge_point=OuterRef("charge_point_id"),
            action="ExtendedTriggerMessage",
            payload__requestedMessage=TRIGGER["requestedMessage"],
            created_at__gt=now - ASK_AGAIN_AFTER,
        )
        live = StationConnection.objects.live().filter(charge_point=OuterRef("charge_point_id"))
        rows = list(newest.filter(Exists(live), ~Exists(asked)).values_list("tenant_id", "charge_point_id"))
    return sum(_renew(tenant_id, charge_point_id) for tenant_id, charge_point_id in rows)


def _renew(tenant_id: int, charge_point_id: int) -> bool:
    with tenant_transaction(tenant_id):
        # Without an authority that signs, a request could only be refused.
        if not CertificateAuthority.objects.filter(active=True).exists():
            return False
        station = ChargePoint.objects.get(pk=charge_point_id)
        try:
            ask_for_request(charge_point=station, requested_by=SYSTEM, origin=SYSTEM)
        except StationOffline:
            return False
    return True
