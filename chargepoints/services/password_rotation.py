"""Password rotation: ChangeConfiguration(AuthorizationKey), both keys valid until the station has come back (Whitepaper A01).

The new key is kept sealed until then, so that the very same is sent again where an answer got lost: a station that
took it without our knowing must not be locked out. The command's row names the key and shows `***` for its value; the
gateway fills it in as it takes the command (`secret_payloads`).
"""

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from chargepoints.events import PasswordRotated
from chargepoints.models import ChargePoint, Command, CommandState, SecurityProfile
from chargepoints.models.command import OPEN_STATES
from chargepoints.services.commands import send_command
from chargepoints.services.configuration_keys import MASK, PASSWORD_KEY
from chargepoints.services.passwords import generate_password, hash_password
from chargepoints.services.secret_payloads import PURPOSE
from tenants.context import system_transaction, tenant_transaction
from tenants.databases.fence import passes_over_moving
from tenants.events import publish
from tenants.sealing import is_current, seal, unseal
from tenants.services.audit import record

PAYLOAD = {"key": PASSWORD_KEY, "value": MASK}
FIELDS = ["next_password_hash", "next_password", "next_password_at"]


class RotationRefused(Exception):
    """The text says why, for people."""


def rotate_password(*, charge_point: ChargePoint, requested_by: str, origin: str) -> Command:
    """Give the station a new random key. Raises RotationRefused, StationOffline.

    While a rotation is under way its key is sent again, not another one.
    """
    with tenant_transaction(charge_point.tenant_id):
        station = ChargePoint.objects.select_for_update(of=("self",)).get(pk=charge_point.pk)
        if station.security_profile == SecurityProfile.TLS_CLIENT:
            raise RotationRefused(gettext("The station signs in with a certificate, not with a password."))
        if _commands(station).filter(state__in=OPEN_STATES).exists():
            raise RotationRefused(gettext("A new password is on its way to the station."))
        if not station.next_password:
            password = generate_password()
            station.next_password_hash = hash_password(password.encode())
            station.next_password, station.next_password_at = seal(password, PURPOSE), timezone.now()
            station.save(update_fields=FIELDS)
        return send_command(
            charge_point=station,
            action="ChangeConfiguration",
            payload=PAYLOAD,
            requested_by=requested_by,
            origin=origin,
            vetted=True,
        )


def record_answer(*, tenant_id: int, charge_point_id: int, status: str) -> None:
    """The station's answer, when its command has ended. Accepted: both keys hold until it has come back."""
    if status not in {"Accepted", "RebootRequired"}:
        _drop(tenant_id, charge_point_id)


def prove_new_password(*, tenant_id: int, charge_point_id: int, proven: str) -> None:
    """The station has signed in with the new key (its hash): the old one ends here."""
    with tenant_transaction(tenant_id):
        station = ChargePoint.objects.select_for_update(of=("self",)).get(pk=charge_point_id)
        # Not one that took its place meanwhile.
        if station.next_password_hash != proven:
            return
        station.password_hash, station.next_password_hash = station.next_password_hash, ""
        station.next_password, station.next_password_at = "", None
        station.password_set_at = timezone.now()
        station.save(update_fields=["password_hash", "password_set_at", *FIELDS])
        record(actor="system", origin="system", action="password rotated", target=station)
        publish(PasswordRotated(charge_point=station.identity, at=timezone.now(), result="done"))


def sweep_rotations() -> int:
    """Drop new keys that stations refused with a CALLERROR, or were never sent; how many."""
    with system_transaction():
        waiting = list(ChargePoint.objects.exclude(next_password="").values_list("tenant_id", "pk"))
    return sum(_drop(tenant_id, charge_point_id) for tenant_id, charge_point_id in waiting)


def reseal_passwords() -> int:
    """Seal keys on their way with the present first sealing key; how many were not. In the open tenant."""
    resealed = 0
    for station in ChargePoint.objects.exclude(next_password="").select_for_update():
        if not is_current(station.next_password):
            station.next_password = seal(unseal(station.next_password, PURPOSE), PURPOSE)
            station.save(update_fields=["next_password"])
            resealed += 1
    return resealed


@passes_over_moving
def _drop(tenant_id: int, charge_point_id: int) -> bool:
    """End a rotation of which every attempt was refused. Where one may have been taken, both keys stay valid."""
    with tenant_transaction(tenant_id):
        station = ChargePoint.objects.select_for_update(of=("self",)).get(pk=charge_point_id)
        if not station.next_password or station.next_password_at is None:
            return False
        attempts = list(_commands(station).filter(created_at__gte=station.next_password_at))
        if not attempts or not all(_was_refused(one) for one in attempts):
            return False
        station.next_password_hash = station.next_password = ""
        station.next_password_at = None
        station.save(update_fields=FIELDS)
        publish(PasswordRotated(charge_point=station.identity, at=timezone.now(), result="rejected"))
    return True


def _was_refused(command: Command) -> bool:
    """Surely not taken: said so, or never sent."""
    if command.state == CommandState.FAILED:
        return command.error_code != "ConnectionLost"
    never_sent = command.state == CommandState.TIMED_OUT and command.sent_at is None
    return never_sent or command.state in (CommandState.REJECTED, CommandState.CANCELLED)


def _commands(station: ChargePoint) -> QuerySet[Command]:
    return Command.objects.filter(charge_point_id=station.pk, action="ChangeConfiguration", payload__key=PASSWORD_KEY)
