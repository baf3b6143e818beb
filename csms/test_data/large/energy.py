"""Energy of a large tenant: aggregates as long as they are kept, and the readings of the last days."""

from datetime import timedelta

from csms.test_data.large.rows import Rows, quoted
from metering.models import Bucket, MeteringSettings, Period, Sample, Series
from metering.readings import ENERGY, POWER

CREATE = """
CREATE TEMP TABLE made_hour (charge_point_id bigint, evse_number int, hour timestamptz, energy_wh numeric, power_w numeric)
ON COMMIT DROP
"""
READ_EVERY = "interval '15 minutes'"
# Kept by the settings' defaults; weeks and months for good.
KEPT_DAYS = {
    Period.HOUR: int(MeteringSettings._meta.get_field("hour_days").default),
    Period.DAY: int(MeteringSettings._meta.get_field("day_days").default),
}


def add_hours(rows: Rows) -> None:
    """What the sessions of `made_session` took in each hour, into `made_hour`: evenly while they charged."""
    end = f"least(s.started_at + s.charging_s * interval '1 second', {rows.at})"
    rows.run(
        f"""
INSERT INTO made_hour
SELECT s.charge_point_id, s.evse_number, h.hour,
       s.energy_wh * extract(epoch FROM least({end}, h.hour + interval '1 hour') - greatest(s.started_at, h.hour))
           / s.charging_s,
       s.power_w
FROM made_session s
CROSS JOIN LATERAL generate_series(date_trunc('hour', s.started_at), {end}, interval '1 hour') h (hour)
WHERE s.charging_s > 0 AND h.hour < {end}
"""
    )


def make_buckets(rows: Rows) -> None:
    """Hours, days, weeks and months of the tenant's calendar."""
    zone = quoted(rows.zone)
    units = {Period.HOUR: "hour", Period.DAY: "day", Period.WEEK: "week", Period.MONTH: "month"}
    for period, unit in units.items():
        start = f"(date_trunc('{unit}', hour AT TIME ZONE {zone}) AT TIME ZONE {zone})"
        end = f"((date_trunc('{unit}', hour AT TIME ZONE {zone}) + interval '1 {unit}') AT TIME ZONE {zone})"
        if period == Period.HOUR:
            start, end = "hour", "hour + interval '1 hour'"
        days = KEPT_DAYS.get(period)
        since = f"hour >= {quoted((rows.now - timedelta(days=days)).isoformat())}" if days else "true"
        rows.insert(
            Bucket,
            {
                "charge_point_id": "charge_point_id",
                "evse_number": "evse_number",
                "period": str(int(period)),
                "start": start,
                "end": f"min({end})",
                "energy_wh": "round(sum(energy_wh), 6)",
                "energy_source": "'register'",
                "max_power_w": "max(power_w)",
                "power_sum_w": "sum(power_w)",
                "power_count": "count(*)",
                "sample_count": "count(*)",
                "computed_at": rows.at,
            },
            f"FROM made_hour WHERE {since} GROUP BY charge_point_id, evse_number, {start} ORDER BY {start}, charge_point_id",
        )


def make_readings(rows: Rows, days: int) -> None:
    """Registers and powers of the sessions in `made_recent` that began in the last `days`."""
    for measurand, unit in ((ENERGY, "Wh"), (POWER, "W")):
        rows.insert(
            Series,
            {
                "charge_point_id": "charge_point_id",
                "evse_number": "evse_number",
                "measurand": quoted(measurand),
                "unit": quoted(unit),
            },
            "FROM made_outlet ORDER BY n",
        )
    since = quoted((rows.now - timedelta(days=days)).isoformat())
    begin, end = int(Sample.Context.BEGIN), int(Sample.Context.END)
    rows.run(
        f"""
INSERT INTO metering_sample (tenant_id, series_id, at, context, value, transaction_id, received_at)
SELECT {rows.tenant_id}, x.id, r.at,
       CASE WHEN r.at = s.started_at THEN {begin} WHEN r.at = s.stopped_at THEN {end} ELSE 0 END,
       CASE WHEN x.measurand = {quoted(POWER)}
            THEN CASE WHEN e.elapsed > 0 AND e.elapsed < s.charging_s THEN s.power_w ELSE 0 END
            ELSE s.meter_start_wh + round(s.energy_wh * least(1, e.elapsed / greatest(1, s.charging_s))) END,
       s.id, r.at + interval '1 second'
FROM made_recent s
JOIN metering_series x ON x.tenant_id = {rows.tenant_id} AND x.charge_point_id = s.charge_point_id
     AND x.evse_number = s.evse_number
CROSS JOIN LATERAL (SELECT generate_series(s.started_at, s.stopped_at, {READ_EVERY}) UNION SELECT s.stopped_at) r (at)
CROSS JOIN LATERAL (SELECT extract(epoch FROM r.at - s.started_at) AS elapsed) e
WHERE s.started_at >= {since} AND s.verdict = 'Accepted' AND r.at <= {rows.at}
ON CONFLICT DO NOTHING
"""
    )
