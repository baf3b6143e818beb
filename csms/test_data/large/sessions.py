"""Sessions of a large tenant: when cars come, what they take, and how it ends. A month at a time, in the order of time."""

from collections.abc import Iterator
from datetime import date, timedelta

from chargepoints.models import Transaction
from csms.test_data.large.fleet import Size
from csms.test_data.large.rows import Rows, quoted

# Of a habit, the times of a day at which a car may come: weight on a weekday and on a weekend, first hour, hours in which it
# comes, shortest and longest stay (h). A car has left before the next may come.
SLOTS = {
    "work": [(0.75, 0.08, 7.0, 2.5, 2.5, 8.0), (0.12, 0.05, 18.0, 2.0, 0.5, 2.0)],
    "depot": [(0.9, 0.5, 17.0, 3.0, 5.0, 10.0), (0.25, 0.1, 10.0, 2.5, 0.7, 3.0)],
    "public": [(0.45, 0.5, 8.0, 2.5, 0.7, 2.5), (0.45, 0.6, 13.5, 2.0, 0.7, 2.5), (0.4, 0.5, 18.5, 3.0, 0.7, 3.0)],
    "fast": [(0.5, 0.6, 7.0 + 2.4 * number, 1.5, 0.3, 0.8) for number in range(6)],
}
# What of the stops is how; those of 1.6, as often as one sees them.
REASONS = [
    *["EVDisconnected"] * 110,
    *["Local"] * 58,
    *["Remote"] * 25,
    *("PowerLoss", "PowerLoss", "SoftReset", "Reboot", "UnlockCommand", "Other", "EmergencyStop"),
]
# Sessions that we ended; starts that were refused.
INFERRED, REFUSED = 0.005, 0.003
CREATE = """
CREATE TEMP TABLE made_session (
    key bigint, id bigint, protocol_id text, state text, outlet bigint, charge_point_id bigint, identity text,
    evse_id bigint, evse_number int, connector_id bigint, habit text, power_w numeric, started_at timestamptz,
    stopped_at timestamptz, charging_s int, energy_wh numeric, meter_start_wh numeric, reason text, verdict text,
    tag_id bigint, token text, tariff int
) ON COMMIT DROP
"""


class TooMany(Exception):
    """More sessions than so many outlets can have in so many days. `most`: how many they can."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


def share_of_slots(rows: Rows, size: Size, first: date) -> float:
    """What the weights are multiplied by, so that there will be about `size.sessions`. Raises TooMany."""
    outlets: dict[str, int] = dict(rows.ask("SELECT habit, count(*) FROM made_outlet GROUP BY habit"))
    expected = 0.0
    for number in range(size.days):
        kind = 1 if (first + timedelta(days=number)).weekday() >= 5 else 0
        of_day = sum(count * sum(slot[kind] for slot in SLOTS[habit]) for habit, count in outlets.items())
        expected += of_day * growth(number, size.days)
    share = size.sessions / expected
    heaviest = max(max(slot[:2]) for habit in outlets for slot in SLOTS[habit]) * growth(size.days, size.days)
    if share * heaviest > 1:
        raise TooMany(int(size.sessions / (share * heaviest)))
    return share


def growth(day: float, days: int) -> float:
    """More come from year to year."""
    return 0.7 + 0.6 * day / days


def months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """(first day, last day) of each month or part of one, in order."""
    while first <= last:
        following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield first, min(last, following - timedelta(days=1))
        first = following


def make_sessions(rows: Rows, size: Size, share: float, origin: date, first: date, last: date) -> int:
    """Those that begin from the first to the last day, into `made_session` (emptied before) and the table. The number."""
    rows.run("TRUNCATE made_session")
    rows.run(_plan(rows, size, share, origin, first, last))
    rows.run(
        "UPDATE made_outlet o SET register = s.register FROM (SELECT outlet, max(meter_start_wh + energy_wh) AS register "
        "FROM made_session GROUP BY outlet) s WHERE o.n = s.outlet"
    )
    rows.run("ANALYZE made_session")
    kept = rows.run(
        f"WITH made AS ({_insertion(rows)} RETURNING id, protocol_id, state, connector_id, started_at) "
        "UPDATE made_session s SET id = made.id, protocol_id = made.protocol_id, state = made.state FROM made "
        "WHERE made.connector_id = s.connector_id AND made.started_at = s.started_at"
    )
    rows.run("ANALYZE made_session")
    return kept


def _plan(rows: Rows, size: Size, share: float, origin: date, first: date, last: date) -> str:
    slots = ", ".join(
        f"({quoted(habit)}, {number}, {', '.join(map(str, slot))})"
        for habit, given in SLOTS.items()
        for number, slot in enumerate(given)
    )
    days = f"generate_series({quoted(str(first))}::date, {quoted(str(last))}::date, interval '1 day') AS day"
    number = f"(day::date - {quoted(str(origin))}::date)"
    key = f"((o.n * 10000 + {number}) * 10 + h.slot)"
    weight = "CASE WHEN extract(isodow FROM day) > 5 THEN weekend ELSE weekday END"
    grown = f"(0.7 + 0.6 * {number} / {size.days}.0)"
    begin = f"((day + (opens + wide * {rows.chance('key', 32)}) * interval '1 hour') AT TIME ZONE {quoted(rows.zone)})"
    refused = f"{rows.chance('key', 33)} < {REFUSED}"
    stay = f"(short + (long - short) * {rows.chance('key', 34)}) * interval '1 hour'"
    return f"""
