"""Events of this app (see tenants.events). Names and fields are public: clients see them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from metering.models import Alert
from tenants.events import Event


@dataclass(frozen=True, kw_only=True)
class _AlertEvent(Event):
    """`connector_id` None is the station; `value` is the last one, `limit_value` the bound that it crossed."""

    alert_id: int
    kind: str
    severity: str
    connector_id: int | None
    session_id: int | None
    measurand: str
    phase: str
    unit: str
    limit_value: Decimal | None
    worst_value: Decimal | None
    value: Decimal | None
    detail: str
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class AlertOpened(_AlertEvent):
    event_type: ClassVar[str] = "alert.opened"


@dataclass(frozen=True, kw_only=True)
class AlertAcknowledged(_AlertEvent):
    event_type: ClassVar[str] = "alert.acknowledged"
    acknowledged_by: str
    note: str


@dataclass(frozen=True, kw_only=True)
class AlertResolved(_AlertEvent):
    event_type: ClassVar[str] = "alert.resolved"
    resolved_at: datetime
    resolution: str


def alert_opened(alert: Alert, at: datetime) -> AlertOpened:
    return AlertOpened(at=at, **_fields(alert))


def alert_acknowledged(alert: Alert) -> AlertAcknowledged:
    """Of an acknowledged alert."""
    assert alert.acknowledged_at is not None  # noqa: S101 (it is acknowledged)
    return AlertAcknowledged(
        at=alert.acknowledged_at, acknowledged_by=alert.acknowledged_by, note=alert.note, **_fields(alert)
    )


def alert_resolved(alert: Alert) -> AlertResolved:
    """Of a resolved alert."""
    assert alert.resolved_at is not None  # noqa: S101 (it is resolved)
    return AlertResolved(
        at=alert.resolved_at, resolved_at=alert.resolved_at, resolution=alert.resolution, **_fields(alert)
    )


def _fields(alert: Alert) -> dict[str, Any]:
    """What all three say. The alert's charge point is read if it wasn't."""
    return {
        "charge_point": alert.charge_point.identity,
        "alert_id": alert.pk,
        "kind": alert.kind,
        "severity": alert.severity,
        "connector_id": alert.evse_number,
        "session_id": alert.transaction_id,
        "measurand": alert.measurand,
        "phase": alert.phase,
        "unit": alert.unit,
        "limit_value": plain(alert.limit_value),
        "worst_value": plain(alert.worst_value),
        "value": plain(alert.last_value),
        "detail": alert.detail,
        "started_at": alert.started_at,
    }


def plain(value: Decimal | None) -> Decimal | None:
    """Without the zeros that the column adds, and without an exponent."""
    if value is None:
        return None
    short = value.normalize()
    return short.quantize(Decimal(1)) if short == short.to_integral_value() else short


@dataclass(frozen=True, kw_only=True)
class ChargeDetailRecordCreated(Event):
    """A session's final cost, or (`corrects` names the record) a correction of it. Totals in `currency`."""

    event_type: ClassVar[str] = "cdr.created"
    number: str
    revision: int
    corrects: str | None
    session_id: int
    transaction_id: str
    id_tag: str
    energy_wh: Decimal
    currency: str
    total_excl_tax: Decimal
    total_tax: Decimal
    total_incl_tax: Decimal


@dataclass(frozen=True, kw_only=True)
class SessionLimitReached(Event):
    """A session has come to its `limit` (energy, duration or cost) and is stopped. `limit_value` in Wh, s or money."""

    event_type: ClassVar[str] = "session.limit_reached"
    session_id: int
    transaction_id: str
    connector_id: int
    id_tag: str
    limit: str
    limit_value: Decimal
    energy_wh: Decimal | None
