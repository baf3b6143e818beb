"""Writing what was seen. An incident is told again and again while it lasts, by several gateways, late or twice:

it opens one alert, moves that one on, and resolves it; an incident whose alert a person has resolved, or that
lies within one already over, adds nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from django.utils import timezone

from metering.events import alert_opened, alert_resolved
from metering.models import Alert
from tenants.context import scope_connection, tenant_transaction
from tenants.events import publish

log = structlog.get_logger(__name__)

# What a station may open in an hour, so that one gone mad doesn't fill the table.
PER_STATION_AND_HOUR = 300


@dataclass(slots=True, kw_only=True)
class Incident:
    """One happening at a charge point, as far as its observer knows it. `key` with `started_at` tells it apart."""

    charge_point_id: int
    key: str
    kind: str
    severity: str
    started_at: datetime
    last_at: datetime
    evse_number: int | None = None
    transaction_id: int | None = None
    threshold_id: int | None = None
    measurand: str = ""
    phase: str = ""
    unit: str = ""
    limit_value: Decimal | None = None
    worst_value: Decimal | None = None
    last_value: Decimal | None = None
    detail: str = ""
    count: int = 1
    resolved_at: datetime | None = None
    resolution: str = ""


_TYPES = {
    "charge_point_id": "bigint",
    "key": "text",
    "kind": "text",
    "severity": "text",
    "started_at": "timestamptz",
    "last_at": "timestamptz",
    "evse_number": "smallint",
    "transaction_id": "bigint",
    "threshold_id": "bigint",
    "measurand": "text",
    "phase": "text",
    "unit": "text",
    "limit_value": "numeric",
    "worst_value": "numeric",
    "last_value": "numeric",
    "detail": "text",
    "count": "integer",
    "resolved_at": "timestamptz",
    "resolution": "text",
}
_COLUMNS = [field.name for field in fields(Incident)]
_TOLD = (
    "unnest("
    + ", ".join(f"%s::{_TYPES[name]}[]" for name in _COLUMNS)
    + f") WITH ORDINALITY AS n ({', '.join(_COLUMNS)}, place)"
)
# An open alert that began after the incident was over is another one.
MOVE_ON = f"""
UPDATE metering_alert a SET
    last_at = GREATEST(a.last_at, n.last_at),
    last_value = CASE WHEN n.last_at >= a.last_at THEN n.last_value ELSE a.last_value END,
    worst_value = CASE WHEN abs(n.worst_value - n.limit_value) > abs(a.worst_value - a.limit_value)
        THEN n.worst_value ELSE a.worst_value END,
    detail = CASE WHEN n.detail <> '' AND n.last_at >= a.last_at THEN n.detail ELSE a.detail END,
    count = GREATEST(a.count, n.count),
    status = CASE WHEN n.resolved_at >= a.last_at THEN 'resolved' ELSE a.status END,
    resolved_at = CASE WHEN n.resolved_at >= a.last_at THEN n.resolved_at END,
    resolution = CASE WHEN n.resolved_at >= a.last_at THEN n.resolution ELSE '' END
FROM {_TOLD}
WHERE a.charge_point_id = n.charge_point_id AND a.key = n.key AND NOT (a.status = 'resolved')
    AND a.started_at <= COALESCE(n.resolved_at, n.last_at)
RETURNING n.place, a.id, a.status
"""
OPEN = f"""
INSERT INTO metering_alert (tenant_id, charge_point_id, key, kind, severity, started_at, last_at, evse_number,
    transaction_id, threshold_id, measurand, phase, unit, limit_value, worst_value, last_value, detail, count,
    resolved_at, resolution, status, opened_at, acknowledged_by, note, mail_attempts)
SELECT c.tenant_id, c.id, n.key, n.kind, n.severity, n.started_at, n.last_at, n.evse_number,
    n.transaction_id, t.id, n.measurand, n.phase, n.unit, n.limit_value, n.worst_value, n.last_value, n.detail, n.count,
    n.resolved_at, n.resolution, CASE WHEN n.resolved_at IS NULL THEN 'open' ELSE 'resolved' END, now(), '', '', 0
