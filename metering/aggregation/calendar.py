"""Days from hours, weeks and months from days, in the tenant's calendar: sums, so they add up exactly."""

from typing import Any

from metering.aggregation.fleet import sum_up_fleets
from metering.models import Period
from tenants.context import system_connection

# The most trusted first.
SOURCES = "ARRAY['', 'register', 'register_phases', 'interval', 'power']"
# From the finest on; each is made of what the one before made.
STEPS = ((Period.DAY, Period.HOUR, "day"), (Period.WEEK, Period.DAY, "week"), (Period.MONTH, Period.DAY, "month"))
# The start of the next period: well into it, then back to its beginning.
NEXT = {"day": "interval '36 hours'", "week": "interval '180 hours'", "month": "interval '32 days'"}
CHANGED = """
CREATE TEMP TABLE agg_changed ON COMMIT DROP AS
SELECT DISTINCT x.tenant_id, x.charge_point_id, x.evse_number, x.start,
       date_trunc('{unit}', x.start + {next}, x.zone) AS "end"
FROM (
    SELECT a.tenant_id, a.charge_point_id, a.evse_number, z.zone, date_trunc('{unit}', a.start, z.zone) AS start
    FROM agg_touched a
    JOIN unnest(%(zone_tenants)s::bigint[], %(zones)s::text[]) AS z (tenant_id, zone) USING (tenant_id)
) x
"""
BUCKETS = """
INSERT INTO metering_bucket AS old (tenant_id, charge_point_id, evse_number, period, start, "end", energy_wh,
    energy_source, estimated, max_power_w, power_sum_w, power_count, sample_count, computed_at)
SELECT c.tenant_id, c.charge_point_id, c.evse_number, %(target)s, c.start, c."end", sum(b.energy_wh),
       -- The least trusted source that contributed.
       ({sources})[max(array_position({sources}, b.energy_source::text))],
       bool_or(b.estimated), max(b.max_power_w), sum(b.power_sum_w), sum(b.power_count), sum(b.sample_count), %(now)s
FROM agg_changed c JOIN metering_bucket b ON b.charge_point_id = c.charge_point_id AND b.evse_number = c.evse_number
    AND b.period = %(source)s AND b.start >= c.start AND b.start < c."end"
GROUP BY c.tenant_id, c.charge_point_id, c.evse_number, c.start, c."end"
ON CONFLICT (charge_point_id, evse_number, period, start) DO UPDATE SET
    "end" = EXCLUDED."end", energy_wh = EXCLUDED.energy_wh, energy_source = EXCLUDED.energy_source,
    estimated = EXCLUDED.estimated, max_power_w = EXCLUDED.max_power_w, power_sum_w = EXCLUDED.power_sum_w,
    power_count = EXCLUDED.power_count, sample_count = EXCLUDED.sample_count, computed_at = EXCLUDED.computed_at
WHERE (old.energy_wh, old.energy_source, old.estimated, old.max_power_w, old.power_sum_w, old.power_count,
       old.sample_count, old."end") IS DISTINCT FROM
      (EXCLUDED.energy_wh, EXCLUDED.energy_source, EXCLUDED.estimated, EXCLUDED.max_power_w, EXCLUDED.power_sum_w,
       EXCLUDED.power_count, EXCLUDED.sample_count, EXCLUDED."end")
"""
STATISTICS = """
INSERT INTO metering_bucketstatistics AS old
    (tenant_id, series_id, period, start, minimum, maximum, total, count, last, last_at)
SELECT c.tenant_id, b.series_id, %(target)s, c.start, min(b.minimum), max(b.maximum), sum(b.total), sum(b.count),
       (array_agg(b.last ORDER BY b.last_at DESC))[1], max(b.last_at)
FROM agg_changed c
JOIN metering_series s ON s.charge_point_id = c.charge_point_id AND s.evse_number = c.evse_number
JOIN metering_bucketstatistics b ON b.series_id = s.id AND b.period = %(source)s
    AND b.start >= c.start AND b.start < c."end"
GROUP BY c.tenant_id, b.series_id, c.start
ON CONFLICT (series_id, period, start) DO UPDATE SET
    minimum = EXCLUDED.minimum, maximum = EXCLUDED.maximum, total = EXCLUDED.total, count = EXCLUDED.count,
    last = EXCLUDED.last, last_at = EXCLUDED.last_at
WHERE (old.minimum, old.maximum, old.total, old.count, old.last, old.last_at) IS DISTINCT FROM
      (EXCLUDED.minimum, EXCLUDED.maximum, EXCLUDED.total, EXCLUDED.count, EXCLUDED.last, EXCLUDED.last_at)
"""


def sum_up_touched(parameters: dict[str, Any]) -> None:
    """Work out anew the days, weeks and months that the hours in `agg_touched` lie in; and the fleets' hours and days."""
    with system_connection().cursor() as cursor:
        cursor.execute("ANALYZE agg_touched")
        for target, source, unit in STEPS:
            cursor.execute(CHANGED.format(unit=unit, next=NEXT[unit]), parameters)
            cursor.execute("ANALYZE agg_changed")
            given = parameters | {"target": target.value, "source": source.value}
            cursor.execute(BUCKETS.format(sources=SOURCES), given)
            cursor.execute(STATISTICS, given)
            cursor.execute("DROP TABLE agg_changed")
    sum_up_fleets(parameters)
