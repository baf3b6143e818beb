"""MeterValues, and the readings that starts and stops carry (OCPP 1.6 §4.7, §5.10)."""

from typing import Any

from chargepoints.context import StationContext
from chargepoints.ocpp16.fields import connector_id, register_wh, timestamp
from chargepoints.protocol.registry import before_reply, on_call
from metering.ingest.message import MeterMessage
from metering.ingest.process import get_ingest
from metering.metrics import SKIPPED
from metering.readings import BEGIN, END, Parsed, Reading, parse_meter_values, register_reading


@on_call("1.6", "MeterValues")
async def meter_values(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Durable before the answer. The hot path: no ORM, no thread."""
    parsed = parse_meter_values(payload["meterValue"])
    transaction_id = await context.transaction_of(payload.get("transactionId"))
    await _store(context, max(connector_id(payload), 0), transaction_id, parsed)
    return {}


@before_reply("1.6", "StartTransaction")
async def store_start(context: StationContext, payload: dict[str, Any], reply: dict[str, Any]) -> None:
    """`meterStart` is a reading of the register, part of what the answer acknowledges."""
    at = timestamp(payload, context)
    reading = register_reading(register_wh(payload, "meterStart"), at, BEGIN)
    transaction_id = await context.transaction_of(reply["transactionId"])
    await _store(context, max(connector_id(payload), 0), transaction_id, Parsed([reading], [], 0))


@before_reply("1.6", "StopTransaction")
async def store_stop(context: StationContext, payload: dict[str, Any], reply: dict[str, Any]) -> None:
    """`meterStop` and `transactionData`. A stop of an unknown session leaves no readings: no EVSE is named."""
    transaction_id = await context.transaction_of(payload["transactionId"])
    if transaction_id is None:
        return
    evse_number = context.evse_of(transaction_id)
    parsed = parse_meter_values(payload.get("transactionData") or [])
    at = timestamp(payload, context)
    if not any(_is_end_register(reading, at) for reading in parsed.readings):
        parsed.readings.append(register_reading(register_wh(payload, "meterStop"), at, END))
    await _store(context, evse_number, transaction_id, parsed)


def _is_end_register(reading: Reading, at: object) -> bool:
    return reading.context == END and reading.at == at and reading.measurand.startswith("Energy.Active.Import.Reg")


async def _store(context: StationContext, evse_number: int, transaction_id: int | None, parsed: Parsed) -> None:
    if parsed.skipped:
        SKIPPED.inc(parsed.skipped)
    if not parsed.readings and not parsed.signed:
        return
    await get_ingest().writer.write(
        MeterMessage(
            tenant_id=context.tenant_id,
            charge_point_id=context.charge_point_id,
            evse_number=evse_number,
            transaction_id=transaction_id,
            received_at=context.received_at,
            readings=parsed.readings,
            signed=parsed.signed,
        )
    )
