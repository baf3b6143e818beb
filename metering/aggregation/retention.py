"""How long samples and aggregates are kept, and that nothing goes before it has been summed up.

Samples are dropped by the day, a partition at a time; stations that keep theirs for a shorter time have them
deleted, a station at a time. Days are UTC. All of it holds the aggregation's lock, so that no hour is worked out
anew while its samples go.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.utils import timezone

from metering.aggregation import hours_sql
from metering.aggregation.calendar import sum_up_touched
from metering.aggregation.periods import period_end, period_start
from metering.aggregation.runs import aggregated_until, aggregation_lock, oldest_late_reading, zones_of_tenants
from metering.models import Bucket, FleetBucket, MeteringSettings, Period
from tenants.context import system_connection
from tenants.models import Tenant
from tenants.partitions import drop_partitions_before

log = structlog.get_logger(__name__)

TABLE = "metering_sample"
DAYS_OF_STATIONS = f"""
SELECT c.id, {hours_sql.RETENTION_DAYS} AS days FROM chargepoints_chargepoint c JOIN tenants_tenant t ON t.id = c.tenant_id
"""
DELETE_SAMPLES = """
DELETE FROM metering_sample m USING metering_series s
WHERE s.id = m.series_id AND s.charge_point_id = %s AND m.at < %s
"""
# Series by series, through the key.
DELETE_STATISTICS = """
DELETE FROM metering_bucketstatistics b USING metering_series s
WHERE s.tenant_id = %s AND b.series_id = s.id AND b.period = %s AND b.start < %s
"""
# A tenant that has moved to another zone: days that all hours are kept of no longer begin at its midnight.
MISALIGNED = """
SELECT h.tenant_id, h.first
FROM (SELECT tenant_id, min(start) AS first FROM metering_bucket WHERE period = 1 GROUP BY 1) h
JOIN unnest(%(zone_tenants)s::bigint[], %(zones)s::text[]) AS z (tenant_id, zone) USING (tenant_id)
WHERE EXISTS (
    SELECT 1 FROM metering_bucket b WHERE b.tenant_id = h.tenant_id AND b.period = 2
        AND b.start >= h.first + interval '1 day' AND date_trunc('day', b.start, z.zone) <> b.start)
"""
FORGET_CALENDAR = """
DELETE FROM metering_bucket WHERE tenant_id = %(tenant)s
    AND (period = 2 AND start >= %(first)s OR period > 2 AND "end" > %(first)s)
"""
FORGET_FLEET = "DELETE FROM metering_fleetbucket WHERE tenant_id = %(tenant)s AND period = 2 AND start >= %(first)s"
FORGET_STATISTICS = """
DELETE FROM metering_bucketstatistics WHERE tenant_id = %(tenant)s
    AND (period = 2 AND start >= %(first)s OR period > 2 AND start > %(first)s - interval '31 days')
"""
TOUCH_ALL = """
INSERT INTO agg_touched SELECT tenant_id, charge_point_id, evse_number, start FROM metering_bucket
WHERE tenant_id = %(tenant)s AND period = 1 AND start >= %(first)s
"""


def drop_old_samples(*, now: datetime | None = None) -> int:
    """Drop and delete samples past keeping; partitions dropped. What isn't aggregated yet stays, however old."""
    moment = now or timezone.now()
    with aggregation_lock(wait=True):
        kept_from = _summed_up_before()
        if kept_from is None:
            return 0
        wishes = _days_of_stations()
        # Replays are taken for as long as METERING_SAMPLE_DAYS; the longest wish decides for the partitions.
        longest = max([settings.METERING_SAMPLE_DAYS, *wishes.values()])
        with system_connection().cursor() as cursor:
            for charge_point_id, days in wishes.items():
                if days < longest:
                    cursor.execute(DELETE_SAMPLES, [charge_point_id, min(_days_before(moment, days), kept_from)])
        return len(drop_partitions_before(TABLE, min(_days_before(moment, longest), kept_from).date()))


def drop_old_aggregates(*, now: datetime | None = None) -> int:
    """Delete hours and days past the tenants' keeping; rows deleted. Weeks and months stay."""
    moment = now or timezone.now()
    deleted = 0
    with aggregation_lock(wait=True):
        settings_of = {row.tenant_id: row for row in MeteringSettings.objects.all()}
        for tenant_id in Tenant.objects.values_list("pk", flat=True):
            own = settings_of.get(tenant_id) or MeteringSettings()
            for period, days in ((Period.HOUR, own.hour_days), (Period.DAY, own.day_days)):
                before = _days_before(moment, days)
                old = Bucket.objects.filter(tenant_id=tenant_id, period=period, start__lt=before)
                deleted += old.delete()[0]
                fleet = FleetBucket.objects.filter(tenant_id=tenant_id, period=period, start__lt=before)
                deleted += fleet.delete()[0]
                with system_connection().cursor() as cursor:
                    cursor.execute(DELETE_STATISTICS, [tenant_id, period.value, before])
                    deleted += cursor.rowcount
    return deleted


def realign_days(*, now: datetime | None = None) -> int:
    """Work out the days of tenants that have changed their time zone, as far back as hours are kept; tenants."""
    moment = now or timezone.now()
    with aggregation_lock(wait=True), system_connection().cursor() as cursor:
        zones = zones_of_tenants()
        parameters: dict[str, Any] = {"zone_tenants": list(zones), "zones": list(zones.values()), "now": moment}
        cursor.execute(MISALIGNED, parameters)
        found = cursor.fetchall()
        for tenant_id, hour in found:
            # From the first midnight that all hours are kept of; weeks and months take older days as they are.
            zone = ZoneInfo(zones[tenant_id])
            first = period_end(period_start(hour, Period.DAY, zone), Period.DAY, zone)
            cursor.execute(FORGET_CALENDAR, {"tenant": tenant_id, "first": first})
            cursor.execute(FORGET_FLEET, {"tenant": tenant_id, "first": first})
            cursor.execute(FORGET_STATISTICS, {"tenant": tenant_id, "first": first})
            cursor.execute(hours_sql.TOUCHED)
            cursor.execute(TOUCH_ALL, {"tenant": tenant_id, "first": first})
            sum_up_touched(parameters)
            cursor.execute("DROP TABLE agg_touched")
            log.info("days worked out for another time zone", tenant_id=tenant_id)
    return len(found)


def _summed_up_before() -> datetime | None:
    """The instant before which everything has been aggregated; None while nothing has."""
    until, late = aggregated_until(), oldest_late_reading()
    if until is None or late is None:
        return until
    return min(until, late)


def _days_of_stations() -> dict[int, int]:
    with system_connection().cursor() as cursor:
        cursor.execute(DAYS_OF_STATIONS, {"sample_days": settings.METERING_SAMPLE_DAYS})
        return dict(cursor.fetchall())


def _days_before(moment: datetime, days: int) -> datetime:
    """Midnight (UTC) so many days ago: as `hours_sql.LOWER`, so that what is open to aggregation keeps its samples."""
    return datetime.combine(moment.astimezone(UTC).date() - timedelta(days=days), time(), UTC)
