"""Energy of whole fleets: what the buckets of a tenant's EVSEs add up to. Main meters (EVSE 0) would count twice.

Worked out anew from the buckets whenever one of them has changed, in the transaction that changed it.
"""

from typing import Any

from tenants.context import system_connection

# `wanted`: (tenant_id, period, start) of what is to be summed up.
SUM_UP = """
INSERT INTO metering_fleetbucket AS old (tenant_id, period, start, "end", energy_wh, estimated)
SELECT b.tenant_id, b.period, b.start, max(b."end"), sum(b.energy_wh), bool_or(b.estimated)
FROM ({wanted}) AS w
JOIN metering_bucket b ON b.tenant_id = w.tenant_id AND b.period = w.period AND b.start = w.start AND b.evse_number > 0
GROUP BY 1, 2, 3
ON CONFLICT (tenant_id, period, start) DO UPDATE SET
    "end" = EXCLUDED."end", energy_wh = EXCLUDED.energy_wh, estimated = EXCLUDED.estimated
WHERE (old."end", old.energy_wh, old.estimated) IS DISTINCT FROM (EXCLUDED."end", EXCLUDED.energy_wh, EXCLUDED.estimated)
"""
TOUCHED = """
    SELECT tenant_id, 1 AS period, start FROM agg_touched
    UNION
    SELECT a.tenant_id, 2, date_trunc('day', a.start, z.zone) FROM agg_touched a
    JOIN unnest(%(zone_tenants)s::bigint[], %(zones)s::text[]) AS z (tenant_id, zone) USING (tenant_id)
"""


def sum_up_fleets(parameters: dict[str, Any]) -> None:
    """The hours and days that the rows of `agg_touched` lie in; after the buckets of both."""
    with system_connection().cursor() as cursor:
        cursor.execute(SUM_UP.format(wanted=TOUCHED), parameters)
