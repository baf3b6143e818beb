"""What operators and stations did meanwhile: commands, reservations, alerts, states, firmware, files."""

from chargepoints.models import (
    Command,
    FirmwareFile,
    FirmwareRollout,
    FirmwareUpdate,
    Reservation,
    StationUpload,
    StatusChange,
)
from csms.test_data.large.names import PEOPLE
from csms.test_data.large.rows import Rows
from metering.models import Alert

# Of the sessions, which had a command, a reservation, an alert beside them.
COMMANDS, RESERVATIONS, ALERTS = 0.15, 0.02, 0.05
STATES = ["accepted"] * 90 + ["rejected"] * 4 + ["timed_out"] * 4 + ["failed", "cancelled"]
ACTIONS = [
    *["RemoteStartTransaction"] * 8,
    *["RemoteStopTransaction"] * 4,
    *["SetChargingProfile"] * 5,
    *("TriggerMessage", "TriggerMessage", "ChangeConfiguration", "GetConfiguration", "Reset", "UnlockConnector"),
    *("ChangeAvailability", "SendLocalList", "GetDiagnostics", "ClearCache", "GetCompositeSchedule"),
]
RECENT = "FROM made_recent s"


def make_beside_sessions(rows: Rows) -> None:
    """Of the sessions in `made_session`, a month of them."""
    _commands(rows)
    _reservations(rows)
    _alerts(rows)


def _commands(rows: Rows) -> None:
    state = rows.pick("s.key", 51, STATES)
    rows.insert(
        Command,
        {
            "id": rows.uuid("s.key", 52),
            "charge_point_id": "s.charge_point_id",
            "action": rows.pick("s.key", 53, ACTIONS),
            "payload": "jsonb_build_object('connectorId', s.evse_number, 'idTag', s.token)",
            "state": state,
            "requested_by": rows.pick("s.key", 54, PEOPLE),
            "origin": rows.pick("s.key", 55, ["admin", "api", "api", "system"]),
            "created_at": "s.started_at - interval '3 seconds'",
            "sent_at": "s.started_at - interval '3 seconds'",
            "finished_at": "s.started_at - interval '2 seconds'",
            "reply": f"CASE WHEN {state} = 'accepted' THEN '{{\"status\": \"Accepted\"}}'::jsonb END",
        },
        f"FROM made_session s WHERE {rows.chance('s.key', 56)} < {COMMANDS} ORDER BY s.started_at",
    )


def _reservations(rows: Rows) -> None:
    used = f"{rows.chance('s.key', 61)} < 0.7"
    rows.insert(
        Reservation,
        {
            "charge_point_id": "s.charge_point_id",
            "evse_number": "s.evse_number",
            "protocol_id": "nextval('chargepoints_reservation_protocol_id')",
            "id_tag": "s.token",
            "expires_at": "s.started_at + interval '30 minutes'",
            "state": f"CASE WHEN {used} THEN 'used' ELSE {rows.pick('s.key', 62, ['expired', 'cancelled', 'rejected'])} END",
            "transaction_id": f"CASE WHEN {used} THEN s.id END",
            "requested_by": rows.pick("s.key", 63, PEOPLE),
            "created_at": "s.started_at - interval '40 minutes'",
            "ended_at": "s.started_at",
        },
        f"FROM made_session s WHERE {rows.chance('s.key', 64)} < {RESERVATIONS} ORDER BY s.started_at",
    )


def _alerts(rows: Rows) -> None:
    """Three quarters of them about the station; the youngest are open still."""
    open_still = f"s.started_at > {rows.at} - interval '2 days' AND {rows.chance('s.key', 71)} < 0.3"
    seen = f"{rows.chance('s.key', 72)} < 0.3"
    status = f"CASE WHEN NOT ({open_still}) THEN 'resolved' WHEN {seen} THEN 'acknowledged' ELSE 'open' END"
    kinds = ["offline"] * 4 + ["fault"] * 3 + ["no_readings", "clock", "register_backwards", "over_limit", "security"]
    rows.insert(
        Alert,
        {
            "kind": rows.pick("s.key", 73, kinds),
            "severity": rows.pick("s.key", 74, ["info", "warning", "warning", "critical"]),
            "status": status,
            "charge_point_id": "s.charge_point_id",
            "evse_number": "s.evse_number",
            "transaction_id": "s.id",
            "key": "'made ' || s.key",
            "started_at": "s.started_at",
            "opened_at": "s.started_at + interval '1 minute'",
            "last_at": "s.started_at + interval '20 minutes'",
            "acknowledged_at": f"CASE WHEN {status} = 'acknowledged' THEN s.started_at + interval '9 minutes' END",
            "acknowledged_by": f"CASE WHEN {status} = 'acknowledged' THEN {rows.pick('s.key', 75, PEOPLE)} ELSE '' END",
            "resolved_at": f"CASE WHEN {status} = 'resolved' THEN s.started_at + interval '25 minutes' END",
            "resolution": f"CASE WHEN {status} = 'resolved' THEN 'It ended by itself.' ELSE '' END",
            "mailed_at": "s.started_at + interval '2 minutes'",
        },
        f"FROM made_session s WHERE {rows.chance('s.key', 76)} < {ALERTS} ORDER BY s.started_at",
    )


