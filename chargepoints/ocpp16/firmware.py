"""Firmware updates (OCPP 1.6 §4.5, §6.19; Security Whitepaper L01): what stations say of them."""

from typing import Any

from chargepoints.context import StationContext
from chargepoints.protocol.registry import before_reply, on_call, on_command_reply
from chargepoints.services.firmware_updates import confirm_by_boot, record_answer, record_firmware_status


@on_call("1.6", "FirmwareStatusNotification")
def firmware_status_notification(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Of the update that is under way: the message names none."""
    _record(context, payload, signed=False)
    return {}


@on_call("1.6", "SignedFirmwareStatusNotification")
def signed_firmware_status_notification(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """`requestId` is left out only where the station was asked for its status and does nothing (Idle)."""
    _record(context, payload, signed=True)
    return {}


def _record(context: StationContext, payload: dict[str, Any], *, signed: bool) -> None:
    record_firmware_status(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        status=payload["status"],
        request_id=payload.get("requestId"),
        signed=signed,
        at=context.received_at,
    )


@on_command_reply("1.6", "SignedUpdateFirmware")
def signed_update_answered(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    """Refused certificates end the update."""
    record_answer(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        request_id=asked["requestId"],
        status=reply["status"],
    )


@before_reply("1.6", "BootNotification")
def booted_with_new_firmware(context: StationContext, payload: dict[str, Any], reply: dict[str, Any]) -> None:
    """A station that has updated itself says so by its version, if by nothing else."""
    confirm_by_boot(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        version=payload.get("firmwareVersion") or "",
        at=context.received_at,
    )
