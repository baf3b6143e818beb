"""ReserveNow and CancelReservation sent by hand (`call`, bulk, the admin's forms), past `reservations`.

The station decides about them alone. What it has accepted is held, whoever asked: it gets its row here, in the
transaction that writes the answer down, and is used, expires and is cancelled as any other from then on.
"""

from chargepoints.models import Command, Reservation
from chargepoints.protocol.timestamps import parse_timestamp
from chargepoints.services.answers import answer_of
from chargepoints.services.reservation_rows import NO_SUCH, State, activate, end_reservation, locked


def adopt_reservation(command: Command) -> None:
    """Keep what the station has just accepted. One that it held for the same connector is no more."""
    if answer_of(command) != "Accepted" or Reservation.objects.filter(command=command).exists():
        return
    asked, station = command.payload, command.charge_point
    number, evse_number = asked["reservationId"], asked["connectorId"]
    held = Reservation.objects.filter(charge_point=station, evse_number=evse_number, state__in=Reservation.OPEN)
    for pk in held.exclude(protocol_id=number).values_list("pk", flat=True):
        earlier = locked(pk=pk)
        if earlier is not None and earlier.state in Reservation.OPEN:
            end_reservation(earlier, State.ENDED, f"Reservation {number} has taken its place.")
    # The same number again changes what is held by it (OCPP 1.6 §5.13).
    row = locked(charge_point=station, protocol_id=number)
    if row is None:
        row = Reservation(tenant_id=station.tenant_id, charge_point=station, protocol_id=number)
    row.evse_number, row.id_tag, row.parent_id_tag = evse_number, asked["idTag"], asked.get("parentIdTag", "")
    row.expires_at = parse_timestamp(asked["expiryDate"])
    row.command, row.cancel_command, row.requested_by = command, None, command.requested_by
    row.transaction, row.ended_at, row.detail = None, None, ""
    activate(row)


def adopt_cancellation(command: Command) -> None:
    """Accepted: let go. Rejected: there was none. Either way it is over (OCPP 1.6 §5.2)."""
    answer = answer_of(command)
    if not answer:
        return
    row = locked(charge_point=command.charge_point_id, protocol_id=command.payload["reservationId"])
    if row is not None and row.state in Reservation.OPEN and row.cancel_command_id != command.pk:
        row.cancel_command = command
        end_reservation(row, State.CANCELLED, "" if answer == "Accepted" else NO_SUCH)
