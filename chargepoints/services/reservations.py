"""Reservations (OCPP 1.6 §3.11, §5.2, §5.13): asked for, held by the station, used, cancelled, ended.

The station holds a reservation; what is kept here follows what it says. Asking and cancelling lock the charge point's
row first, as sessions do; every change locks the reservation's row and looks at its state again.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import connections
from django.db.models import Q
from django.utils import timezone

from chargepoints.events import ReservationCreated, ReservationEnded, ReservationUsed
from chargepoints.models import ChargePoint, Command, CommandState, Connector, Reservation, Transaction
from chargepoints.protocol.timestamps import format_timestamp
from chargepoints.reported_keys import reported_flag, supports_profile
from chargepoints.services.authorize import ACCEPTED, find_tag, may_reserve, same_group
from chargepoints.services.commands import StationOffline, send_command
from tenants.context import APP_ALIAS, system_transaction, tenant_transaction
from tenants.events import publish

State = Reservation.State
LONGEST = timedelta(days=7)
CLOCK_TOLERANCE = timedelta(minutes=5)
# OCPP 1.6's idToken.
LONGEST_TOKEN = 20
BROKEN = {"Faulted", "Unavailable"}
OTHERS_RESERVATION = "connector_reserved_for_another"
SETTLED_AT_ONCE = 500
# After its time-out a command may still be answered: so long the reservation waits for that.
LATE_ANSWER = timedelta(seconds=60)
ASKED_BY = "system"


class ReservationRefused(Exception):
    """The state of things forbids it. `reason` is its name for programs, the text a sentence for people."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class InvalidExpiry(ValueError):
    """Not in the future, or too far in it."""


def check_expiry(expires_at: datetime, now: datetime) -> None:
    """Raises InvalidExpiry."""
    if expires_at <= now:
        raise InvalidExpiry("Must be in the future.")
    if expires_at > now + LONGEST:
        raise InvalidExpiry(f"At most {LONGEST.days} days ahead.")


# --- asking ---


def reserve_now(
    *,
    charge_point: ChargePoint,
    evse_number: int,
    id_tag: str,
    expires_at: datetime,
    requested_by: str,
    origin: str,
    parent_id_tag: str = "",
) -> Reservation:
    """Ask the station to hold a connector (0: any) for a tag. Without a parent given, the tag's own.

    Raises InvalidExpiry, ReservationRefused, StationOffline; OcppError where 1.6 can't carry the tag.
    """
    now = timezone.now()
    check_expiry(expires_at, now)
    token = id_tag.strip()
    with tenant_transaction(charge_point.tenant_id):
        station = ChargePoint.objects.select_for_update(of=("self",)).get(pk=charge_point.pk)
        if not may_reserve(token, now=now):
            raise ReservationRefused("id_tag_not_valid", "The id tag is not valid.")
        _expire_due(station, now)
        _check_station(station, evse_number)
        _check_connectors(station, evse_number)
        tag = find_tag(token)
        parent = parent_id_tag.strip() or (tag.parent.token if tag and tag.parent else "")
        protocol_id = _next_id()
        command = send_command(
            charge_point=station,
            action="ReserveNow",
            payload=_payload(evse_number, token, parent, expires_at, protocol_id),
            requested_by=requested_by,
            origin=origin,
        )
        return Reservation.objects.create(
            tenant_id=station.tenant_id,
            charge_point=station,
            evse_number=evse_number,
            protocol_id=protocol_id,
            id_tag=token,
            parent_id_tag=parent,
            expires_at=expires_at,
            command=command,
            requested_by=requested_by,
        )


def _payload(evse_number: int, token: str, parent: str, expires_at: datetime, protocol_id: int) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "connectorId": evse_number,
        "expiryDate": format_timestamp(expires_at),
        "idTag": token,
        "reservationId": protocol_id,
    }
    if parent:
        # Cut as in idTagInfo, so that the station finds them equal.
        payload["parentIdTag"] = parent[:LONGEST_TOKEN]
    return payload


