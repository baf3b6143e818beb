"""Days of stations online, from sockets past and present. Under the system role.

Days are worked out anew from what is stored, never added to: a fold that is killed, or done twice, changes nothing. Each
goes back to where the last one came to, or further where a socket's end was noted late (a sweep after an outage).
Sockets of one station may overlap on paper (swept, and entered again): their union counts.
"""

from datetime import date, datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Max, Min, Q, QuerySet
from django.utils import timezone

from chargepoints.models import FleetOnlineDay, PastConnection, StationConnection
from tenants.context import system_connection, system_transaction
from tenants.models import Tenant
from tenants.selectors import tenant_zone

log = structlog.get_logger(__name__)

LOCK = 7_224_002
# Past sockets are kept for so long; a fold goes back no further than all of a day's are there.
SOCKETS_KEPT = timedelta(days=35)
FARTHEST = SOCKETS_KEPT - timedelta(days=2)
# Rows are stamped before they are committed: a transaction that takes longer escapes the fold.
SETTLED = timedelta(minutes=10)
# Of clocks that differ: those of gateways, which say when, and the database's, which notes it.
SKEW = timedelta(hours=1)
DELETED_TOGETHER = 20_000
SOCKETS = (StationConnection, PastConnection)
FOLD = """
WITH day AS (
    SELECT z.tenant_id, d::date AS day, d AT TIME ZONE z.zone AS begins,
           LEAST((d + interval '1 day') AT TIME ZONE z.zone, %(now)s) AS ends
    FROM unnest(%(tenants)s::bigint[], %(zones)s::text[]) AS z (tenant_id, zone)
    CROSS JOIN LATERAL generate_series(
        date_trunc('day', %(since)s AT TIME ZONE z.zone), %(now)s AT TIME ZONE z.zone, interval '1 day') AS d
), span AS (
    SELECT c.charge_point_id, c.tenant_id, c.connected_at AS begins, LEAST(%(now)s, g.seen_at + %(lease)s) AS ends
    FROM chargepoints_stationconnection c JOIN chargepoints_gateway g ON g.id = c.gateway_id
    UNION ALL
    SELECT charge_point_id, tenant_id, connected_at, ended_at FROM chargepoints_pastconnection
    WHERE noted_at > %(since)s - %(reach)s
), online AS (
    SELECT s.charge_point_id, d.day, min(GREATEST(s.begins, d.begins)) AS first,
           range_agg(tstzrange(GREATEST(s.begins, d.begins), LEAST(s.ends, d.ends))) AS spans
    FROM span s JOIN day d ON d.tenant_id = s.tenant_id AND s.begins < d.ends AND s.ends > d.begins
    WHERE s.begins < s.ends
    GROUP BY 1, 2
), station AS (
    SELECT c.id, c.tenant_id, min(o.first) AS first,
           EXISTS (SELECT 1 FROM chargepoints_onlineday e WHERE e.charge_point_id = c.id AND e.day < f.day) AS known
    FROM chargepoints_chargepoint c
    JOIN (SELECT tenant_id, min(day) AS day FROM day GROUP BY 1) f ON f.tenant_id = c.tenant_id
    LEFT JOIN online o ON o.charge_point_id = c.id
    WHERE c.registration <> 'Rejected'
    GROUP BY c.id, c.tenant_id, f.day
), counted AS MATERIALIZED (
    SELECT s.tenant_id, s.id AS charge_point_id, d.day,
           COALESCE((SELECT sum(extract(epoch FROM upper(one) - lower(one))) FROM unnest(o.spans) AS one), 0)::int
               AS online_s,
           -- A station that nobody has seen before is expected from when it first came.
           extract(epoch FROM d.ends - CASE WHEN s.known THEN d.begins ELSE GREATEST(d.begins, s.first) END)::int
               AS expected_s
    FROM station s JOIN day d ON d.tenant_id = s.tenant_id
    LEFT JOIN online o ON o.charge_point_id = s.id AND o.day = d.day
    WHERE s.known OR s.first < d.ends
), kept AS (
    INSERT INTO chargepoints_onlineday AS old (tenant_id, charge_point_id, day, online_s, expected_s)
    SELECT tenant_id, charge_point_id, day, online_s, expected_s FROM counted
    ON CONFLICT (charge_point_id, day) DO UPDATE SET online_s = EXCLUDED.online_s, expected_s = EXCLUDED.expected_s
    WHERE (old.online_s, old.expected_s) IS DISTINCT FROM (EXCLUDED.online_s, EXCLUDED.expected_s)
)
INSERT INTO chargepoints_fleetonlineday (tenant_id, day, stations, online_s, expected_s, computed_at)
SELECT tenant_id, day, count(*), sum(online_s), sum(expected_s), %(now)s FROM counted GROUP BY 1, 2
ON CONFLICT (tenant_id, day) DO UPDATE SET stations = EXCLUDED.stations, online_s = EXCLUDED.online_s,
    expected_s = EXCLUDED.expected_s, computed_at = EXCLUDED.computed_at
"""


