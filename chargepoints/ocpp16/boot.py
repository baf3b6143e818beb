"""BootNotification (OCPP 1.6 §4.2, §5.2)."""

from typing import Any

from chargepoints.context import StationContext
from chargepoints.models import Registration
from chargepoints.protocol.registry import after_call, on_call
from chargepoints.protocol.timestamps import format_timestamp
from chargepoints.services.boot import record_boot
from chargepoints.services.configuration import read_configuration

FIELDS = {
    "chargePointVendor": "vendor",
    "chargePointModel": "model",
    "chargePointSerialNumber": "serial_number",
    "firmwareVersion": "firmware_version",
}


@on_call("1.6", "BootNotification")
def boot_notification(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Keep what it says; answer whether it may work, and the time."""
    fields = {name: payload[key] for key, name in FIELDS.items() if payload.get(key)}
    booted = record_boot(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        info=payload,
        fields=fields,
        received_at=context.received_at,
    )
    context.accepted = booted.registration == Registration.ACCEPTED
    return {
        "status": booted.registration,
        "currentTime": format_timestamp(context.received_at),
        "interval": booted.interval,
    }


@after_call("1.6", "BootNotification")
def read_its_configuration(context: StationContext, payload: dict[str, Any], reply: dict[str, Any]) -> None:
    """Only once the answer is out: an unaccepted station may refuse other calls."""
    if reply["status"] == Registration.ACCEPTED:
        read_configuration(tenant_id=context.tenant_id, charge_point_id=context.charge_point_id)