def _check_station(station: ChargePoint, evse_number: int) -> None:
    if supports_profile(station, "Reservation") is False:
        raise ReservationRefused("not_supported", "The charge point says that it does not support reservations.")
    if evse_number == 0 and not reported_flag(station, "ReserveConnectorZeroSupported"):
        raise ReservationRefused(
            "connector_zero_not_supported",
            "The charge point does not report that it can reserve any connector (ReserveConnectorZeroSupported).",
        )
    if station.status in BROKEN:
        raise ReservationRefused(station.status.lower(), f"The charge point is {station.status}.")


def _check_connectors(station: ChargePoint, evse_number: int) -> None:
    """Against what is known; the station has the last word."""
    found = {
        row.evse.number: row
        for row in Connector.objects.select_related("evse").filter(charge_point=station, evse__number__gt=0)
    }
    taken = list(Reservation.objects.filter(charge_point=station, state__in=Reservation.OPEN))
    if any(one.evse_number == evse_number for one in taken) or (found and len(taken) >= len(found)):
        raise ReservationRefused("reserved", "Another reservation holds it.")
    if not found:
        return
    if evse_number and evse_number not in found:
        raise ReservationRefused("unknown_connector", f"The charge point has no connector {evse_number}.")
    busy = _busy(station)
    held = {one.evse_number for one in taken}
    candidates = [found[evse_number]] if evse_number else [row for number, row in found.items() if number not in held]
    refusals = [_refusal(row, busy) for row in candidates]
    if None not in refusals:
        raise next(one for one in refusals if one is not None)


def _busy(station: ChargePoint) -> set[int]:
    running = Transaction.objects.filter(charge_point=station, state=Transaction.State.ACTIVE, verdict=ACCEPTED)
    return set(running.values_list("evse__number", flat=True))


def _refusal(connector: Connector, busy: set[int]) -> ReservationRefused | None:
    number, status = connector.evse.number, connector.status
    if status in BROKEN:
        return ReservationRefused(status.lower(), f"Connector {number} is {status}.")
    if status == "Reserved":
        return ReservationRefused("reserved", f"Connector {number} is reserved.")
    if number in busy or status not in {"", "Available"}:
        return ReservationRefused("occupied", f"Connector {number} is in use.")
    return None


def reservation_answered(*, tenant_id: int, charge_point_id: int, protocol_id: int, status: str) -> None:
    """ReserveNow.conf (OCPP 1.6 §7.38): Accepted, or its word for why not."""
    with tenant_transaction(tenant_id):
        row = _locked(charge_point_id=charge_point_id, protocol_id=protocol_id)
        if row is not None:
            _settle_request(row, status)


def _settle_request(row: Reservation, status: str) -> None:
    if row.state not in (State.REQUESTED, State.CANCELLING):
        return
    if status != "Accepted":
        _end(row, State.REJECTED, status)
    elif row.state == State.REQUESTED:
        _set(row, State.ACTIVE)
        publish(
            ReservationCreated(
                charge_point=row.charge_point.identity,
                at=timezone.now(),
                reservation_id=row.protocol_id,
                connector_id=row.evse_number,
                id_tag=row.id_tag,
                parent_id_tag=row.parent_id_tag,
                expires_at=row.expires_at,
            )
        )


# --- cancelling ---


def cancel_reservation(*, reservation: Reservation, requested_by: str, origin: str) -> Command:
    """Ask the station to let go. Raises ReservationRefused, StationOffline."""
    with tenant_transaction(reservation.tenant_id):
        row = _locked(pk=reservation.pk)
        if row is None or row.state not in Reservation.OPEN:
            raise ReservationRefused("ended", "The reservation has ended.")
        if row.state == State.CANCELLING:
            raise ReservationRefused("being_cancelled", "It is being cancelled already.")
        command = send_command(
            charge_point=row.charge_point,
            action="CancelReservation",
            payload={"reservationId": row.protocol_id},
            requested_by=requested_by,
            origin=origin,
        )
        row.cancel_command = command
        _set(row, State.CANCELLING)
    return command


