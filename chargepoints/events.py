"""Events of this app (see tenants.events). Names and fields are public: clients see them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from tenants.events import Event


@dataclass(frozen=True, kw_only=True)
class ChargePointConnected(Event):
    event_type: ClassVar[str] = "chargepoint.online"
    gateway_id: str


@dataclass(frozen=True, kw_only=True)
class ChargePointDisconnected(Event):
    event_type: ClassVar[str] = "chargepoint.offline"
    reason: str


@dataclass(frozen=True, kw_only=True)
class ChargePointBooted(Event):
    event_type: ClassVar[str] = "chargepoint.boot"
    vendor: str
    model: str
    firmware_version: str
    registration: str


@dataclass(frozen=True, kw_only=True)
class StatusChanged(Event):
    """`connector_id` 0 is the charge point as a whole."""

    event_type: ClassVar[str] = "connector.status"
    connector_id: int
    status: str
    error_code: str
    info: str


@dataclass(frozen=True, kw_only=True)
class TransactionStarted(Event):
    event_type: ClassVar[str] = "session.started"
    session_id: int
    transaction_id: str
    connector_id: int
    id_tag: str
    verdict: str
    meter_start_wh: Decimal
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class TransactionStopped(Event):
    """`inferred`: closed by us; the station's own stop may still come and supersede it (another event)."""

    event_type: ClassVar[str] = "session.stopped"
    session_id: int
    transaction_id: str
    connector_id: int
    energy_wh: Decimal
    stopped_at: datetime
    reason: str
    inferred: bool
    flags: list[str]


@dataclass(frozen=True, kw_only=True)
class SessionWarning(Event):
    event_type: ClassVar[str] = "session.warning"
    session_id: int
    transaction_id: str
    warning: str


@dataclass(frozen=True, kw_only=True)
class CommandFinished(Event):
    event_type: ClassVar[str] = "command.finished"
    command_id: str
    action: str
    state: str


@dataclass(frozen=True, kw_only=True)
class DataReceived(Event):
    """A DataTransfer from a station, whatever became of it."""

    event_type: ClassVar[str] = "data.received"
    vendor_id: str
    message_id: str
    content: str
    status: str
