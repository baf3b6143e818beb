"""The SQL of `hours`: steps through temporary tables, each made by one statement over all meters of a pass.

agg_work    the meters, each with its window [a, b) of whole hours, and `lower`, before which nothing is touched
agg_series  their series that energy can come from
agg_edge    the reading before and the reading after each window
agg_stat    minimum, maximum, sum, count of each series and hour
agg_hour    first and last reading of each register and hour. Where nothing in the hour can be a reset or another
            meter, the energy within is last - first, whatever came between: only the others ("rough") are sorted and
            looked at reading by reading
agg_step    energy between neighbouring readings: within an hour (`inside`), and the one step that comes into an hour
            from outside (span_*), to be shared out over the hours that it crosses
agg_energy  energy of each meter and hour from the most trusted source that there is
agg_touched what changed
"""

# Only what is a number of days counts: a careless setting must not stop the aggregation of all tenants.
RETENTION_DAYS = """
COALESCE(
    CASE WHEN c.desired_configuration->>'MeterValueRetentionDays' ~ '^[0-9]{1,3}$'
         THEN (c.desired_configuration->>'MeterValueRetentionDays')::int END,
    CASE WHEN t.desired_configuration->>'MeterValueRetentionDays' ~ '^[0-9]{1,3}$'
         THEN (t.desired_configuration->>'MeterValueRetentionDays')::int END,
    %(sample_days)s
)
"""
# Hours are only worked out anew while their samples, and the hours and days that they add up to, are all kept.
OPEN_DAYS = f"LEAST({RETENTION_DAYS}, COALESCE(f.hour_days, 30) - 2, COALESCE(f.day_days, 365) - 32)"
# On a whole hour of the pass, too.
LOWER = (
    f"date_bin('1 hour', %(today)s::timestamptz - {OPEN_DAYS} * interval '1 day' + interval '59 minutes', %(origin)s)"
)
METERS = """
FROM (SELECT DISTINCT tenant_id, charge_point_id, evse_number FROM metering_series) s
JOIN chargepoints_chargepoint c ON c.id = s.charge_point_id
JOIN tenants_tenant t ON t.id = s.tenant_id
LEFT JOIN metering_meteringsettings f ON f.tenant_id = s.tenant_id
"""
WORK_OF_RANGE = f"""
CREATE TEMP TABLE agg_work ON COMMIT DROP AS
SELECT s.tenant_id, s.charge_point_id, s.evse_number, %(a)s::timestamptz AS a, %(b)s::timestamptz AS b, {LOWER} AS lower
{METERS}
WHERE s.tenant_id = ANY(%(tenants)s) AND (%(stations)s::bigint[] IS NULL OR s.charge_point_id = ANY(%(stations)s))
"""
WORK_OF_LATE = f"""
CREATE TEMP TABLE agg_work ON COMMIT DROP AS
SELECT d.tenant_id, d.charge_point_id, d.evse_number, GREATEST(d.a, {LOWER}) AS a, d.b, {LOWER} AS lower
FROM (
    SELECT tenant_id, charge_point_id, evse_number,
           date_bin('1 hour', min(first), %(origin)s) AS a,
           date_bin('1 hour', max(last), %(origin)s) + interval '1 hour' AS b
    FROM metering_dirtyrange WHERE id = ANY(%(late)s) AND tenant_id = ANY(%(tenants)s) GROUP BY 1, 2, 3
) d
JOIN chargepoints_chargepoint c ON c.id = d.charge_point_id
JOIN tenants_tenant t ON t.id = d.tenant_id
LEFT JOIN metering_meteringsettings f ON f.tenant_id = d.tenant_id
"""
# A late reading cuts a step in two: the hours back to the reading before it, and on to the one after it, change.
WIDEN = """
UPDATE agg_work w SET
    a = GREATEST(w.lower, LEAST(w.a, date_bin('1 hour', e.before, %(origin)s))),
    b = GREATEST(w.b, date_bin('1 hour', e.after - interval '1 microsecond', %(origin)s) + interval '1 hour')
FROM (
    SELECT s.charge_point_id, s.evse_number, min(e.at) FILTER (WHERE e.at < s.a) AS before,
           max(e.at) FILTER (WHERE e.at >= s.b) AS after
    FROM agg_edge e JOIN agg_series s USING (series_id) GROUP BY 1, 2
) e
WHERE (w.charge_point_id, w.evse_number) = (e.charge_point_id, e.evse_number)
"""
SERIES = """
CREATE TEMP TABLE agg_series ON COMMIT DROP AS
SELECT s.id AS series_id, w.tenant_id, w.charge_point_id, w.evse_number, w.a, w.b, w.lower,
       CASE s.measurand WHEN 'Energy.Active.Import.Register' THEN 'register'
                        WHEN 'Energy.Active.Import.Interval' THEN 'interval' ELSE 'power' END AS kind,
       CASE s.location WHEN 'Outlet' THEN 0 WHEN 'Cable' THEN 1 WHEN 'EV' THEN 2 WHEN 'Body' THEN 3 ELSE 4 END AS place,
       (s.phase <> '')::int AS by_phase
FROM agg_work w JOIN metering_series s USING (charge_point_id, evse_number)
WHERE s.phase IN ('', 'L1', 'L2', 'L3', 'L1-N', 'L2-N', 'L3-N')
  AND (s.measurand IN ('Energy.Active.Import.Register', 'Energy.Active.Import.Interval') AND s.unit = 'Wh'
       OR s.measurand = 'Power.Active.Import' AND s.unit = 'W')
"""
# Where the samples are gone, the last value of the hour or day that was summed up stands for them.
EDGES = """
CREATE TEMP TABLE agg_edge ON COMMIT DROP AS
SELECT s.series_id, s.kind, e.at, e.transaction_id, e.context, e.value
FROM agg_series s CROSS JOIN LATERAL (
    (SELECT at, transaction_id, context, value FROM metering_sample m
     WHERE m.series_id = s.series_id AND m.at < s.a
       AND (s.kind = 'register' OR m.at >= s.a - %(gap)s::interval)
     ORDER BY m.at DESC, m.context DESC LIMIT 1)
    UNION ALL
    (SELECT at, transaction_id, context, value FROM metering_sample m
     WHERE m.series_id = s.series_id AND m.at >= s.b
       AND (s.kind = 'register' OR m.at < s.b + %(gap)s::interval)
     ORDER BY m.at, m.context LIMIT 1)
) e
WHERE s.kind <> 'interval'
"""
ANCHORS = """
INSERT INTO agg_edge
SELECT s.series_id, s.kind, b.last_at, NULL, 0, b.last
FROM agg_series s CROSS JOIN LATERAL (
    (SELECT last_at, last FROM metering_bucketstatistics b
     WHERE b.series_id = s.series_id AND b.period = 1 AND b.start < s.a ORDER BY b.start DESC LIMIT 1)
    UNION ALL
    (SELECT last_at, last FROM metering_bucketstatistics b
     WHERE b.series_id = s.series_id AND b.period = 2 AND b.start < s.a ORDER BY b.start DESC LIMIT 1)
    ORDER BY last_at DESC LIMIT 1
) b
WHERE s.kind = 'register' AND b.last_at < s.a
  AND NOT EXISTS (SELECT 1 FROM agg_edge e WHERE e.series_id = s.series_id AND e.at < s.a)
"""
# Two ways to the samples: everything in a stretch of time, or series by series through the key.
SAMPLES_OF_RANGE = """
SELECT m.series_id, m.at, m.transaction_id, m.context, m.value FROM metering_sample m
WHERE m.at >= %(a)s AND m.at < %(b)s
"""
SAMPLES_OF_TENANTS = f"{SAMPLES_OF_RANGE} AND m.tenant_id = ANY(%(tenants)s)"
SAMPLES_OF_SERIES = """
SELECT m.series_id, m.at, m.transaction_id, m.context, m.value
FROM ({series}) s CROSS JOIN LATERAL (
    SELECT * FROM metering_sample m WHERE m.series_id = s.series_id AND m.at >= s.a AND m.at < s.b OFFSET 0
) m
"""
ALL_SERIES = """
SELECT s.id AS series_id, w.a, w.b FROM agg_work w JOIN metering_series s USING (charge_point_id, evse_number)
"""
STATISTICS = """
CREATE TEMP TABLE agg_stat ON COMMIT DROP AS
SELECT series_id, date_bin('1 hour', at, %(origin)s) AS start, min(value) AS minimum, max(value) AS maximum,
       sum(value) AS total, count(*) AS count, min(at) AS first_at, max(at) AS last_at
FROM ({samples}) m GROUP BY 1, 2
"""
KEEP_STATISTICS = """
INSERT INTO metering_bucketstatistics AS old
    (tenant_id, series_id, period, start, minimum, maximum, total, count, last, last_at)
SELECT s.tenant_id, a.series_id, 1, a.start, a.minimum, a.maximum, a.total, a.count, l.value, a.last_at
FROM agg_stat a JOIN metering_series s ON s.id = a.series_id
JOIN agg_work w ON (w.charge_point_id, w.evse_number) = (s.charge_point_id, s.evse_number)
LEFT JOIN agg_hour h ON (h.series_id, h.start) = (a.series_id, a.start)
CROSS JOIN LATERAL (
    SELECT COALESCE(h.last, (
        SELECT value FROM metering_sample m WHERE m.series_id = a.series_id AND m.at = a.last_at
        ORDER BY m.transaction_id DESC NULLS LAST, m.context DESC LIMIT 1)) AS value
) l
WHERE a.start >= w.lower
ON CONFLICT (series_id, period, start) DO UPDATE SET
    minimum = EXCLUDED.minimum, maximum = EXCLUDED.maximum, total = EXCLUDED.total, count = EXCLUDED.count,
    last = EXCLUDED.last, last_at = EXCLUDED.last_at
WHERE (old.minimum, old.maximum, old.total, old.count, old.last, old.last_at) IS DISTINCT FROM
      (EXCLUDED.minimum, EXCLUDED.maximum, EXCLUDED.total, EXCLUDED.count, EXCLUDED.last, EXCLUDED.last_at)
"""
# As `energy.step_between`. The first line takes nearly every step, and needs no arithmetic on times.
BOUND = "%(largest_w)s * GREATEST(extract(epoch FROM t1 - t0), 60) / 3600"
TAKEN_AS_IS = "(v1 - v0 BETWEEN 0 AND %(minute_wh)s OR v0 - v1 BETWEEN 0 AND %(minute_wh)s AND v1 >= v0 / 2)"
REGISTER_STEP = f"""
CASE WHEN {TAKEN_AS_IS} THEN v1 - v0
     WHEN v1 >= v0 THEN CASE WHEN v1 - v0 <= {BOUND} THEN v1 - v0 ELSE 0 END
     WHEN v1 >= 0 AND v1 <= {BOUND} THEN v1
     ELSE 0 END
"""
REGISTER_ODD = f"NOT {TAKEN_AS_IS} AND (v1 < v0 OR v1 - v0 > {BOUND})"
HOURS_OF_REGISTERS = """
CREATE TEMP TABLE agg_hour ON COMMIT DROP AS
SELECT a.series_id, a.start, a.first_at, f.value AS first, a.last_at, l.value AS last,
       NOT (a.maximum - a.minimum <= %(minute_wh)s AND a.minimum >= a.maximum / 2) AS rough
FROM agg_stat a JOIN agg_series s USING (series_id)
CROSS JOIN LATERAL (
    SELECT value FROM metering_sample m WHERE m.series_id = a.series_id AND m.at = a.first_at
    ORDER BY m.transaction_id NULLS FIRST, m.context LIMIT 1
) f
CROSS JOIN LATERAL (
    SELECT value FROM metering_sample m WHERE m.series_id = a.series_id AND m.at = a.last_at
    ORDER BY m.transaction_id DESC NULLS LAST, m.context DESC LIMIT 1
) l
WHERE s.kind = 'register'
"""
STEPS_OF_REGISTERS = f"""
CREATE TEMP TABLE agg_step ON COMMIT DROP AS
WITH reading AS (
    SELECT h.series_id, h.start, m.at AS t1, m.value AS v1, lag(m.at) OVER o AS t0, lag(m.value) OVER o AS v0
    FROM agg_hour h CROSS JOIN LATERAL (
        SELECT * FROM metering_sample m
        WHERE m.series_id = h.series_id AND m.at >= h.first_at AND m.at <= h.last_at OFFSET 0
    ) m
    WHERE h.rough
    WINDOW o AS (PARTITION BY h.series_id, h.start ORDER BY m.at, m.transaction_id NULLS FIRST, m.context)
), span AS (
    SELECT series_id, lag(last_at) OVER o AS t0, lag(last) OVER o AS v0, first_at AS t1, first AS v1
    FROM (
        SELECT series_id, first_at, first, last_at, last FROM agg_hour
        UNION ALL SELECT series_id, at, value, at, value FROM agg_edge WHERE kind = 'register'
    ) row
    WINDOW o AS (PARTITION BY series_id ORDER BY first_at)
)
SELECT series_id, start AS hour, last - first AS inside, false AS odd, NULL::timestamptz AS span_from,
       NULL::timestamptz AS span_to, NULL::numeric AS span_wh, NULL::boolean AS span_odd,
       NULL::numeric AS span_v0, NULL::numeric AS span_v1
FROM agg_hour WHERE NOT rough
UNION ALL
SELECT series_id, start, COALESCE(sum({REGISTER_STEP}) FILTER (WHERE t0 IS NOT NULL), 0),
       COALESCE(bool_or({REGISTER_ODD}) FILTER (WHERE t0 IS NOT NULL), false), NULL, NULL, NULL, NULL, NULL, NULL
FROM reading GROUP BY 1, 2
UNION ALL
SELECT series_id, date_bin('1 hour', t1 - interval '1 microsecond', %(origin)s), NULL, NULL, t0, t1, {REGISTER_STEP},
       {REGISTER_ODD}, v0, v1
FROM span WHERE t0 IS NOT NULL
"""
# The trapezium between two readings of power; nothing is known of a longer silence.
POWER_STEP = """
CASE WHEN t1 - t0 <= %(gap)s::interval THEN (v0 + v1) / 2 * extract(epoch FROM t1 - t0) / 3600 ELSE 0 END
"""
STEPS_OF_POWER = """
CREATE TEMP TABLE agg_power_step ON COMMIT DROP AS
WITH step AS (
    SELECT series_id, at AS t1, value AS v1, lag(at) OVER o AS t0, lag(value) OVER o AS v0
    FROM (
        {samples}
        UNION ALL
        SELECT series_id, at, transaction_id, context, value FROM agg_edge WHERE kind = 'power'
    ) reading
    WINDOW o AS (PARTITION BY series_id ORDER BY at, transaction_id NULLS FIRST, context)
), delta AS (
    SELECT series_id, t0, t1, v0, v1, date_bin('1 hour', t1 - interval '1 microsecond', %(origin)s) AS hour,
           {wh} AS wh, false AS odd
    FROM step WHERE t0 IS NOT NULL
)
SELECT series_id, hour, sum(wh) FILTER (WHERE t0 >= hour) AS inside, bool_or(odd) FILTER (WHERE t0 >= hour) AS odd,
       min(t0) FILTER (WHERE t0 < hour) AS span_from, min(t1) FILTER (WHERE t0 < hour) AS span_to,
       min(wh) FILTER (WHERE t0 < hour) AS span_wh, bool_or(odd) FILTER (WHERE t0 < hour) AS span_odd,
       min(v0) FILTER (WHERE t0 < hour) AS span_v0, min(v1) FILTER (WHERE t0 < hour) AS span_v1
FROM delta GROUP BY 1, 2
"""
# Differences of rounded running sums: the shares of a step add up to it exactly.
SHARE_OF_REGISTER = "x.wh * {seconds} / x.length"
SHARE_OF_POWER = "(x.v0 * {seconds} + (x.v1 - x.v0) * {seconds} * {seconds} / (2 * x.length)) / 3600"
ENERGY_OF_STEPS = """
SELECT s.tenant_id, s.charge_point_id, s.evse_number, part.start, s.place * 10 + {rank} + s.by_phase AS rank,
       sum(part.wh) AS wh, bool_or(part.odd) AS odd
FROM (
    SELECT series_id, hour AS start, inside AS wh, odd FROM {table} WHERE inside IS NOT NULL
    UNION ALL
    SELECT x.series_id, g.start, round(until.wh, 6) - round(since.wh, 6), x.odd
    FROM (
        SELECT p.series_id, GREATEST(p.span_from, s.lower) AS begun, p.span_to AS ended, p.span_wh AS wh,
               p.span_v0 AS v0, p.span_v1 AS v1,
               s.a, s.b, p.span_odd OR (p.span_to - p.span_from > interval '2 hours' AND p.span_wh <> 0) AS odd,
               extract(epoch FROM p.span_to - GREATEST(p.span_from, s.lower)) AS length
        FROM {table} p JOIN agg_series s USING (series_id) WHERE p.span_from IS NOT NULL AND p.span_to > s.lower
    ) x
    CROSS JOIN LATERAL generate_series(
        date_bin('1 hour', GREATEST(x.begun, x.a), %(origin)s),
        date_bin('1 hour', LEAST(x.ended, x.b) - interval '1 microsecond', %(origin)s), interval '1 hour'
    ) g (start)
    CROSS JOIN LATERAL (
        SELECT extract(epoch FROM LEAST(g.start + interval '1 hour', x.ended) - x.begun) AS until,
               extract(epoch FROM GREATEST(g.start, x.begun) - x.begun) AS since
    ) seconds
    CROSS JOIN LATERAL (SELECT CASE WHEN x.wh = 0 THEN 0 ELSE {share_until} END AS wh) until
    CROSS JOIN LATERAL (SELECT CASE WHEN x.wh = 0 THEN 0 ELSE {share_since} END AS wh) since
) part
JOIN agg_series s USING (series_id)
WHERE part.start >= s.a AND part.start < s.b
GROUP BY 1, 2, 3, 4, 5
"""
# A value for the interval that ends with it: one on the full hour belongs to the hour before.
ENERGY_OF_INTERVALS = """
SELECT s.tenant_id, s.charge_point_id, s.evse_number,
       date_bin('1 hour', m.at - interval '1 microsecond', %(origin)s) AS start, s.place * 10 + 2 + s.by_phase AS rank,
       sum(m.value) AS wh, false AS odd
FROM agg_series s CROSS JOIN LATERAL (
    SELECT at, value FROM metering_sample m WHERE m.series_id = s.series_id AND m.at > s.a AND m.at <= s.b OFFSET 0
) m
WHERE s.kind = 'interval' GROUP BY 1, 2, 3, 4, 5
"""
ENERGY = """
CREATE TEMP TABLE agg_energy ON COMMIT DROP AS
SELECT DISTINCT ON (charge_point_id, evse_number, start) * FROM ({registers} UNION ALL {intervals}) found
ORDER BY charge_point_id, evse_number, start, rank
"""
# Meters that say their power in an hour of which nothing better is known.
POWER_SERIES = """
SELECT s.series_id, s.a, s.b FROM agg_series s
WHERE s.kind = 'power' AND EXISTS (
    SELECT 1 FROM agg_stat a WHERE a.series_id = s.series_id AND NOT EXISTS (
        SELECT 1 FROM agg_energy e WHERE (e.charge_point_id, e.evse_number, e.start) =
            (s.charge_point_id, s.evse_number, a.start)))
"""
ENERGY_OF_POWER = """
INSERT INTO agg_energy
SELECT DISTINCT ON (f.charge_point_id, f.evse_number, f.start) f.* FROM ({power}) f
WHERE NOT EXISTS (
    SELECT 1 FROM agg_energy e
    WHERE (e.charge_point_id, e.evse_number, e.start) = (f.charge_point_id, f.evse_number, f.start))
ORDER BY f.charge_point_id, f.evse_number, f.start, f.rank
"""
# Power over all phases: the series without a phase, else the sum of what the phases said at the same instant.
POWER = """
CREATE TEMP TABLE agg_power ON COMMIT DROP AS
SELECT DISTINCT ON (s.charge_point_id, s.evse_number, a.start)
       s.charge_point_id, s.evse_number, a.start, a.maximum, a.total, a.count
FROM agg_stat a JOIN agg_series s USING (series_id)
WHERE s.kind = 'power' AND s.by_phase = 0
ORDER BY s.charge_point_id, s.evse_number, a.start, s.place
"""
PHASE_POWER_SERIES = """
SELECT DISTINCT s.series_id, s.a, s.b FROM agg_series s JOIN agg_stat a USING (series_id)
WHERE s.kind = 'power' AND s.by_phase = 1 AND NOT EXISTS (
    SELECT 1 FROM agg_power p
    WHERE (p.charge_point_id, p.evse_number, p.start) = (s.charge_point_id, s.evse_number, a.start))
"""
POWER_OF_PHASES = """
INSERT INTO agg_power
SELECT DISTINCT ON (charge_point_id, evse_number, start) charge_point_id, evse_number, start, maximum, total, count
FROM (
    SELECT charge_point_id, evse_number, place, date_bin('1 hour', at, %(origin)s) AS start,
           max(value) AS maximum, sum(value) AS total, count(*) AS count
    FROM (
        SELECT s.charge_point_id, s.evse_number, s.place, m.at, sum(m.value) AS value
        FROM ({samples}) m JOIN agg_series s USING (series_id) GROUP BY 1, 2, 3, 4
    ) instant GROUP BY 1, 2, 3, 4
) f
WHERE NOT EXISTS (
    SELECT 1 FROM agg_power p WHERE (p.charge_point_id, p.evse_number, p.start) =
        (f.charge_point_id, f.evse_number, f.start))
ORDER BY charge_point_id, evse_number, start, place
"""
TOUCHED = """
CREATE TEMP TABLE agg_touched (tenant_id bigint, charge_point_id bigint, evse_number smallint, start timestamptz)
ON COMMIT DROP
"""
KEEP_HOURS = """
WITH counted AS (
    SELECT s.tenant_id, s.charge_point_id, s.evse_number, a.start, sum(a.count) AS count
    FROM agg_stat a JOIN metering_series s ON s.id = a.series_id GROUP BY 1, 2, 3, 4
), hours AS (
    SELECT tenant_id, charge_point_id, evse_number, start, COALESCE(e.wh, 0) AS wh, e.rank,
           COALESCE(e.odd, false) AS odd, COALESCE(n.count, 0) AS count
    FROM counted n FULL JOIN agg_energy e USING (tenant_id, charge_point_id, evse_number, start)
), kept AS (
    INSERT INTO metering_bucket AS old (tenant_id, charge_point_id, evse_number, period, start, "end", energy_wh,
        energy_source, estimated, max_power_w, power_sum_w, power_count, sample_count, computed_at)
    SELECT h.tenant_id, h.charge_point_id, h.evse_number, 1, h.start, h.start + interval '1 hour', h.wh,
           CASE h.rank %% 10 WHEN 0 THEN 'register' WHEN 1 THEN 'register_phases' WHEN 2 THEN 'interval'
                             WHEN 3 THEN 'interval' WHEN 4 THEN 'power' WHEN 5 THEN 'power' ELSE '' END,
           h.odd, p.maximum, p.total, COALESCE(p.count, 0), h.count, %(now)s
    FROM hours h JOIN agg_work w USING (charge_point_id, evse_number)
    LEFT JOIN agg_power p USING (charge_point_id, evse_number, start)
    WHERE h.start >= w.lower AND (h.count > 0 OR h.wh <> 0 OR EXISTS (
        SELECT 1 FROM metering_bucket b WHERE b.charge_point_id = h.charge_point_id
            AND b.evse_number = h.evse_number AND b.period = 1 AND b.start = h.start))
    ON CONFLICT (charge_point_id, evse_number, period, start) DO UPDATE SET
        energy_wh = EXCLUDED.energy_wh, energy_source = EXCLUDED.energy_source, estimated = EXCLUDED.estimated,
        max_power_w = EXCLUDED.max_power_w, power_sum_w = EXCLUDED.power_sum_w, power_count = EXCLUDED.power_count,
        sample_count = EXCLUDED.sample_count, computed_at = EXCLUDED.computed_at
    WHERE (old.energy_wh, old.energy_source, old.estimated, old.max_power_w, old.power_sum_w, old.power_count,
           old.sample_count) IS DISTINCT FROM
          (EXCLUDED.energy_wh, EXCLUDED.energy_source, EXCLUDED.estimated, EXCLUDED.max_power_w, EXCLUDED.power_sum_w,
           EXCLUDED.power_count, EXCLUDED.sample_count)
    RETURNING tenant_id, charge_point_id, evse_number, start
)
INSERT INTO agg_touched SELECT * FROM kept
"""
# A first reading after a silence that began before the pass: the hours between get their share as late ones.
MARK_SILENCES = """
INSERT INTO metering_dirtyrange (tenant_id, charge_point_id, evse_number, first, last)
SELECT s.tenant_id, s.charge_point_id, s.evse_number, min(p.span_from), max(s.a) - interval '1 second'
FROM agg_step p JOIN agg_series s USING (series_id)
WHERE p.span_from < s.a AND p.span_wh <> 0 AND s.a > s.lower AND p.span_to > s.a
GROUP BY 1, 2, 3
"""
