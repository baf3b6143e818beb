"""By beat: reservations that expire, and those whose answer was refused, lost or came too late."""

from contextlib import suppress
from datetime import datetime, timedelta

from django.db.models import Q

from chargepoints.models import CommandState, Reservation
from chargepoints.services.answers import answer_of
from chargepoints.services.commands import send_command
from chargepoints.services.reservation_rows import NO_SUCH, State, end_reservation, locked, set_state
from chargepoints.services.reservations import settle_request
from tenants.context import system_transaction, tenant_transaction
from tenants.databases.fence import TenantMoving

SETTLED_AT_ONCE = 500
# After its time-out a command may still be answered: so long the reservation waits for that.
LATE_ANSWER = timedelta(seconds=60)
ASKED_BY = "system"


def sweep_reservations(now: datetime) -> int:
    """End what has expired, and what waits for an answer that was refused, lost or came too late."""
    unanswered = Q(state=State.REQUESTED) & ~Q(command__state__in=("queued", "sent"))
    uncancelled = Q(state=State.CANCELLING) & ~Q(cancel_command__state__in=("queued", "sent"))
    with system_transaction():
        due = Reservation.objects.filter(state__in=Reservation.OPEN).filter(
            Q(expires_at__lte=now) | unanswered | uncancelled
        )
        found = list(due.order_by("expires_at").values_list("tenant_id", "pk")[:SETTLED_AT_ONCE])
    for tenant_id, pk in found:
        with suppress(TenantMoving), tenant_transaction(tenant_id):
            row = locked(pk=pk)
            if row is not None and row.state in Reservation.OPEN:
                _settle(row, now)
    return len(found)


def _settle(row: Reservation, now: datetime) -> None:
    if row.expires_at <= now:
        end_reservation(row, State.EXPIRED, "")
    elif row.state == State.CANCELLING:
        _settle_cancellation(row)
    else:
        _settle_lost(row, now)


def _settle_cancellation(row: Reservation) -> None:
    """Its answer was written down but not acted on, or there was none: then the station still holds it."""
    command = row.cancel_command
    answer = answer_of(command)
    if answer:
        end_reservation(row, State.CANCELLED, "" if answer == "Accepted" else NO_SUCH)
    else:
        row.detail = "Not cancelled: " + (command.get_state_display() if command else "no answer")
        set_state(row, State.ACTIVE)


def _settle_lost(row: Reservation, now: datetime) -> None:
    command = row.command
    if answer := answer_of(command):
        settle_request(row, answer)
    elif command is None or command.state == CommandState.CANCELLED:
        end_reservation(row, State.CANCELLED, "Not sent.")
    elif command.state == CommandState.FAILED and command.error_code != "ConnectionLost":
        end_reservation(row, State.REJECTED, command.error_code)
    elif command.finished_at is None or command.finished_at < now - LATE_ANSWER:
        end_reservation(row, State.REJECTED, "No answer.")
        if command.sent_at is not None:
            _let_go(row)


def _let_go(row: Reservation) -> None:
    """It may hold the connector without our knowing: told once more, when it can be told."""
    send_command(
        charge_point=row.charge_point,
        action="CancelReservation",
        payload={"reservationId": row.protocol_id},
        requested_by=ASKED_BY,
        origin="system",
        expires_at=row.expires_at,
        vetted=True,
    )
