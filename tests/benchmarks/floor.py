"""What durable ingest costs before anything is made of it: the server, JSON, the schema, and the group commit.

No message log, no live statistics, no alerts, no presence, no limits: the gateway can't be cheaper than this.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import django

django.setup()

from chargepoints.models import ChargePoint
from chargepoints.protocol.framing import Call, decode, encode_result
from chargepoints.protocol.validation import validate_call
from metering.ingest.message import MeterMessage
from metering.ingest.writer import SampleWriter
from metering.readings import parse_meter_values
from tenants.context import system_transaction

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
_writer: SampleWriter | None = None


def _station(identity: str) -> tuple[int, int]:
    with system_transaction():
        row = ChargePoint.objects.get(identity=identity)
        return row.tenant_id, row.pk


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Accept `/<identity>`, and answer each MeterValues once it is committed."""
    global _writer
    if scope["type"] != "websocket":
        return
    _writer = _writer or SampleWriter()
    tenant_id, charge_point_id = await asyncio.to_thread(_station, scope["path"].strip("/"))
    while True:
        message = await receive()
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept", "subprotocol": "ocpp1.6"})
        elif message["type"] == "websocket.receive":
            call = decode(message["text"])
            assert isinstance(call, Call)
            payload = validate_call("1.6", call.action, call.payload, lenient=True).payload
            parsed = parse_meter_values(payload["meterValue"])
            await _writer.write(
                MeterMessage(
                    tenant_id=tenant_id,
                    charge_point_id=charge_point_id,
                    evse_number=1,
                    transaction_id=None,
                    received_at=datetime.now(UTC),
                    readings=parsed.readings,
                    signed=parsed.signed,
                    named_transaction="",
                )
            )
            await send({"type": "websocket.send", "text": encode_result(call.message_id, {})})
        else:
            return
