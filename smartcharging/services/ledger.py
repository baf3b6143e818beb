"""The ledger: what each connector may be taking at most, whatever was lost on the way (DESIGN §7.4).

Works on Allotment rows and knows neither database nor clock; `rebalance` reads and writes them under the lock of the
tree. A limit that is sent counts from the moment at which its command is stored, in the same transaction, so that at
every crash point the row says at least what the station may be following:

- before the commit: neither command nor ledger has changed, nothing leaves;
- after it, before the message leaves: the command waits in its queue; the higher of both limits counts;
- after it left, before the answer: the same;
- the answer is lost: the station may have taken it or not; the higher of both counts until a later one is confirmed.

Two profiles hold a connector: its default, for sessions that we have said nothing about, and the session's own.
`before_a` is the highest limit of the session's own that may be in force apart from the last one sent, `confirmed_a`
says that one of them surely is. Where none surely is, the default may be.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from chargepoints.models import Command, CommandState
from chargepoints.models.command import OPEN_STATES
from smartcharging.models import Allotment

State = Allotment.State
Ending = Literal["open", "accepted", "refused", "unknown"]

# A station that says so has not done it.
NOT_DONE = frozenset({"NotImplemented", "NotSupported"})
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=5)
# A message under way for longer than this is no longer counted on.
SLOW = timedelta(seconds=5)


def ending_of(command: Command | None) -> Ending:
    """What is known of a limit that was sent. A late answer counts; without a row nothing is known."""
    if command is None:
        return "unknown"
    if command.state in OPEN_STATES:
        return "open"
    if command.state == CommandState.ACCEPTED:
        return "accepted"
    if command.state in (CommandState.REJECTED, CommandState.CANCELLED) or command.sent_at is None:
        return "refused"
    late = command.late_reply.get("status") if isinstance(command.late_reply, dict) else None
    if late == "Accepted":
        return "accepted"
    if late is not None or command.error_code in NOT_DONE:
        return "refused"
    return "unknown"


def rest_of(row: Allotment, max_a: Decimal) -> Decimal:
    """What a session takes at most that no limit of its own holds: the default, and before that is sure, all."""
    if row.default_a is None:
        return max_a
    if row.default_sent_a is not None:
        return min(max(row.default_a, row.default_sent_a), max_a)
    return min(row.default_a, max_a)


def worst_of(row: Allotment, *, max_a: Decimal, online: bool) -> Decimal:
    """The highest limit that the connector may be following now; more than its hardware it can't take.

    One that is away may have ended its session and begun another meanwhile.
    """
    possible = [Decimal(0)]
    if row.before_a is not None:
        possible.append(row.before_a)
    if row.state == State.SENDING and row.sent_a is not None:
        possible.append(row.sent_a)
    if row.transaction_id is None or row.confirmed_a is None or not online:
        possible.append(rest_of(row, max_a))
    return min(max(possible), max_a)


# --- what has become of what was sent ---


def settle(row: Allotment, command: Command | None, *, booted_at: datetime | None, now: datetime) -> Ending | None:
    """Bring the session's limit in line with its command; None where there was nothing to settle."""
    if row.state not in (State.SENDING, State.FAILED) or row.sent_a is None:
        return None
    ending = ending_of(command)
    if ending == "open":
        return None
    if ending == "accepted" and command is not None:
        if booted_at is not None and command.sent_at is not None and booted_at >= command.sent_at:
            # It has started up since: whether it still holds the limit is not known.
            ending = "unknown"
        else:
            return _confirm(row, command, now)
    if row.state == State.FAILED:
        # Known before; a late answer may still turn it.
        return None
    if ending == "unknown":
        row.before_a = max(row.before_a or Decimal(0), row.sent_a)
    row.state = State.FAILED
    row.attempts = min(row.attempts + 1, 1000)
    row.retry_at = now + pause_after(row.attempts)
    return ending


def _confirm(row: Allotment, command: Command, now: datetime) -> Ending:
    row.state, row.attempts, row.retry_at = State.CONFIRMED, 0, None
    row.before_a = row.confirmed_a = row.sent_a
    row.confirmed_at = command.finished_at or now
    return "accepted"


