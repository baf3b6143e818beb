"""What became of a command after the station had accepted it: the session of a remote start, the boot after a reset.

An effect may arrive before the station's acceptance has been written down. It is then kept on the row of the command
that is still on its way, and told once the acceptance is there; a refusal drops it again. Every change happens under
the lock of the command's row, so that effect, answer and sweep come one after the other, whoever is first.
What is sent about files and firmware has outcomes too: those services keep them themselves.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from chargepoints.events import CommandOutcome
from chargepoints.models import Command, CommandState, ConfigurationKey, Outcome, Transaction
from tenants.context import tenant_transaction
from tenants.events import publish
from tenants.stored_words import stored

BOOTED = stored("The station has booted.")
# Before the shorter one, whose gaps would take it for their own.
BEGAN_REFUSED = stored("Session %(session)s (transaction %(number)s), its tag was refused: %(verdict)s.")
BEGAN = stored("Session %(session)s (transaction %(number)s).")
CAME = stored("%(message)s came.")
ENDED = stored("Session %(session)s ended: %(reason)s.")

# OCPP 1.6 §9.1.4: without the key's value a station is taken to wait so long for the cable.
PLUG_IN_TIMEOUT = timedelta(seconds=180)
STOPS_WITHIN = timedelta(minutes=3)
# A soft reset first ends its sessions, and some stations start up for minutes.
BOOTS_WITHIN = timedelta(minutes=10)
TRIGGERED_WITHIN = timedelta(minutes=1)
# "Scheduled": once the running session has ended.
CHANGES_WITHIN = timedelta(days=1)
# A stop that a station sends later than this is another story.
LOOK_BACK = timedelta(days=7)
TRIGGERS = ("TriggerMessage", "ExtendedTriggerMessage")

NEVER_CAME = {
    "RemoteStartTransaction": stored("No session began in time."),
    "RemoteStopTransaction": stored("The session was not reported as ended in time."),
    "Reset": stored("The station has not booted in time."),
    "TriggerMessage": stored("The message was not seen in time."),
    "ExtendedTriggerMessage": stored("The message was not seen in time."),
    "ChangeAvailability": stored("The status has not changed within a day."),
}
# Their effect names its command for certain: it counts though it is late.
_COUNT_LATE = ("RemoteStartTransaction", "RemoteStopTransaction")


def answer_written(command: Command) -> None:
    """What an answer means for the outcome; in the transaction that has just ended the command (its row is locked)."""
    if command.action not in NEVER_CAME and command.action != "UnlockConnector":
        return
    if command.state != CommandState.ACCEPTED:
        # What came in the meantime was not its doing.
        if command.outcome:
            _write(command, Outcome.NONE, "", None)
        return
    now = timezone.now()
    status = (command.reply or {}).get("status", "")
    if command.outcome == Outcome.FULFILLED:
        _tell(command, command.outcome_at or now)
    elif command.action == "UnlockConnector" or (command.action == "ChangeAvailability" and status != "Scheduled"):
        _settle(command, Outcome.FULFILLED, status, now)
    else:
        command.outcome_until = now + _patience(command)
        _write(command, Outcome.WAITING, "", None)


def session_began(session: Transaction) -> None:
    """The remote start that a session answers is fulfilled (a hook of its start)."""
    if session.remote_start_id is None:
        return
    sentence = BEGAN if session.verdict == "Accepted" else BEGAN_REFUSED
    detail = sentence % {"session": session.pk, "number": session.protocol_id, "verdict": session.verdict}
    fulfil(Command.objects.filter(pk=session.remote_start_id), detail)


def session_over(session: Transaction) -> None:
    """The remote stops of a session are fulfilled by the station's own stop, not by an end of ours (a hook)."""
    if session.state != Transaction.State.STOPPED or not session.protocol_id.isdigit():
        return
    asked = Command.objects.filter(
        charge_point=session.charge_point_id,
        action="RemoteStopTransaction",
        payload__transactionId=int(session.protocol_id),
        created_at__gt=timezone.now() - LOOK_BACK,
    )
    fulfil(asked, ENDED % {"session": session.pk, "reason": session.stop_reason})


