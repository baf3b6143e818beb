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
class CommandOutcome(Event):
    """What came of an accepted command: fulfilled or unfulfilled. A late effect follows an "unfulfilled" of before."""

    event_type: ClassVar[str] = "command.outcome"
    command_id: str
    action: str
    outcome: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class BulkCommandFinished(Event):
    """A command to many charge points has ended for each; `accepted` of `total` took it."""

    event_type: ClassVar[str] = "command.bulk_finished"
    bulk_id: str
    action: str
    total: int
    accepted: int


@dataclass(frozen=True, kw_only=True)
class DataReceived(Event):
    """A DataTransfer from a station, whatever became of it."""

    event_type: ClassVar[str] = "data.received"
    vendor_id: str
    message_id: str
    content: str
    status: str


@dataclass(frozen=True, kw_only=True)
class UploadEnded(Event):
    """A file that a station was asked for: received (by us), elsewhere, or failed. `size` in bytes."""

    event_type: ClassVar[str] = "upload.ended"
    upload_id: int
    kind: str
    state: str
    status: str
    size: int | None


@dataclass(frozen=True, kw_only=True)
class FirmwareUpdateEnded(Event):
    """`state`: installed, failed or cancelled. `version` empty: not known to us."""

    event_type: ClassVar[str] = "firmware.update_ended"
    update_id: int
    rollout_id: int | None
    state: str
    status: str
    version: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class FirmwareRolloutChanged(Event):
    """`state`: running, paused, stopped (by failures), finished or cancelled."""

    event_type: ClassVar[str] = "firmware.rollout"
    rollout_id: int
    name: str
    state: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class SecurityEventReported(Event):
    """A SecurityEventNotification; `critical` as the Security Whitepaper's list of events has it."""

    event_type: ClassVar[str] = "security.event"
    type: str
    critical: bool
    tech_info: str


@dataclass(frozen=True, kw_only=True)
class CertificateChanged(Event):
    """A station's client certificate: refused, installed, failed (not taken by the station) or revoked."""

    event_type: ClassVar[str] = "security.certificate"
    state: str
    serial_number: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class SecurityProfileChanged(Event):
    """`result`: raised, rejected, fellback (the station came back with the old one), late or lowered."""

    event_type: ClassVar[str] = "security.profile"
    profile: int
    result: str


@dataclass(frozen=True, kw_only=True)
class PasswordRotated(Event):
    """`result`: done (the station has signed in with the new one) or rejected."""

    event_type: ClassVar[str] = "security.password"
    result: str


@dataclass(frozen=True, kw_only=True)
class ReservationCreated(Event):
    """The station holds it. `connector_id` 0: any of its connectors."""

    event_type: ClassVar[str] = "reservation.created"
    reservation_id: int
    connector_id: int
    id_tag: str
    parent_id_tag: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class ReservationUsed(Event):
    """A session began with it."""

    event_type: ClassVar[str] = "reservation.used"
    reservation_id: int
    connector_id: int
    id_tag: str
    session_id: int
    transaction_id: str


@dataclass(frozen=True, kw_only=True)
class ReservationEnded(Event):
    """Without a session. `state`: rejected (`detail`: the station's word), cancelled, expired, or ended by a fault."""

    event_type: ClassVar[str] = "reservation.ended"
    reservation_id: int
    connector_id: int
    state: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class CertificateExpiring(Event):
    """It nears its end, told at several stages: of a station, or of the authority named (then of no station)."""

    event_type: ClassVar[str] = "security.certificate_expiring"
    authority: str
    serial_number: str
    ends_at: datetime
    days_left: int
