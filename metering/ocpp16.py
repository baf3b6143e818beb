"""MeterValues, and the readings that starts and stops carry (OCPP 1.6 §4.7, §5.10)."""

from datetime import datetime
from typing import Any

import structlog

from chargepoints.context import LookUpFailed, StationContext
from chargepoints.ocpp16.fields import connector_id, register_wh, timestamp
from chargepoints.protocol.errors import Code, OcppError
from chargepoints.protocol.registry import before_reply, on_call
from metering.ingest.message import MeterMessage
from metering.ingest.process import get_ingest
from metering.ingest.writer import IngestUnavailable
from metering.metrics import SKIPPED
from metering.readings import BEGIN, END, ENERGY, Parsed, Reading, parse_meter_values, register_reading

log = structlog.get_logger(__name__)

UNMATCHED_STOP = "unmatched_stop"
UNAVAILABLE = "readings can't be stored now"
# Our id of a session, or the protocol's where ours could not be looked up.
Session = tuple[int | None, str]
NO_SESSION: Session = (None, "")


@on_call("1.6", "MeterValues")
async def meter_values(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Durable before the answer. The hot path: no ORM, no thread."""
    parsed = parse_meter_values(payload["meterValue"])
    session = await _session(context, payload.get("transactionId"))
    await _store(_message(context, max(connector_id(payload), 0), session, parsed))
    return {}


@before_reply("1.6", "StartTransaction")
async def store_start(context: StationContext, payload: dict[str, Any], reply: dict[str, Any]) -> None:
    """`meterStart` is a reading of the register, part of what the answer acknowledges."""
    at = timestamp(payload, context)
    reading = register_reading(register_wh(payload, "meterStart"), at, BEGIN)
    session = await _session(context, reply["transactionId"])
    await _store(_message(context, max(connector_id(payload), 0), session, Parsed([reading], [], 0)))


@before_reply("1.6", "StopTransaction")
async def store_stop(context: StationContext, payload: dict[str, Any], reply: dict[str, Any]) -> None:
    """`meterStop` and `transactionData`. Never the reason for a CALLERROR, unless nothing can be stored at all.

    A stop of an unknown session names no EVSE: its readings are kept in quarantine.
    """
    try:
        transaction_id = await context.transaction_of(payload["transactionId"])
    except LookUpFailed:
        # The EVSE is the session's. The stop itself is stored: the station sends it again, and that changes nothing.
        raise OcppError(Code.INTERNAL, UNAVAILABLE) from None
    parsed = parse_meter_values(payload.get("transactionData") or [])
    at = timestamp(payload, context)
    if transaction_id is None:
        message = _message(context, 0, NO_SESSION, Parsed([], parsed.signed, parsed.skipped))
        message.quarantined = [(UNMATCHED_STOP, reading) for reading in parsed.readings]
    else:
        if not any(_is_end_register(reading, at) for reading in parsed.readings):
            parsed.readings.append(register_reading(register_wh(payload, "meterStop"), at, END))
        message = _message(context, context.evse_of(transaction_id), (transaction_id, ""), parsed)
    try:
        await _store(message)
    except OcppError:
        raise
    except Exception:
        # The database refuses them for good; a station that got an error would repeat the stop for ever.
        log.exception("readings of a stop lost", charge_point_id=context.charge_point_id)


def _is_end_register(reading: Reading, at: datetime) -> bool:
    return reading.context == END and reading.at == at and reading.kind.measurand == ENERGY and not reading.kind.phase


async def _session(context: StationContext, named: int | str | None) -> Session:
    """While the database can't be asked, the session is found when the readings get there."""
    try:
        if get_ingest().writer_of(context.tenant_id).is_spilling and not context.has_met(named):
            return None, str(named)
        return await context.transaction_of(named), ""
    except LookUpFailed:
        return None, str(named)


def _message(context: StationContext, evse_number: int, session: Session, parsed: Parsed) -> MeterMessage:
    if parsed.skipped:
        SKIPPED.inc(parsed.skipped)
    return MeterMessage(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        evse_number=evse_number,
        transaction_id=session[0],
        received_at=context.received_at,
        readings=parsed.readings,
        signed=parsed.signed,
        named_transaction=session[1],
    )


async def _store(message: MeterMessage) -> None:
    """Durable on return. OcppError while nothing can be stored: the station keeps its queue and tries again."""
    if not message.size:
        return
    try:
        await get_ingest().write(message)
    except IngestUnavailable as error:
        raise OcppError(Code.INTERNAL, str(error)) from None
