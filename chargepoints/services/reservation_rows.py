"""Rows of reservations: found under lock, changed, ended once, numbered. Callers own the transaction."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext

from chargepoints.events import ReservationCreated, ReservationEnded
from chargepoints.models import ChargePoint, Reservation
from chargepoints.protocol.errors import Code, violation
from tenants.context import scope_connection
from tenants.events import publish
from tenants.stored_words import stored

State = Reservation.State
# Where a station can hold nothing (OCPP 1.6 §3.11).
BROKEN = {"Faulted", "Unavailable"}
NO_SUCH = stored("The charge point had no such reservation.")


def locked(**wanted: Any) -> Reservation | None:
    """The one row, locked."""
    rows = Reservation.objects.select_for_update(of=("self",)).select_related("charge_point")
    return rows.filter(**wanted).first()


def set_state(row: Reservation, state: str) -> None:
    """Save it so."""
    row.state = state
    row.save()


def end_reservation(row: Reservation, state: str, detail: str) -> None:
    """Its end, told once."""
    row.detail, row.ended_at = detail[:120], timezone.now()
    set_state(row, state)
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


def activate(row: Reservation) -> None:
    """The station holds it from now on."""
    set_state(row, State.ACTIVE)
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


def refuse_taken_number(stations: Any, number: Any) -> None:
    """OcppError for a reservationId that a reservation of one of these stations has: it would be lost from sight."""
    if Reservation.objects.filter(charge_point__in=stations, protocol_id=number).exists():
        fault = gettext("A reservation has this number already. reserve-now gives one that is free.")
        raise violation(Code.PROPERTY, "reservationId", fault)


def next_number(station: ChargePoint) -> int:
    """A number that none of the station's reservations has; one sent by hand may have taken any."""
    with scope_connection().cursor() as cursor:
        while True:
            cursor.execute("SELECT nextval('chargepoints_reservation_protocol_id')")
            number = int(cursor.fetchone()[0])
            if not Reservation.objects.filter(charge_point=station, protocol_id=number).exists():
                return number


def expire_due(station: ChargePoint, now: datetime) -> None:
    """Those that the sweep has not come to yet must not stand in the way."""
    due = Reservation.objects.filter(charge_point=station, state__in=Reservation.OPEN, expires_at__lte=now)
    for pk in due.values_list("pk", flat=True):
        row = locked(pk=pk)
        if row is not None and row.state in Reservation.OPEN:
            end_reservation(row, State.EXPIRED, "")
