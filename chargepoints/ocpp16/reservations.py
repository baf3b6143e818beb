"""ReserveNow and CancelReservation: what the station's answers mean (OCPP 1.6 §5.2, §5.13)."""

from typing import Any

from chargepoints.context import StationContext
from chargepoints.protocol.registry import on_command_reply
from chargepoints.services.reservations import cancellation_answered, reservation_answered


@on_command_reply("1.6", "ReserveNow")
def reserved(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    """Accepted, or the reason why not."""
    reservation_answered(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        protocol_id=asked["reservationId"],
        status=reply["status"],
    )


@on_command_reply("1.6", "CancelReservation")
def cancelled(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    """Either way there is none any more."""
    cancellation_answered(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        protocol_id=asked["reservationId"],
        status=reply["status"],
    )