def make_status_history(rows: Rows) -> None:
    """Of the sessions in `made_recent`; and what their connectors say now."""
    steps = (
        "VALUES ('Preparing', s.started_at - interval '20 seconds'), ('Charging', s.started_at + interval '4 seconds'), "
        "('SuspendedEV', s.started_at + s.charging_s * interval '1 second'), ('Finishing', s.stopped_at), "
        "('Available', s.stopped_at + interval '1 minute')"
    )
    rows.insert(
        StatusChange,
        {
            "charge_point_id": "s.charge_point_id",
            "evse_number": "s.evse_number",
            "status": "v.status",
            "error_code": "'NoError'",
            "at": "v.at",
            "received_at": "v.at + interval '1 second'",
        },
        f"{RECENT} CROSS JOIN LATERAL ({steps}) v (status, at) WHERE s.verdict = 'Accepted' AND v.at < {rows.at} "
        "ORDER BY v.at",
    )
    rows.run(
        "UPDATE chargepoints_connector k SET status = 'Charging', error_code = 'NoError', status_at = s.started_at "
        f"FROM made_recent s WHERE s.state = 'active' AND k.id = s.connector_id AND k.tenant_id = {rows.tenant_id}"
    )


def make_firmware(rows: Rows) -> None:
    """A file for each version, a rollout each, and the update of each station."""
    rows.insert(
        FirmwareFile,
        {
            "name": "'Voltaic main'",
            "version": "v",
            "vendor": "'Voltaic'",
            "url": "'https://firmware.example/voltaic-' || v || '.bin'",
            "uploaded_by": "'anna'",
            "created_at": f"{rows.at} - (6 - place) * interval '90 days'",
        },
        "FROM unnest(ARRAY['1.4.0', '1.4.2', '2.0.0', '2.0.1']) WITH ORDINALITY u (v, place)",
    )
    of_tenant = f"tenant_id = {rows.tenant_id}"
    rows.insert(
        FirmwareRollout,
        {
            "firmware_id": "id",
            "name": "'To ' || version",
            "state": "'finished'",
            "start_at": "created_at",
            "created_by": "'anna'",
            "created_at": "created_at",
            "finished_at": "created_at + interval '3 days'",
        },
        f"FROM chargepoints_firmwarefile WHERE {of_tenant} ORDER BY id",
    )
    state = rows.pick("c.n * 10 + r.id % 10", 81, ["installed"] * 30 + ["failed", "cancelled"])
    at = f"r.start_at + {rows.chance('c.n', 82)} * interval '3 days'"
    rows.insert(
        FirmwareUpdate,
        {
            "charge_point_id": "c.id",
            "rollout_id": "r.id",
            "firmware_id": "r.firmware_id",
            "wave": "1 + c.n / 500",
            "state": state,
            "status": f"CASE WHEN {state} = 'installed' THEN 'Installed' ELSE 'DownloadFailed' END",
            "created_at": at,
            "finished_at": f"{at} + interval '12 minutes'",
        },
        f"FROM made_station c CROSS JOIN chargepoints_firmwarerollout r WHERE r.{of_tenant} ORDER BY r.id, c.n",
    )


def make_uploads(rows: Rows) -> None:
    """Files that stations were asked for. None is there: they were sent elsewhere, or never came."""
    at = f"{rows.at} - {rows.chance('n', 85)} * interval '89 days'"
    rows.insert(
        StationUpload,
        {
            "charge_point_id": "id",
            "kind": "'diagnostics'",
            "state": rows.pick("n", 86, ["elsewhere", "elsewhere", "failed"]),
            "location": "'ftp://files.example/' || identity",
            "expires_at": f"{at} + interval '1 day'",
            "requested_by": rows.pick("n", 87, PEOPLE),
            "created_at": at,
        },
        "FROM made_station ORDER BY n",
    )
