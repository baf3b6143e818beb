"""What the sessions of a large tenant were charged: the tariff that each began with, and its charge detail record."""

from chargepoints.models import Transaction
from csms.test_data.large.rows import Rows, quoted
from metering.models import ChargeDetailRecord, SessionTariff

CREATE = "CREATE TEMP TABLE made_number (year int PRIMARY KEY, last bigint NOT NULL) ON COMMIT DROP"
VAT = 19
PARKING_FREE = "interval '4 hours'"


def make_charges(rows: Rows, since: str) -> None:
    """Of the sessions in `made_session`. Numbers count up within the year of the stop, as they do in real life.

    What was frozen at the start is kept of those that began `since` (SQL); the records of all hold their tariff themselves.
    """
    rows.insert(
        SessionTariff,
        {"transaction_id": "s.id", "tariff_id": "t.id", "snapshot": "t.snapshot", "frozen_at": "s.started_at"},
        f"FROM made_session s JOIN made_tariff t ON t.n = s.tariff WHERE s.started_at >= {since} ORDER BY s.id",
    )
    _make_records(rows)
    rows.run(
        f"INSERT INTO made_number SELECT {_year(rows)}, count(*) FROM made_session s WHERE {_CHARGED} GROUP BY 1 "
        "ON CONFLICT (year) DO UPDATE SET last = made_number.last + EXCLUDED.last"
    )


_CHARGED = f"s.state <> {quoted(Transaction.State.ACTIVE)} AND s.verdict = 'Accepted'"


def _year(rows: Rows) -> str:
    return f"extract(year FROM s.stopped_at AT TIME ZONE {quoted(rows.zone)})::int"


def _make_records(rows: Rows) -> None:
    parked = "t.parked > 0 AND p.parked_s > 0"
    source = f"""
FROM (SELECT s.*, {_year(rows)} AS year,
             row_number() OVER (PARTITION BY {_year(rows)} ORDER BY s.stopped_at, s.id) AS place
      FROM made_session s WHERE {_CHARGED}) s
JOIN made_tariff t ON t.n = s.tariff
LEFT JOIN made_number m ON m.year = s.year
CROSS JOIN LATERAL (SELECT (COALESCE(m.last, 0) + s.place)::text AS count) c
CROSS JOIN LATERAL (
    SELECT GREATEST(0, extract(epoch FROM s.stopped_at - GREATEST(s.started_at + s.charging_s * interval '1 second',
                                                                s.started_at + {PARKING_FREE})))::int AS parked_s
) p
CROSS JOIN LATERAL (SELECT ceil(p.parked_s / 60.0) * 60 AS billed_s) b
CROSS JOIN LATERAL (
    SELECT round(s.energy_wh / 1000, 6) AS kwh, round(s.energy_wh / 1000 * t.price, 4) AS energy_net,
           CASE WHEN {parked} THEN round(b.billed_s / 3600 * t.parked, 4) ELSE 0 END AS parked_net
) q
CROSS JOIN LATERAL (
    SELECT round(q.energy_net * {VAT} / 100, 4) AS energy_tax, round(q.parked_net * {VAT} / 100, 4) AS parked_tax
) x
CROSS JOIN LATERAL (
    SELECT round(q.energy_net + q.parked_net, 2) AS net, round(x.energy_tax + x.parked_tax, 2) AS tax
) total
ORDER BY s.stopped_at, s.id
"""
    energy = _line("ENERGY", 0, "q.kwh", "0", "kWh", "t.price", "q.energy_net", "x.energy_tax")
    hours = "round(b.billed_s / 3600, 6)"
    parking = _line(
        "PARKING_TIME",
        1,
        hours,
        "round((b.billed_s - p.parked_s) / 3600, 6)",
        "h",
        "t.parked",
        "q.parked_net",
        "x.parked_tax",
    )
    rows.insert(
        ChargeDetailRecord,
        {
            "transaction_id": "s.id",
            # Six digits or more: lpad would cut a million short.
            "number": "s.year || '-' || lpad(c.count, greatest(6, length(c.count)), '0')",
            "charge_point": "s.identity",
            "connector": "s.evse_number",
            "id_tag": "s.token",
            "started_at": "s.started_at",
            "stopped_at": "s.stopped_at",
            "meter_start_wh": "s.meter_start_wh",
            "meter_stop_wh": "s.meter_start_wh + s.energy_wh",
            "energy_wh": "s.energy_wh",
            "charging_seconds": "s.charging_s",
            "parking_seconds": "GREATEST(0, extract(epoch FROM s.stopped_at - s.started_at)::int - s.charging_s)",
            "tariff": "t.snapshot",
            "currency": "t.snapshot ->> 'currency'",
            "lines": f"CASE WHEN {parked} THEN jsonb_build_array({energy}, {parking}) ELSE jsonb_build_array({energy}) END",
            "total_excl_tax": "total.net",
            "total_tax": "total.tax",
            "total_incl_tax": "total.net + total.tax",
            "created_at": "s.stopped_at + interval '61 seconds'",
        },
        source,
    )


def _line(kind: str, element: int, quantity: str, more: str, unit: str, price: str, amount: str, tax: str) -> str:
    """A line as `metering.pricing.cost.lines_as_json` keeps it: decimals as text."""
    return (
        f"jsonb_build_object('type', {quoted(kind)}, 'element', {element}, 'quantity', ({quantity})::text, "
        f"'rounded_up', ({more})::text, 'unit', {quoted(unit)}, 'price', ({price})::text, 'vat', '{VAT}', "
        f"'amount', ({amount})::text, 'tax', ({tax})::text, 'text', '')"
    )
