"""DataTransfer from a station (OCPP 1.6 §5.6)."""

from typing import Any

from chargepoints.context import StationContext
from chargepoints.protocol.registry import on_call
from chargepoints.services.data_transfer import receive_data


@on_call("1.6", "DataTransfer")
def data_transfer(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Hand it to the vendor's handler; unknown vendors and messages get their own status."""
    status, data = receive_data(
        context,
        vendor_id=payload["vendorId"],
        message_id=payload.get("messageId") or "",
        data=payload.get("data") or "",
    )
    return {"status": status} if data is None else {"status": status, "data": data}