def cancellation_answered(*, tenant_id: int, charge_point_id: int, protocol_id: int, status: str) -> None:
    """CancelReservation.conf (OCPP 1.6 §5.2). Rejected: the station has no such reservation, so it is over as well."""
    with tenant_transaction(tenant_id):
        row = _locked(charge_point_id=charge_point_id, protocol_id=protocol_id)
        if row is not None and row.state in Reservation.OPEN:
            _end(row, State.CANCELLED, "" if status == "Accepted" else "The charge point had no such reservation.")


# --- what sessions and states do to them ---


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
    row = _locked(charge_point_id=session.charge_point_id, protocol_id=session.reservation_id)
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
    _set(row, State.USED)
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
        _end(row, State.ENDED, status)


# --- by beat ---


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
        with tenant_transaction(tenant_id):
            row = _locked(pk=pk)
            if row is not None and row.state in Reservation.OPEN:
                _settle(row, now)
    return len(found)


def _settle(row: Reservation, now: datetime) -> None:
    if row.expires_at <= now:
        _end(row, State.EXPIRED, "")
    elif row.state == State.CANCELLING:
        _settle_cancellation(row)
    else:
        _settle_lost(row, now)


def _settle_cancellation(row: Reservation) -> None:
    """Its answer was written down but not acted on, or there was none: then the station still holds it."""
    command = row.cancel_command
    answer = _answer_of(command)
    if answer:
        _end(row, State.CANCELLED, "" if answer == "Accepted" else "The charge point had no such reservation.")
    else:
        row.detail = "Not cancelled: " + (command.get_state_display() if command else "no answer")
        _set(row, State.ACTIVE)


def _settle_lost(row: Reservation, now: datetime) -> None:
    command = row.command
    if answer := _answer_of(command):
        _settle_request(row, answer)
    elif command is None or command.state == CommandState.CANCELLED:
        _end(row, State.CANCELLED, "Not sent.")
    elif command.state == CommandState.FAILED and command.error_code != "ConnectionLost":
        _end(row, State.REJECTED, command.error_code)
    elif command.finished_at is None or command.finished_at < now - LATE_ANSWER:
        _end(row, State.REJECTED, "No answer.")
        if command.sent_at is not None:
            _let_go(row)


def _let_go(row: Reservation) -> None:
    """It may hold the connector without our knowing: told once more, when it can be told."""
    try:
        send_command(
            charge_point=row.charge_point,
            action="CancelReservation",
            payload={"reservationId": row.protocol_id},
            requested_by=ASKED_BY,
            origin="system",
            expires_at=row.expires_at,
        )
    except StationOffline:  # pragma: no cover (it waits until the reservation would have expired)
        return


def _answer_of(command: Command | None) -> str:
    """The station's word, also one that came after the time-out; empty: none."""
    for reply in (command.reply, command.late_reply) if command is not None else ():
        if isinstance(reply, dict) and isinstance(reply.get("status"), str):
            return str(reply["status"])
    return ""


def _expire_due(station: ChargePoint, now: datetime) -> None:
    """Those that the sweep has not come to yet must not stand in the way."""
    due = Reservation.objects.filter(charge_point=station, state__in=Reservation.OPEN, expires_at__lte=now)
    for pk in due.values_list("pk", flat=True):
        row = _locked(pk=pk)
        if row is not None and row.state in Reservation.OPEN:
            _end(row, State.EXPIRED, "")


# --- rows ---


def _locked(**wanted: Any) -> Reservation | None:
    rows = Reservation.objects.select_for_update(of=("self",)).select_related("charge_point")
    return rows.filter(**wanted).first()


def _set(row: Reservation, state: str) -> None:
    row.state = state
    row.save()


def _end(row: Reservation, state: str, detail: str) -> None:
    """Its end, told once."""
    row.detail, row.ended_at = detail[:120], timezone.now()
    _set(row, state)
    publish(
        ReservationEnded(
            charge_point=row.charge_point.identity,
            at=timezone.now(),
            reservation_id=row.protocol_id,
            connector_id=row.evse_number,
            state=state,
            detail=row.detail,
        )
    )


def _next_id() -> int:
    with connections[APP_ALIAS].cursor() as cursor:
        cursor.execute("SELECT nextval('chargepoints_reservation_protocol_id')")
        return int(cursor.fetchone()[0])
