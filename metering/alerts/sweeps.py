"""What only the passing of time shows: stations gone, sessions silent; and what a crash kept from being told.

Each sweep is one query over all tenants; what it finds is written per tenant.
"""

from collections import defaultdict
from typing import Any

import structlog
from django.conf import settings
from django.utils import timezone

from metering.alerts.faults import fault_incident
from metering.alerts.incidents import Incident, end_alerts, record_incidents
from metering.alerts.words import NO_ERROR, READINGS_AGAIN, RECONNECTED, SESSION_ENDED
from metering.models import Alert, MeteringSettings, Severity
from tenants.context import system_connection, system_transaction

log = structlog.get_logger(__name__)

# Incidents that share a transaction, and how many one sweep takes: the next is a minute later.
CHUNK, AT_ONCE = 200, 10_000
OFFLINE_KEY = "offline"

# A gateway that lost the database for a while still has its rows: only stations without one count as gone.
GONE = """
SELECT c.tenant_id, c.id, c.last_seen_at
FROM chargepoints_chargepoint c
JOIN tenants_tenant t ON t.id = c.tenant_id AND t.status = 'active'
LEFT JOIN metering_meteringsettings s ON s.tenant_id = c.tenant_id
WHERE c.registration = 'Accepted'
    AND c.last_seen_at < now() - make_interval(mins => COALESCE(s.offline_after_minutes, %(usual)s))
    AND NOT EXISTS (SELECT 1 FROM chargepoints_stationconnection n WHERE n.charge_point_id = c.id)
    AND NOT EXISTS (
        SELECT 1 FROM metering_alert a WHERE a.charge_point_id = c.id AND a.key = 'offline'
            AND (NOT (a.status = 'resolved') OR a.started_at = c.last_seen_at)
    )
ORDER BY c.tenant_id, c.id LIMIT %(limit)s
"""
BACK = """
SELECT a.tenant_id, a.id
FROM metering_alert a
JOIN chargepoints_stationconnection n ON n.charge_point_id = a.charge_point_id
JOIN chargepoints_gateway g ON g.id = n.gateway_id
WHERE a.kind = 'offline' AND NOT (a.status = 'resolved') AND g.seen_at > now() - make_interval(secs => %(lease)s)
"""
# The sessions' last_reading_at is the station's time: whether readings really stay away, the samples' receipt says.
SILENT = """
SELECT x.tenant_id, x.id, x.charge_point_id, e.number, COALESCE(x.last_reading_at, x.started_at)
FROM chargepoints_transaction x
JOIN chargepoints_evse e ON e.id = x.evse_id
JOIN chargepoints_stationconnection n ON n.charge_point_id = x.charge_point_id
JOIN chargepoints_gateway g ON g.id = n.gateway_id AND g.seen_at > now() - make_interval(secs => %(lease)s)
LEFT JOIN metering_meteringsettings s ON s.tenant_id = x.tenant_id
CROSS JOIN LATERAL (SELECT now() - make_interval(mins => COALESCE(s.silent_after_minutes, %(usual)s)) AS at) since
WHERE x.state = 'active' AND x.verdict = 'Accepted'
    AND COALESCE(x.last_reading_at, x.started_at) < since.at
    AND x.start_received_at < since.at AND n.connected_at < since.at
    AND NOT EXISTS (
        SELECT 1 FROM metering_alert a
        WHERE a.charge_point_id = x.charge_point_id AND a.key = 'silent:' || x.id
            AND (NOT (a.status = 'resolved') OR a.started_at = COALESCE(x.last_reading_at, x.started_at))
    )
    AND NOT EXISTS (
        SELECT 1 FROM metering_series o CROSS JOIN LATERAL (
            SELECT m.received_at FROM metering_sample m WHERE m.series_id = o.id ORDER BY m.at DESC LIMIT 1
        ) newest
        WHERE o.charge_point_id = x.charge_point_id AND o.evse_number = e.number AND newest.received_at >= since.at
    )
ORDER BY x.tenant_id, x.id LIMIT %(limit)s
"""
HEARD = """
SELECT a.tenant_id, a.id, x.state = 'active'
FROM metering_alert a JOIN chargepoints_transaction x ON x.id = a.transaction_id
WHERE a.kind = 'no_readings' AND NOT (a.status = 'resolved')
    AND (x.state <> 'active' OR x.last_reading_at > a.started_at)
"""
FAULTY = """
WITH states AS (
    SELECT c.tenant_id, c.charge_point_id, e.number, c.error_code, c.info, c.status_at
    FROM chargepoints_connector c JOIN chargepoints_evse e ON e.id = c.evse_id WHERE e.number > 0
    UNION ALL
    SELECT tenant_id, id, 0, error_code, status_info, status_at FROM chargepoints_chargepoint
)
SELECT s.* FROM states s
WHERE s.error_code NOT IN ('', 'NoError') AND s.status_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM metering_alert a
    WHERE a.charge_point_id = s.charge_point_id AND a.key = 'fault:' || s.number || ':' || s.error_code
        AND (NOT (a.status = 'resolved') OR a.started_at = s.status_at)
)
ORDER BY s.tenant_id, s.charge_point_id LIMIT %(limit)s
"""
FAULTLESS = """
SELECT a.tenant_id, a.id
FROM metering_alert a
WHERE a.kind = 'fault' AND NOT (a.status = 'resolved')
    AND NOT EXISTS (
        SELECT 1 FROM chargepoints_connector c JOIN chargepoints_evse e ON e.id = c.evse_id
        WHERE c.charge_point_id = a.charge_point_id AND 'fault:' || e.number || ':' || c.error_code = a.key
    )
    AND NOT EXISTS (
        SELECT 1 FROM chargepoints_chargepoint p
        WHERE p.id = a.charge_point_id AND 'fault:0:' || p.error_code = a.key
    )
"""