WITH chosen AS (
    SELECT {key} AS key, o.*, h.opens, h.wide, h.short, h.long, day
    FROM {days} CROSS JOIN made_outlet o
    JOIN (VALUES {slots}) h (habit, slot, weekday, weekend, opens, wide, short, long) USING (habit)
    WHERE {rows.chance(key, 31)} < {weight} * {grown} * {share}
), timed AS (
    SELECT *, date_trunc('second', {begin}) AS begin, {refused} AS refused, {stay} AS stay,
           power * (0.6 + 0.37 * {rows.chance("key", 35)}) AS takes, 8000 + 47000 * {rows.chance("key", 36)} AS wanted
    FROM chosen
), ended AS (
    SELECT *, date_trunc('second', begin + CASE WHEN refused THEN interval '20 seconds' ELSE stay END) AS stop,
           CASE WHEN refused THEN 0
                ELSE floor(least(extract(epoch FROM stay) * 0.98, wanted / takes * 3600))::int END AS charging_s
    FROM timed WHERE begin < {rows.at}
), filled AS (
    SELECT *, round((takes * charging_s / 3600)::numeric) AS energy,
           floor(power({rows.chance("key", 37)}, 2) * {size.tags})::bigint AS tag_number
    FROM ended
)
INSERT INTO made_session
SELECT f.key, NULL, NULL, NULL, f.n, f.charge_point_id, f.identity, f.evse_id, f.evse_number, f.connector_id, f.habit,
       round(f.takes::numeric), f.begin, f.stop, f.charging_s, f.energy,
       f.register + COALESCE(sum(f.energy) OVER (PARTITION BY f.n ORDER BY f.begin
                                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0),
       CASE WHEN f.refused THEN 'DeAuthorized' ELSE {rows.pick("f.key", 38, REASONS)} END,
       CASE WHEN f.refused THEN {rows.pick("f.key", 39, ["Invalid", "Blocked", "Expired", "ConcurrentTx"])}
            ELSE 'Accepted' END,
       t.id, t.token,
       CASE WHEN t.parent_id IS NOT NULL THEN 3 WHEN f.habit = 'fast' THEN 2 WHEN c.habit = 'public' THEN 1 ELSE 0 END
FROM filled f JOIN made_station c ON c.id = f.charge_point_id
JOIN made_tag t ON t.n = f.tag_number % (SELECT count(*) FROM made_tag)
"""


def _insertion(rows: Rows) -> str:
    running = f"(s.stopped_at >= {rows.at} AND s.verdict = 'Accepted')"
    inferred = f"{rows.chance('s.key', 41)} < {INFERRED}"

    def once_over(value: str) -> str:
        return f"CASE WHEN NOT {running} THEN {value} END"

    so_far = f"s.energy_wh * least(1, extract(epoch FROM {rows.at} - s.started_at) / greatest(1, s.charging_s))"
    takes = f"CASE WHEN extract(epoch FROM {rows.at} - s.started_at) < s.charging_s THEN s.power_w ELSE 0 END"
    values = {
        "charge_point_id": "s.charge_point_id",
        "evse_id": "s.evse_id",
        "connector_id": "s.connector_id",
        "protocol_id": "nextval('chargepoints_ocpp_transaction_id')::text",
        "state": f"CASE WHEN {running} THEN 'active' WHEN {inferred} THEN 'inferred' ELSE 'stopped' END",
        "id_tag": "s.token",
        "id_tag_row_id": "s.tag_id",
        "verdict": "s.verdict",
        "started_at": "s.started_at",
        "start_received_at": "s.started_at + interval '1 second'",
        "meter_start_wh": "s.meter_start_wh",
        "stopped_at": once_over("s.stopped_at"),
        "stop_received_at": once_over("s.stopped_at + interval '1 second'"),
        "meter_stop_wh": once_over("s.meter_start_wh + s.energy_wh"),
        "stop_reason": f"COALESCE({once_over('s.reason')}, '')",
        "stop_id_tag": f"CASE WHEN NOT {running} AND s.reason = 'Local' THEN s.token ELSE '' END",
        "stopped_by": f"CASE WHEN NOT {running} AND s.reason = 'Remote' THEN 'dispatch' ELSE '' END",
        "flags": f"CASE WHEN NOT {running} AND {inferred} THEN '{{closed_by_next_start}}'::varchar[] ELSE '{{}}' END",
        "last_register_wh": f"CASE WHEN {running} THEN s.meter_start_wh + round({so_far}) ELSE s.meter_start_wh + s.energy_wh END",
        "last_power_w": f"CASE WHEN {running} THEN {takes} ELSE 0 END",
        "last_reading_at": f"least(s.stopped_at, {rows.at})",
    }
    return rows.insertion(Transaction, values, "FROM (SELECT * FROM made_session ORDER BY started_at, key) s")
