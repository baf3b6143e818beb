"""Heartbeat (OCPP 1.6 §4.6, §5.9)."""

from typing import Any

from chargepoints.context import StationContext
from chargepoints.protocol.registry import on_call
from chargepoints.protocol.timestamps import format_timestamp


@on_call("1.6", "Heartbeat")
async def heartbeat(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """The time. That the station lives is noted for every frame, off the reply path: no SQL here."""
    return {"currentTime": format_timestamp(context.received_at)}
