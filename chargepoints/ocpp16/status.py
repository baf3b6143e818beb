"""StatusNotification (OCPP 1.6 §4.9, §5.14)."""

from typing import Any

from chargepoints.context import StationContext
from chargepoints.ocpp16.fields import connector_id, timestamp
from chargepoints.protocol.errors import Code, OcppError
from chargepoints.protocol.registry import on_call
from chargepoints.services.status import Notification, record_status


@on_call("1.6", "StatusNotification")
def status_notification(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Connector n is EVSE n; 0 is the station."""
    number = connector_id(payload)
    if number < 0:
        raise OcppError(Code.PROPERTY, f"connectorId: {number} is out of range")
    record_status(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        notification=Notification(
            evse_number=number,
            status=payload["status"],
            error_code=payload["errorCode"],
            received_at=context.received_at,
            at=timestamp(payload, context) if payload.get("timestamp") else None,
            info=payload.get("info") or "",
            vendor_id=payload.get("vendorId") or "",
            vendor_error_code=payload.get("vendorErrorCode") or "",
        ),
    )
    return {}