def station_booted(*, charge_point_id: int, at: datetime) -> None:
    """Every reset that was sent before is fulfilled. In the open tenant transaction."""
    asked = Command.objects.filter(charge_point=charge_point_id, action="Reset", sent_at__lte=at)
    fulfil(asked.filter(created_at__gt=at - LOOK_BACK), BOOTED)


def message_came(*, tenant_id: int, command_ids: Collection[UUID], action: str) -> None:
    """What these commands triggered has arrived and been answered."""
    with tenant_transaction(tenant_id):
        fulfil(Command.objects.filter(pk__in=command_ids), CAME % {"message": action})


def fulfil(commands: QuerySet[Command], detail: str) -> int:
    """Note that the effect of these commands has come; those that have an end already stay. In an open transaction."""
    awaited = Q(state=CommandState.SENT, outcome=Outcome.NONE) | Q(state=CommandState.ACCEPTED, outcome=Outcome.WAITING)
    late = Q(state=CommandState.ACCEPTED, outcome=Outcome.UNFULFILLED, action__in=_COUNT_LATE)
    now = timezone.now()
    rows = list(
        commands.filter(awaited | late).select_related("charge_point").select_for_update(of=("self",)).order_by("pk")
    )
    for command in rows:
        _settle(command, Outcome.FULFILLED, detail, now)
    return len(rows)


def give_up(commands: QuerySet[Command], now: datetime) -> int:
    """Past their time: never came. In an open transaction; rows that somebody works on are left for the next sweep."""
    overdue = commands.filter(outcome=Outcome.WAITING, outcome_until__lt=now, action__in=NEVER_CAME)
    rows = list(overdue.select_related("charge_point").select_for_update(of=("self",), skip_locked=True))
    for command in rows:
        _settle(command, Outcome.UNFULFILLED, NEVER_CAME[command.action], now)
    return len(rows)


def _settle(command: Command, outcome: Outcome, detail: str, at: datetime) -> None:
    _write(command, outcome, detail, at)
    # One that is still on its way tells when its answer is there.
    if command.state == CommandState.ACCEPTED:
        _tell(command, at)


def _write(command: Command, outcome: Outcome, detail: str, at: datetime | None) -> None:
    command.outcome, command.outcome_detail, command.outcome_at = outcome, detail[:255], at
    command.save(update_fields=["outcome", "outcome_detail", "outcome_at", "outcome_until"])


def _tell(command: Command, at: datetime) -> None:
    publish(
        CommandOutcome(
            charge_point=command.charge_point.identity,
            at=at,
            command_id=str(command.pk),
            action=command.action,
            outcome=command.outcome,
            detail=command.outcome_detail,
        )
    )


def _patience(command: Command) -> timedelta:
    by_action: dict[str, Callable[[], timedelta]] = {
        "RemoteStartTransaction": lambda: _plug_in_timeout(command.charge_point_id),
        "RemoteStopTransaction": lambda: STOPS_WITHIN,
        "Reset": lambda: BOOTS_WITHIN,
        "ChangeAvailability": lambda: CHANGES_WITHIN,
    }
    return by_action.get(command.action, lambda: TRIGGERED_WITHIN)()


def _plug_in_timeout(charge_point_id: int) -> timedelta:
    """ConnectionTimeOut as the station reports it; a value that says nothing (0, text) is as good as none."""
    value = (
        ConfigurationKey.objects.filter(charge_point=charge_point_id, key__iexact="ConnectionTimeOut")
        .values_list("value", flat=True)
        .first()
    ) or ""
    seconds = int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0
    return timedelta(seconds=seconds) if seconds else PLUG_IN_TIMEOUT
