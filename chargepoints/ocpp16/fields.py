"""Fields that several 1.6 messages share."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from chargepoints.context import StationContext
from chargepoints.protocol.errors import Code, OcppError
from chargepoints.protocol.timestamps import format_timestamp, read_timestamp
from chargepoints.services.authorize import Verdict

# The largest connector number that makes sense, and the largest register (10 TWh) that we store exactly.
MAX_CONNECTOR = 1000
MAX_WH = 10**13


def connector_id(payload: dict[str, Any]) -> int:
    """`connectorId`, refused where no station could mean it."""
    number = int(payload["connectorId"])
    if not -MAX_CONNECTOR <= number <= MAX_CONNECTOR:
        raise OcppError(Code.PROPERTY, f"connectorId: {number} is out of range")
    return number


def register_wh(payload: dict[str, Any], name: str) -> Decimal:
    """A meter register in Wh."""
    value = int(payload[name])
    if not -MAX_WH < value < MAX_WH:
        raise OcppError(Code.PROPERTY, f"{name}: {value} is out of range")
    return Decimal(value)


def timestamp(payload: dict[str, Any], context: StationContext, name: str = "timestamp") -> datetime:
    """A time as the station gives it; our receipt where it can't be read (lenient) or is absurd."""
    text = payload.get(name)
    if not text:
        return context.received_at
    try:
        return read_timestamp(text)
    except ValueError as error:
        raise OcppError(Code.PROPERTY, f"{name}: {error}") from None


def id_tag_info(verdict: Verdict) -> dict[str, Any]:
    """IdTagInfo (OCPP 1.6 §7.27)."""
    info: dict[str, Any] = {"status": verdict.status}
    if verdict.parent_token:
        info["parentIdTag"] = verdict.parent_token[:20]
    if verdict.expires_at is not None:
        info["expiryDate"] = format_timestamp(verdict.expires_at)
    return info
