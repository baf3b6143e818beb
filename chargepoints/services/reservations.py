"""Reservations (OCPP 1.6 §3.11, §5.2, §5.13): asked for, held by the station, let go.

The station holds a reservation; what is kept here follows what it says. Asking and cancelling lock the charge point's
row first, as sessions do; every change locks the reservation's row and looks at its state again.
Beside this: `reservation_checks`, `reservation_use` (sessions and states), `reservation_sweep`, `reservation_adoption`
(sent by hand, past this service).
"""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext

from chargepoints.models import ChargePoint, Command, Reservation
from chargepoints.protocol.timestamps import format_timestamp
from chargepoints.services.authorize import find_tag, may_reserve
from chargepoints.services.commands import send_command
from chargepoints.services.reservation_checks import (
    ReservationRefused,
    check_connectors,
    check_expiry,
    check_station,
)
from chargepoints.services.reservation_rows import (
    NO_SUCH,
    State,
    activate,
    end_reservation,
    expire_due,
    locked,
    next_number,
    set_state,
)
from tenants.context import tenant_transaction

# OCPP 1.6's idToken.
LONGEST_TOKEN = 20


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
            raise ReservationRefused("id_tag_not_valid", gettext("The id tag is not valid."))
        expire_due(station, now)
        check_station(station, evse_number)
        check_connectors(station, evse_number)
        tag = find_tag(token)
        parent = parent_id_tag.strip() or (tag.parent.token if tag and tag.parent else "")
        protocol_id = next_number(station)
        command = send_command(
            charge_point=station,
            action="ReserveNow",
            payload=_payload(evse_number, token, parent, expires_at, protocol_id),
            requested_by=requested_by,
            origin=origin,
            vetted=True,
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


def cancel_reservation(*, reservation: Reservation, requested_by: str, origin: str) -> Command:
    """Ask the station to let go. Raises ReservationRefused, StationOffline."""
    with tenant_transaction(reservation.tenant_id):
        row = locked(pk=reservation.pk)
        if row is None or row.state not in Reservation.OPEN:
            raise ReservationRefused("ended", gettext("The reservation has ended."))
        if row.state == State.CANCELLING:
            raise ReservationRefused("being_cancelled", gettext("It is being cancelled already."))
        command = send_command(
            charge_point=row.charge_point,
            action="CancelReservation",
            payload={"reservationId": row.protocol_id},
            requested_by=requested_by,
            origin=origin,
            vetted=True,
        )
        row.cancel_command = command
        set_state(row, State.CANCELLING)
    return command


# --- what the station says ---


def reservation_answered(*, tenant_id: int, charge_point_id: int, protocol_id: int, status: str) -> None:
    """ReserveNow.conf (OCPP 1.6 §7.38): Accepted, or its word for why not."""
    with tenant_transaction(tenant_id):
        row = locked(charge_point_id=charge_point_id, protocol_id=protocol_id)
        if row is not None:
            settle_request(row, status)


def settle_request(row: Reservation, status: str) -> None:
    """By the station's word; once. The row is locked."""
    if row.state not in (State.REQUESTED, State.CANCELLING):
        return
    if status != "Accepted":
        end_reservation(row, State.REJECTED, status)
    elif row.state == State.REQUESTED:
        activate(row)


def cancellation_answered(*, tenant_id: int, charge_point_id: int, protocol_id: int, status: str) -> None:
    """CancelReservation.conf (OCPP 1.6 §5.2). Rejected: the station has no such reservation, so it is over as well."""
    with tenant_transaction(tenant_id):
        row = locked(charge_point_id=charge_point_id, protocol_id=protocol_id)
        if row is not None and row.state in Reservation.OPEN:
            end_reservation(row, State.CANCELLED, "" if status == "Accepted" else NO_SUCH)
