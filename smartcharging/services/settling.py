"""Charging profiles as stations hold them (OCPP 1.6 §3.13, §5.16): asked for, taken or refused, replaced, cleared.

The station holds a profile; what is kept here follows what it answers. A row is settled in the transaction that ends
its command, and by beat where many commands end at once. Every change holds a lock of the station's profiles, so that
of two at one place exactly one is installed. Lock order: commands first, then this lock.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db.models import F, Q
from django.utils import timezone

from chargepoints.models import Command, CommandState, Outcome, Transaction
from chargepoints.models.command import OPEN_STATES
from smartcharging.events import ProfileChanged
from smartcharging.models import ChargingProfile
from smartcharging.profiles.translation import PURPOSES
from smartcharging.selectors import PURPOSE_WORDS
from smartcharging.services.adopting import adopt
from tenants.context import scope_connection, system_transaction, tenant_transaction
from tenants.databases.fence import TenantMoving
from tenants.events import publish_all

log = structlog.get_logger(__name__)

State, Source = ChargingProfile.State, ChargingProfile.Source
Hook = Callable[[Sequence[ChargingProfile]], None]

NO_ANSWER = "no answer"
NOT_SENT = "not sent"
NO_SESSION = "no session began"
SESSION_ENDED = "session ended"
# It failed without a word of the station: it may have taken the profile all the same.
LOST = {"", "ConnectionLost"}
SETTLED_AT_ONCE = 500
# A late answer is looked for so long after the time-out.
LATE_ANSWER = timedelta(minutes=10)

_hooks: list[Hook] = []


def on_profile_settled(hook: Hook) -> None:
    """`hook(rows)` runs in the transaction in which sent profiles are accepted, rejected or given up, and in which one
    that was installed ends (replaced, cleared, dropped): what it held back is free then."""
    if hook not in _hooks:
        _hooks.append(hook)


# --- what the end of a command means ---


def set_ended(command: Command) -> None:
    """SetChargingProfile has ended (a hook). What was not sent by us (`POST call`, a bulk command) is adopted."""
    lock_profiles(command.charge_point_id)
    rows = _rows_of(command)
    if not rows and answer_of(command) == "Accepted":
        adopted = adopt(command, command.payload.get("connectorId"), command.payload.get("csChargingProfiles"))
        rows = [adopted] if adopted is not None else []
    for row in rows:
        settle(row, command)


def remote_start_ended(command: Command) -> None:
    """RemoteStartTransaction has ended (a hook): its profile waits for the session, or was not taken."""
    wanted = command.payload.get("chargingProfile")
    if not isinstance(wanted, dict):
        return
    lock_profiles(command.charge_point_id)
    rows = _rows_of(command)
    if not rows and answer_of(command) == "Accepted":
        adopted = adopt(command, command.payload.get("connectorId") or 0, wanted, Source.REMOTE_START)
        rows = [adopted] if adopted is not None else []
    for row in rows:
        settle(row, command)


def clear_ended(command: Command) -> None:
    """ClearChargingProfile has ended (a hook). Unknown: the station had none that match; they are gone as well."""
    answer = answer_of(command)
    if answer not in ("Accepted", "Unknown"):
        return
    lock_profiles(command.charge_point_id)
    sent_at = command.sent_at or timezone.now()
    held = ChargingProfile.objects.select_related("charge_point").filter(
        matching(command.payload), charge_point=command.charge_point_id, state=State.INSTALLED
    )
    # One that was taken after the clearing left is another one.
    for row in held.exclude(installed_at__gt=sent_at, command__sent_at__gt=sent_at):
        if answer == "Accepted":
            end(row, State.CLEARED, f"Cleared by {command.requested_by}.")
        else:
            end(row, State.DROPPED, "The charge point had no such profile.")


def matching(criteria: dict[str, Any]) -> Q:
    """The rows that ClearChargingProfile.req means (OCPP 1.6 §6.7): all that is given must match."""
    wanted = Q()
    if criteria.get("id") is not None:
        wanted &= Q(profile_id=criteria["id"])
    if criteria.get("connectorId") is not None:
        wanted &= Q(evse_number=criteria["connectorId"])
    if criteria.get("chargingProfilePurpose"):
        wanted &= Q(purpose=PURPOSES[criteria["chargingProfilePurpose"]])
    if criteria.get("stackLevel") is not None:
        wanted &= Q(stack_level=criteria["stackLevel"])
    return wanted


def answer_of(command: Command) -> str:
    """The station's word, also one that came after the time-out; empty: none."""
    replies = [command.late_reply]
    if command.state in (CommandState.ACCEPTED, CommandState.REJECTED):
        replies.insert(0, command.reply)
    for reply in replies:
        if isinstance(reply, dict) and isinstance(reply.get("status"), str):
            return str(reply["status"])
    return ""


def settle(row: ChargingProfile, command: Command | None) -> None:
    """Bring a row in line with its command. Under the lock of the station's profiles; does nothing twice."""
    awaited = row.state == State.SENDING
    late = row.state == State.REJECTED and row.detail in (NO_ANSWER, NO_SESSION)
    if not (awaited or late) or (command is not None and command.state in OPEN_STATES):
        return
    answer = answer_of(command) if command is not None else ""
    if answer == "Accepted" and command is not None:
        if row.source == Source.REMOTE_START and row.transaction_id is None and not _bind(row, command):
            if command.outcome == Outcome.UNFULFILLED and awaited:
                end(row, State.REJECTED, NO_SESSION)
            return
        _install(row, command)
    elif awaited:
        end(row, State.REJECTED, answer or _why_not(command))