def fold_uptime(now: datetime) -> int:
    """Work out the days since the last time; the number of days of tenants that were written. 0: another is at it."""
    with system_transaction(), system_connection().cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        return _fold(Tenant.objects.exclude(status=Tenant.Status.ERASING), _since(now), now)


def fold_arrival(tenant_id: int, source: str, target: str) -> None:
    """A tenant has come from another database (tenants.databases): its days while it was on the way, which the next fold
    here would take for done. In a system transaction of the target, which has all of its rows."""
    now = timezone.now()
    _fold(Tenant.objects.filter(pk=tenant_id), _since(now, tenant_id), now)


def _fold(tenants: QuerySet[Tenant], since: datetime, now: datetime) -> int:
    zones = {one.pk: tenant_zone(one).key for one in tenants}
    parameters: dict[str, Any] = {
        "now": now,
        "since": since,
        "tenants": list(zones),
        "zones": list(zones.values()),
        "lease": timedelta(seconds=settings.GATEWAY_LEASE_SECONDS),
        # A day before: what reaches into the first day, which begins up to a day before `since`.
        "reach": timedelta(days=1) + SKEW,
    }
    with system_connection().cursor() as cursor:
        cursor.execute(FOLD, parameters)
        return int(cursor.rowcount)


def forget_old_uptime(now: datetime) -> int:
    """Sockets and days past keeping; rows deleted."""
    day = (now - timedelta(days=settings.UPTIME_DAYS)).date()
    with system_transaction():
        FleetOnlineDay.objects.filter(day__lt=day).delete()
    return _delete("chargepoints_pastconnection", "noted_at < %s", now - SOCKETS_KEPT) + _delete(
        "chargepoints_onlineday", "day < %s", day
    )


def _since(now: datetime, tenant_id: int | None = None) -> datetime:
    """From where on days are worked out: of all tenants, or of one."""
    of_whom = Q() if tenant_id is None else Q(tenant_id=tenant_id)
    # What was folded by a clock that was ahead says nothing of how far the days are true.
    folded = FleetOnlineDay.objects.filter(of_whom, computed_at__lte=now)
    last = folded.aggregate(last=Max("computed_at"))["last"]
    if last is None:
        first = (model.objects.filter(of_whom).aggregate(first=Min("connected_at"))["first"] for model in SOCKETS)
        begun = min((one for one in first if one is not None), default=now)
    else:
        noted = PastConnection.objects.filter(of_whom, noted_at__gt=last - SETTLED)
        late = noted.aggregate(first=Min("ended_at"))["first"]
        begun = min(last - SETTLED, late or last)
    return max(now - FARTHEST, min(begun, now))


def _delete(table: str, condition: str, before: date) -> int:
    """By parts: each its own transaction."""
    statement = f"""
        DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {condition} LIMIT {DELETED_TOGETHER}))
    """
    deleted = 0
    while True:
        with system_transaction(), system_connection().cursor() as cursor:
            cursor.execute(statement, [before])
            deleted += cursor.rowcount
            if cursor.rowcount < DELETED_TOGETHER:
                return int(deleted)
