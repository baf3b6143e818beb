"""What StatusNotification says of the station's clock (OCPP 1.6 §4.9). Readings say it themselves."""

from typing import Any

from chargepoints.context import StationContext
from chargepoints.protocol.registry import after_call
from chargepoints.protocol.timestamps import read_timestamp
from metering.ingest.process import get_ingest


@after_call("1.6", "StatusNotification")
async def note_its_time(context: StationContext, payload: dict[str, Any], reply: dict[str, Any]) -> None:
    """On the event loop, in memory."""
    text = payload.get("timestamp")
    if not text:
        return
    try:
        at = read_timestamp(text)
    except ValueError:
        return
    get_ingest().watch.note_time(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        received_at=context.received_at,
        at=at,
    )