FROM {_TOLD}
JOIN chargepoints_chargepoint c ON c.id = n.charge_point_id
LEFT JOIN metering_threshold t ON t.id = n.threshold_id
WHERE NOT EXISTS (
    SELECT 1 FROM metering_alert b
    WHERE b.charge_point_id = n.charge_point_id AND b.key = n.key AND b.opened_at > now() - interval '15 days'
        AND (b.started_at = n.started_at OR (b.started_at <= n.started_at AND b.resolved_at > n.started_at))
) AND (
    SELECT count(*) FROM (
        SELECT 1 FROM metering_alert b
        WHERE b.charge_point_id = n.charge_point_id AND b.opened_at > now() - interval '1 hour'
        LIMIT {PER_STATION_AND_HOUR}
    ) AS recent
) < {PER_STATION_AND_HOUR}
ON CONFLICT (charge_point_id, key) WHERE NOT (status = 'resolved') DO NOTHING
RETURNING id, status
"""


def record_incidents(*, tenant_id: int, incidents: Sequence[Incident]) -> None:
    """Write them and tell of what opened and what ended, in one transaction. The database's errors pass."""
    for one in incidents:
        one.detail = one.detail.replace("\0", "")[:500]
    with tenant_transaction(tenant_id):
        for wave in _waves(incidents):
            _record(wave)


def end_alerts(
    *, tenant_id: int, at: datetime, resolution: str, exclude_keys: Iterable[str] = (), **wanted: Any
) -> int:
    """Resolve the open alerts that match `wanted` (filters of Alert), as of `at` or their last sign; how many."""
    with tenant_transaction(tenant_id):
        open_alerts = Alert.objects.select_for_update(of=("self",)).select_related("charge_point")
        found = open_alerts.filter(**wanted).exclude(status=Alert.Status.RESOLVED).exclude(key__in=list(exclude_keys))
        ended = list(found.order_by("pk"))
        for alert in ended:
            alert.status, alert.resolution = Alert.Status.RESOLVED, resolution[:200]
            alert.resolved_at = max(at, alert.last_at)
            alert.save(update_fields=["status", "resolution", "resolved_at"])
            publish(alert_resolved(alert))
    return len(ended)


def _waves(incidents: Sequence[Incident]) -> Iterable[list[Incident]]:
    """In order of time; in each wave at most one of a kind at a charge point."""
    rest = sorted(incidents, key=lambda one: (one.started_at, one.resolved_at is None))
    while rest:
        wave: dict[tuple[int, str], Incident] = {}
        later = []
        for one in rest:
            if wave.setdefault((one.charge_point_id, one.key), one) is not one:
                later.append(one)
        # In one order, so that two writers wait for each other instead of deadlocking.
        yield [wave[place] for place in sorted(wave)]
        rest = later


def _record(wave: list[Incident]) -> None:
    with scope_connection().cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '10s'")
        cursor.execute(MOVE_ON, _arguments(wave))
        moved = cursor.fetchall()
        known = {place for place, _, _ in moved}
        ended = [pk for _, pk, status in moved if status == Alert.Status.RESOLVED]
        opened: list[int] = []
        new = [one for place, one in enumerate(wave, 1) if place not in known]
        if new:
            cursor.execute(OPEN, _arguments(new))
            for pk, status in cursor.fetchall():
                opened.append(pk)
                if status == Alert.Status.RESOLVED:
                    ended.append(pk)
    if opened or ended:
        _tell(opened, ended)


def _tell(opened: list[int], ended: list[int]) -> None:
    alerts = Alert.objects.select_related("charge_point").in_bulk([*opened, *ended])
    now = timezone.now()
    for pk in opened:
        publish(alert_opened(alerts[pk], now))
    for pk in ended:
        publish(alert_resolved(alerts[pk]))


def _arguments(wave: list[Incident]) -> list[list[Any]]:
    return [[getattr(one, name) for one in wave] for name in _COLUMNS]
