"""Commands that went to many stations of a large tenant, and the certificates that they sign in with."""

from chargepoints.models import BulkCommand, BulkTarget, StationCertificate
from csms.test_data.large.fleet import Size
from csms.test_data.large.names import PEOPLE
from csms.test_data.large.rows import Rows

# One in so many days, to so many stations.
EVERY_DAYS, TARGETS = 3, 150
OUTCOMES = ["sent"] * 9 + ["skipped"]


def make_bulk_commands(rows: Rows, size: Size) -> None:
    """Every few days one, to the stations that stand in a row."""
    at = f"{rows.at} - n * interval '{EVERY_DAYS} days'"
    bulks, total = max(1, size.days // EVERY_DAYS), min(TARGETS, size.charge_points)
    rows.insert(
        BulkCommand,
        {
            "id": rows.uuid("n::text", 131),
            "action": rows.pick("n", 132, ["TriggerMessage", "ChangeConfiguration", "Reset", "GetConfiguration"]),
            "state": "'finished'",
            "total": str(total),
            "requested_by": rows.pick("n", 133, PEOPLE),
            "origin": rows.pick("n", 134, ["admin", "admin", "api"]),
            "created_at": at,
            "finished_at": f"{at} + interval '4 minutes'",
        },
        f"FROM generate_series(1, {bulks}) n",
    )
    state = rows.pick("n * 1000 + place", 135, OUTCOMES)
    rows.insert(
        BulkTarget,
        {
            "bulk_id": rows.uuid("b.n::text", 131),
            "charge_point_id": "c.id",
            "state": state.replace("n *", "b.n *"),
            "detail": f"CASE WHEN {state.replace('n *', 'b.n *')} = 'skipped' THEN 'Offline' ELSE '' END",
        },
        f"FROM generate_series(1, {bulks}) b (n) CROSS JOIN generate_series(0, {total - 1}) place "
        f"JOIN made_station c ON c.n = 1 + (b.n * 97 + place) % {size.charge_points}",
    )


def make_certificates(rows: Rows) -> None:
    """Requests that were refused, of every second station: nobody can sign in with one of these."""
    rows.insert(
        StationCertificate,
        {
            "charge_point_id": "id",
            "state": "'refused'",
            "request": "'-----BEGIN CERTIFICATE REQUEST-----'",
            "detail": "'No certificate authority is active.'",
            "created_at": f"{rows.at} - {rows.chance('n', 136)} * interval '300 days'",
        },
        "FROM made_station WHERE n % 2 = 0 ORDER BY n",
    )
