"""Fleets' hours and days of before there were any: after an upgrade, or where buckets came past the aggregation."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.utils import timezone

from metering.aggregation.fleet import SUM_UP
from metering.aggregation.runs import aggregation_lock
from tenants.context import system_connection

log = structlog.get_logger(__name__)

# How far back the pages of a fleet look.
HOURS_SHOWN = timedelta(days=9)
DAYS_SHOWN = timedelta(days=62)
MISSING = """
SELECT t.id FROM tenants_tenant t
WHERE EXISTS (
    SELECT 1 FROM metering_bucket b WHERE b.tenant_id = t.id AND b.period = 2 AND b.start >= %(days)s AND b.evse_number > 0
        AND b.start < COALESCE((SELECT min(f.start) FROM metering_fleetbucket f
                                WHERE f.tenant_id = t.id AND f.period = 2 AND f.start >= %(days)s), 'infinity'))
"""
WANTED = """
    SELECT DISTINCT tenant_id, period, start FROM metering_bucket
    WHERE tenant_id = ANY(%(tenants)s::bigint[])
        AND (period = 1 AND start >= %(hours)s OR period = 2 AND start >= %(days)s)
"""


def fill_missing_fleets(*, now: datetime | None = None) -> int:
    """Sum up what was there before the first fleet's day; the number of tenants that lacked something."""
    moment = now or timezone.now()
    parameters: dict[str, Any] = {"hours": moment - HOURS_SHOWN, "days": moment - DAYS_SHOWN}
    with aggregation_lock(wait=True), system_connection().cursor() as cursor:
        cursor.execute(MISSING, parameters)
        found = [tenant_id for (tenant_id,) in cursor.fetchall()]
        for tenant_id in found:
            cursor.execute(SUM_UP.format(wanted=WANTED), {**parameters, "tenants": [tenant_id]})
            log.info("hours and days of a fleet filled in", tenant_id=tenant_id, rows=cursor.rowcount)
    return len(found)
