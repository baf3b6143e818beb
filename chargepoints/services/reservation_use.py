"""What sessions and states do to reservations: use them up, end them. In the caller's transaction."""

from datetime import timedelta

from django.utils import timezone

from chargepoints.events import ReservationUsed
from chargepoints.models import ChargePoint, Connector, Reservation, Transaction
from chargepoints.services.authorize import ACCEPTED, same_group
from chargepoints.services.reservation_rows import BROKEN, State, end_reservation, locked, set_state
from tenants.events import publish

CLOCK_TOLERANCE = timedelta(minutes=5)
OTHERS_RESERVATION = "connector_reserved_for_another"


def note_start(session: Transaction) -> None:
    """A session uses up the reservation that it names, or that is held for its tag or its parent where it starts.

    One on a connector held for another tag is flagged: letting it in is for the station to refuse. In the open
    transaction of the start; replays of what began before the reservation change nothing.
    """
    named = _named(session)
    if named is not None:
        _use(named, session)
        return
    if session.verdict != ACCEPTED:
        return
    numbers = [session.evse.number, 0]
    open_rows = Reservation.objects.select_for_update(of=("self",)).select_related("charge_point")
    held = open_rows.filter(
        charge_point=session.charge_point_id,
        state__in=Reservation.OPEN,
        evse_number__in=numbers,
        # A late replay of an offline session began before anyone reserved; clocks differ a little.
        created_at__lte=session.started_at + CLOCK_TOLERANCE,
        expires_at__gt=session.started_at,
    )
    rows = list(held)
    for row in sorted(rows, key=lambda one: numbers.index(one.evse_number)):
        if _is_for(row, session):
            _use(row, session)
            return
    if any(row.evse_number for row in rows):
        session.flags = [*session.flags, OTHERS_RESERVATION]
        session.save(update_fields=["flags"])


def _named(session: Transaction) -> Reservation | None:
    """By reservationId, also one that has expired meanwhile: the start may arrive late."""
    if session.reservation_id is None:
        return None
    row = locked(charge_point_id=session.charge_point_id, protocol_id=session.reservation_id)
    if row is None or row.state in Reservation.OPEN:
        return row
    return row if row.state == State.EXPIRED and session.started_at <= row.expires_at else None


def _is_for(row: Reservation, session: Transaction) -> bool:
    if same_group(row.id_tag, session.id_tag):
        return True
    parent = row.parent_id_tag.lower()
    tag = session.id_tag_row
    own = tag.parent.token if tag is not None and tag.parent is not None else ""
    return bool(parent) and parent in (session.id_tag.lower(), own.lower())


def _use(row: Reservation, session: Transaction) -> None:
    row.transaction = session
    row.ended_at = timezone.now()
    set_state(row, State.USED)
    publish(
        ReservationUsed(
            charge_point=row.charge_point.identity,
            at=session.started_at,
            reservation_id=row.protocol_id,
            connector_id=session.evse.number,
            id_tag=session.id_tag,
            session_id=session.pk,
            transaction_id=session.protocol_id,
        )
    )


def end_by_status(charge_point: ChargePoint, evse_number: int, status: str) -> None:
    """A connector (0: the station) that turns Faulted or Unavailable ends its reservations (OCPP 1.6 §3.11).

    One for any connector ends with the last connector that was fit for it. In the caller's transaction.
    """
    rows = Reservation.objects.select_for_update(of=("self",)).select_related("charge_point")
    open_rows = rows.filter(charge_point=charge_point, state__in=(State.ACTIVE, State.CANCELLING))
    if evse_number:
        fit = Connector.objects.filter(charge_point=charge_point, evse__number__gt=0).exclude(status__in=BROKEN)
        touched = [evse_number] if fit.exists() else [evse_number, 0]
        open_rows = open_rows.filter(evse_number__in=touched)
    for row in open_rows:
        end_reservation(row, State.ENDED, status)
