"""What is handed to the writer: the readings of one OCPP message."""

import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.conf import settings

from metering.readings import Kind, Reading, SignedValue

# A station's clock may be this far ahead before its readings are set aside.
AHEAD = timedelta(days=1)
CLOCK = "clock"


@dataclass(slots=True)
class MeterMessage:
    """Readings of one message; committed or refused together. `quarantined`: (reason, reading) pairs.

    `named_transaction`: the protocol's id of a session that could not be looked up. It is attached when stored.
    """

    tenant_id: int
    charge_point_id: int
    evse_number: int
    transaction_id: int | None
    received_at: datetime
    readings: list[Reading]
    signed: list[SignedValue] = field(default_factory=list)
    quarantined: list[tuple[str, Reading]] = field(default_factory=list)
    named_transaction: str = ""

    @property
    def size(self) -> int:
        """Values in it."""
        return len(self.readings) + len(self.signed) + len(self.quarantined)

    def quarantine(self, reason: str) -> None:
        """Set all plain readings aside."""
        self.quarantined += [(reason, reading) for reading in self.readings]
        self.readings = []


def samples_kept() -> timedelta:
    """How long raw samples are kept. Reading a setting costs a microsecond: not for every message."""
    return timedelta(days=settings.METERING_SAMPLE_DAYS)


def set_aside_bad_clocks(message: MeterMessage, kept: timedelta) -> None:
    """Move readings outside the accepted window to quarantine.

    The window reaches back as long as raw samples are `kept`, and one day ahead.
    """
    oldest = message.received_at - kept
    newest = message.received_at + AHEAD
    checked: datetime | None = None
    for reading in message.readings:
        # Readings of one meterValue share their time.
        if reading.at is checked:
            continue
        checked = reading.at
        if not oldest <= checked <= newest:
            break
    else:
        return
    message.quarantined += [(CLOCK, reading) for reading in message.readings if not oldest <= reading.at <= newest]
    message.readings = [reading for reading in message.readings if oldest <= reading.at <= newest]


def pack(messages: list[MeterMessage]) -> bytes:
    """For the spill stream: about 15 bytes a reading."""
    rows = [
        [
            message.tenant_id,
            message.charge_point_id,
            message.evse_number,
            message.transaction_id,
            message.received_at,
            [_plain(reading) for reading in message.readings],
            [_plain(value) for value in message.signed],
            [[reason, _plain(reading)] for reason, reading in message.quarantined],
            # Only where there is one: entries are also read by workers of the version before.
            *([message.named_transaction] if message.named_transaction else []),
        ]
        for message in messages
    ]
    return zlib.compress(orjson.dumps(rows), 1)


def unpack(packed: bytes) -> list[MeterMessage]:
    """The messages of one spill entry."""
    return [_message(*row) for row in orjson.loads(zlib.decompress(packed))]


def _message(
    tenant_id: int,
    charge_point_id: int,
    evse_number: int,
    transaction_id: int | None,
    received_at: str,
    readings: list[Any],
    signed: list[Any],
    quarantined: list[Any],
    named_transaction: str = "",
) -> MeterMessage:
    return MeterMessage(
        tenant_id,
        charge_point_id,
        evse_number,
        transaction_id,
        datetime.fromisoformat(received_at),
        [_reading(values) for values in readings],
        [SignedValue(Kind(*values[0]), datetime.fromisoformat(values[1]), *values[2:]) for values in signed],
        [(reason, _reading(values)) for reason, values in quarantined],
        named_transaction,
    )


def _plain(value: Reading | SignedValue) -> list[Any]:
    return [list(value[0]), *value[1:]]


def _reading(values: list[Any]) -> Reading:
    return Reading(Kind(*values[0]), datetime.fromisoformat(values[1]), *values[2:])