def sweep_offline() -> int:
    """Stations away for longer than their tenant allows, and those back again; alerts opened."""
    found: defaultdict[int, list[Incident]] = defaultdict(list)
    for tenant_id, charge_point_id, seen_at in _rows(GONE, usual=_usual("offline_after_minutes")):
        found[tenant_id].append(
            Incident(
                charge_point_id=charge_point_id,
                key=OFFLINE_KEY,
                kind=Alert.Kind.OFFLINE,
                severity=Severity.WARNING,
                started_at=seen_at,
                last_at=seen_at,
            )
        )
    _end(_rows(BACK), RECONNECTED)
    return _record(found)


def sweep_silent_sessions() -> int:
    """Running sessions of connected stations without readings, and those that are heard again; alerts opened."""
    ended = _rows(HEARD)
    _end([row[:2] for row in ended if row[2]], READINGS_AGAIN)
    _end([row[:2] for row in ended if not row[2]], SESSION_ENDED)
    found: defaultdict[int, list[Incident]] = defaultdict(list)
    for tenant_id, session_id, charge_point_id, evse_number, since in _rows(
        SILENT, usual=_usual("silent_after_minutes")
    ):
        found[tenant_id].append(
            Incident(
                charge_point_id=charge_point_id,
                key=f"silent:{session_id}",
                kind=Alert.Kind.SILENT,
                severity=Severity.WARNING,
                started_at=since,
                last_at=since,
                evse_number=evse_number,
                transaction_id=session_id,
            )
        )
    return _record(found)


def sweep_faults() -> int:
    """Errors, and ends of errors, that a crash kept from being told; alerts opened."""
    _end(_rows(FAULTLESS), NO_ERROR)
    found: defaultdict[int, list[Incident]] = defaultdict(list)
    for tenant_id, charge_point_id, evse_number, code, info, at in _rows(FAULTY):
        found[tenant_id].append(fault_incident(charge_point_id, evse_number, code, info, at))
    return _record(found)


def _rows(query: str, **values: Any) -> list[tuple[Any, ...]]:
    with system_transaction(), system_connection().cursor() as cursor:
        cursor.execute(query, {"limit": AT_ONCE, "lease": settings.GATEWAY_LEASE_SECONDS, **values})
        return list(cursor.fetchall())


def _record(found: dict[int, list[Incident]]) -> int:
    for tenant_id, incidents in found.items():
        for start in range(0, len(incidents), CHUNK):
            record_incidents(tenant_id=tenant_id, incidents=incidents[start : start + CHUNK])
    return sum(len(incidents) for incidents in found.values())


def _end(rows: list[tuple[Any, ...]], resolution: str) -> None:
    by_tenant: defaultdict[int, list[int]] = defaultdict(list)
    for tenant_id, pk in rows:
        by_tenant[tenant_id].append(pk)
    for tenant_id, ids in by_tenant.items():
        for start in range(0, len(ids), CHUNK):
            end_alerts(tenant_id=tenant_id, at=timezone.now(), resolution=resolution, pk__in=ids[start : start + CHUNK])


def _usual(name: str) -> int:
    return int(getattr(MeteringSettings(), name))
