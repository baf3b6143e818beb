"""What is handed to the writer: the readings of one OCPP message."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.conf import settings

from metering.readings import Reading, SignedValue

# A station's clock may be this far ahead before its readings are set aside.
AHEAD = timedelta(days=1)


@dataclass(slots=True)
class MeterMessage:
    """Readings of one message; committed or refused together."""

    tenant_id: int
    charge_point_id: int
    evse_number: int
    transaction_id: int | None
    received_at: datetime
    readings: list[Reading]
    signed: list[SignedValue] = field(default_factory=list)
    quarantined: list[tuple[str, Reading]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Values in it."""
        return len(self.readings) + len(self.signed) + len(self.quarantined)


def set_aside_bad_clocks(message: MeterMessage) -> MeterMessage:
    """Move readings outside the accepted window (as long as raw samples are kept, one day ahead) to quarantine."""
    oldest = message.received_at - timedelta(days=settings.METERING_SAMPLE_DAYS)
    newest = message.received_at + AHEAD
    if all(oldest <= reading.at <= newest for reading in message.readings):
        return message
    message.quarantined += [("clock", reading) for reading in message.readings if not oldest <= reading.at <= newest]
    message.readings = [reading for reading in message.readings if oldest <= reading.at <= newest]
    return message


def pack(messages: list[MeterMessage]) -> bytes:
    """For the spill stream."""
    return orjson.dumps(
        [
            [
                message.tenant_id,
                message.charge_point_id,
                message.evse_number,
                message.transaction_id,
                message.received_at,
                [list(reading) for reading in message.readings],
                [list(value) for value in message.signed],
                [[reason, list(reading)] for reason, reading in message.quarantined],
            ]
            for message in messages
        ]
    )


def unpack(packed: bytes) -> list[MeterMessage]:
    """The messages of one spill entry."""
    return [
        MeterMessage(
            tenant_id,
            charge_point_id,
            evse_number,
            transaction_id,
            datetime.fromisoformat(received_at),
            [_reading(values) for values in readings],
            [SignedValue._make(_timed(values)) for values in signed],
            [(reason, _reading(values)) for reason, values in quarantined],
        )
        for tenant_id, charge_point_id, evse_number, transaction_id, received_at, readings, signed, quarantined in (
            orjson.loads(packed)
        )
    ]


def _reading(values: list[Any]) -> Reading:
    return Reading._make(_timed(values))


def _timed(values: list[Any]) -> list[Any]:
    return [*values[:4], datetime.fromisoformat(values[4]), *values[5:]]