def _why_not(command: Command | None) -> str:
    if command is None or command.state == CommandState.CANCELLED or command.sent_at is None:
        return NOT_SENT
    if command.state == CommandState.FAILED and command.error_code not in LOST:
        return command.error_code
    return NO_ANSWER


def _install(row: ChargingProfile, command: Command | None) -> None:
    """It lies at its place now; what had its place or its id is replaced (OCPP 1.6 §3.13.2, §5.16.2)."""
    same_place = Q(evse_number=row.evse_number, purpose=row.purpose, stack_level=row.stack_level)
    rivals = ChargingProfile.objects.filter(
        same_place | Q(profile_id=row.profile_id), charge_point=row.charge_point_id, state=State.INSTALLED
    ).exclude(pk=row.pk)
    sent_at = command.sent_at if command is not None else None
    for rival in rivals.annotate(left_at=F("command__sent_at")):
        rival.charge_point = row.charge_point
        if sent_at is not None and rival.left_at is not None and rival.left_at > sent_at:
            # Its answer came late: another one has been taken since.
            end(row, State.REPLACED, f"Replaced by {rival.profile_id}.")
            return
        end(rival, State.REPLACED, f"Replaced by {row.profile_id}.")
    if row.transaction_id is not None and not _is_running(row.transaction_id):
        end(row, State.DROPPED, SESSION_ENDED)
        return
    row.state, row.installed_at, row.ended_at, row.detail = State.INSTALLED, timezone.now(), None, ""
    row.save(update_fields=["state", "installed_at", "ended_at", "detail"])
    tell_all([row])


def end(row: ChargingProfile, state: str, detail: str) -> None:
    """The end of a row, told once. Under the lock of the station's profiles."""
    row.state, row.detail, row.ended_at = state, detail[:255], timezone.now()
    row.save(update_fields=["state", "detail", "ended_at"])
    tell_all([row])


def _is_running(transaction_id: int) -> bool:
    return Transaction.objects.filter(pk=transaction_id, state=Transaction.State.ACTIVE).exists()


# --- remote starts ---


def session_began(session: Transaction) -> None:
    """The profile of the remote start that a session answers is the session's (a hook of its start)."""
    if session.remote_start_id is None:
        return
    command = Command.objects.select_related("charge_point").get(pk=session.remote_start_id)
    if "chargingProfile" not in command.payload:
        return
    lock_profiles(session.charge_point_id)
    for row in _rows_of(command):
        if row.transaction_id is not None:
            continue
        _bind(row, command)
        settle(row, command)


def _bind(row: ChargingProfile, command: Command) -> bool:
    """To the session that the remote start began, if it has."""
    session = Transaction.objects.select_related("evse").filter(remote_start=command).first()
    if session is None:
        return False
    row.transaction, row.evse_number = session, session.evse.number
    row.save(update_fields=["transaction", "evse_number"])
    return True


# --- by beat ---


def settle_lost() -> int:
    """Rows whose command has ended without telling: a lost connection, a sweep, an answer nobody acted on."""
    now = timezone.now()
    waiting = Q(state=State.SENDING) & (Q(command=None) | ~Q(command__state__in=OPEN_STATES))
    # The profile of an accepted remote start waits for its session.
    waiting &= ~Q(
        source=Source.REMOTE_START, command__state=CommandState.ACCEPTED, command__outcome__in=["", Outcome.WAITING]
    )
    late = Q(state=State.REJECTED, detail=NO_ANSWER, ended_at__gt=now - LATE_ANSWER, command__late_reply__isnull=False)
    with system_transaction():
        rows = ChargingProfile.objects.filter(waiting | late).order_by("pk")
        found = list(rows.values_list("tenant_id", "pk", "charge_point_id")[:SETTLED_AT_ONCE])
    for tenant_id, pk, charge_point_id in found:
        with suppress(TenantMoving), tenant_transaction(tenant_id):
            settle_one(pk, charge_point_id)
    return len(found)


def settle_one(pk: int, charge_point_id: int) -> None:
    """In an open tenant transaction."""
    lock_profiles(charge_point_id)
    row = ChargingProfile.objects.select_related("charge_point", "command").filter(pk=pk).first()
    if row is not None:
        settle(row, row.command)


# --- rows ---


def lock_profiles(charge_point_id: int) -> None:
    """Held until the transaction ends. Not the charge point's row: that one is locked before commands are."""
    with scope_connection().cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('charging profiles of ' || %s, 0))", [charge_point_id]
        )


def end_rows(rows: Iterable[ChargingProfile], state: str, detail: str) -> int:
    """`end` for each, under the lock."""
    ended = 0
    for row in rows:
        end(row, state, detail)
        ended += 1
    return ended


def _rows_of(command: Command) -> list[ChargingProfile]:
    rows = list(ChargingProfile.objects.filter(command=command).order_by("pk"))
    for row in rows:
        row.charge_point = command.charge_point
    return rows


def tell_all(rows: Sequence[ChargingProfile]) -> None:
    """Rows that are taken, refused or over now. Each with its charge point."""
    for hook in _hooks:
        hook(rows)
    publish_all(
        ProfileChanged(
            charge_point=row.charge_point.identity,
            at=_at(row),
            profile_id=row.profile_id,
            connector_id=row.evse_number,
            purpose=PURPOSE_WORDS[row.purpose],
            stack_level=row.stack_level,
            session_id=row.transaction_id,
            state=row.state,
            detail=row.detail,
        )
        for row in rows
        # Load management tells of limits itself; a profile is changed many times in a session.
        if row.source != Source.CIRCUIT
    )


def _at(row: ChargingProfile) -> datetime:
    return row.ended_at or row.installed_at or timezone.now()