def settle_default(
    row: Allotment, command: Command | None, *, booted_at: datetime | None, now: datetime
) -> Ending | None:
    """The same for the default. `default_sent_a` is empty once that is done."""
    if row.default_sent_a is None:
        return None
    ending = ending_of(command)
    if ending == "open":
        return None
    if ending == "accepted" and command is not None:
        if booted_at is None or command.sent_at is None or booted_at < command.sent_at:
            row.default_a, row.default_at = row.default_sent_a, command.finished_at or now
            row.default_attempts, row.default_retry_at = 0, None
            row.default_sent_a = row.default_command = None
            return "accepted"
        ending = "unknown"
    if ending == "unknown" and row.default_a is not None:
        row.default_a = max(row.default_a, row.default_sent_a)
    row.default_sent_a = row.default_command = None
    row.default_attempts = min(row.default_attempts + 1, 1000)
    row.default_retry_at = now + pause_after(row.default_attempts)
    return ending


# --- what happens at the station ---


def note_boot(row: Allotment, booted_at: datetime | None) -> bool:
    """A station that has started up may have lost its profiles, or kept them."""
    if booted_at is None:
        return False
    lost = False
    if row.default_a is not None and (row.default_at is None or booted_at >= row.default_at):
        row.default_a, row.default_attempts, row.default_retry_at, lost = None, 0, None, True
    if row.confirmed_a is not None and (row.confirmed_at is None or booted_at >= row.confirmed_at):
        row.confirmed_a, row.attempts, row.retry_at, lost = None, 0, None, True
    return lost


def note_session(row: Allotment, transaction_id: int | None) -> bool:
    """Another session, or none: limits of the last are over (OCPP 1.6 §3.13.1); whether it changed.

    One still under way may arrive late, and a station that doesn't look may follow it: it counts until it has ended,
    and in a new session until that has a limit of its own.
    """
    if row.transaction_id == transaction_id:
        if transaction_id is None and row.before_a is not None and ending_of(row.command) != "open":
            row.before_a = row.command = None
        return False
    row.transaction_id = transaction_id
    row.before_a = row.sent_a if row.state == State.SENDING else None
    if row.before_a is None:
        row.command = None
    row.state, row.sent_a, row.attempts = State.UNKNOWN, None, 0
    row.confirmed_a = row.confirmed_at = row.target_a = row.retry_at = None
    row.raised_at = row.served_since = row.waiting_since = None
    clear_watch(row)
    return True


def clear_watch(row: Allotment) -> None:
    """Nothing seen against it."""
    row.over_since = row.kept_since = row.distrusted_a = None
    row.over_stage = 0


def forget(row: Allotment, max_a: Decimal) -> None:
    """Load management lets go of the connector: from now on it may take all."""
    row.default_a = row.default_sent_a = row.default_at = row.default_sent_at = row.default_retry_at = None
    row.confirmed_a = row.before_a = row.sent_a = row.confirmed_at = row.retry_at = row.target_a = None
    row.command = row.default_command = None
    row.attempts = row.default_attempts = 0
    row.state, row.worst_a, row.reason = State.UNKNOWN, max_a, ""
    row.served_since = row.waiting_since = row.raised_at = None
    clear_watch(row)


# --- what is sent ---


def note_sent(row: Allotment, limit_a: Decimal, command: Command, now: datetime) -> None:
    """A limit of the session's own is stored for sending. What was under way before it may still arrive first."""
    if row.state == State.SENDING and row.sent_a is not None:
        row.before_a = max(row.before_a or Decimal(0), row.sent_a)
    if limit_a > (row.confirmed_a if row.confirmed_a is not None else Decimal(0)):
        row.raised_at = now
    row.state, row.sent_a, row.command, row.sent_at = State.SENDING, limit_a, command, now


def note_default_sent(row: Allotment, limit_a: Decimal, command: Command, now: datetime) -> None:
    """The default is stored for sending."""
    if row.default_sent_a is not None and row.default_a is not None:
        row.default_a = max(row.default_a, row.default_sent_a)
    row.default_sent_a, row.default_command, row.default_sent_at = limit_a, command, now


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many tries."""
    pause: timedelta = FIRST_PAUSE * 2 ** min(max(attempts, 1) - 1, 10)
    return min(pause, LONGEST_PAUSE)
