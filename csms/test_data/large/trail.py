"""What a large tenant leaves behind: the message log, events and their deliveries, the audit trail, what was counted."""

from datetime import timedelta

from chargepoints.models import SecurityEvent, SignInAttempt, UnmatchedStop
from csms.test_data.large.fleet import Size
from csms.test_data.large.names import PEOPLE
from csms.test_data.large.rows import Rows, quoted
from metering.models import QuarantinedReading, SignedReading
from tenants.models import AuditEntry, OutboxEvent, UsageDay, Webhook, WebhookDelivery

MESSAGES = """
INSERT INTO chargepoints_message (at, tenant_id, charge_point_id, connection_id, direction, kind, message_id, action, payload,
                                  error_code, note)
SELECT f.at, {tenant}, m.charge_point_id, md5(m.charge_point_id::text)::uuid, f.direction, f.kind, m.message_id, m.action,
       CASE WHEN f.kind = 2 THEN '[2,"' || m.message_id || '","' || m.action || '",' || m.payload || ']'
            ELSE '[3,"' || m.message_id || '",' || m.answer || ']' END, '', ''
FROM ({calls}) m (at, charge_point_id, message_id, action, payload, answer)
CROSS JOIN LATERAL (VALUES (m.at, 'in', 2), (m.at + interval '12 milliseconds', 'out', 3)) f (at, direction, kind)
WHERE f.at >= {since} AND f.at < {now} ORDER BY f.at
"""
SESSION_CALLS = """
SELECT v.at, s.charge_point_id, left(md5(s.key || v.action || v.at), 32), v.action, v.payload::text, v.answer::text
FROM made_recent s
CROSS JOIN LATERAL (
    SELECT s.started_at, 'StartTransaction', jsonb_build_object('connectorId', s.evse_number, 'idTag', s.token,
           'meterStart', s.meter_start_wh::bigint, 'timestamp', s.started_at),
           jsonb_build_object('transactionId', s.protocol_id::bigint, 'idTagInfo', jsonb_build_object('status', s.verdict))
    UNION ALL
    SELECT s.started_at + interval '4 seconds', 'StatusNotification', jsonb_build_object('connectorId', s.evse_number,
           'status', 'Charging', 'errorCode', 'NoError'), '{{}}'
    UNION ALL
    SELECT at, 'MeterValues', jsonb_build_object('connectorId', s.evse_number, 'transactionId', s.protocol_id::bigint,
           'meterValue', jsonb_build_array(jsonb_build_object('timestamp', at, 'sampledValue', jsonb_build_array(
               jsonb_build_object('value', s.meter_start_wh::bigint::text, 'measurand', 'Energy.Active.Import.Register'))))),
           '{{}}'
    FROM generate_series(s.started_at + interval '15 minutes', s.stopped_at, interval '15 minutes') at
    UNION ALL
    SELECT s.stopped_at, 'StopTransaction', jsonb_build_object('transactionId', s.protocol_id::bigint,
           'meterStop', (s.meter_start_wh + s.energy_wh)::bigint, 'timestamp', s.stopped_at, 'reason', s.reason), '{{}}'
    UNION ALL
    SELECT s.stopped_at + interval '1 minute', 'StatusNotification', jsonb_build_object('connectorId', s.evse_number,
           'status', 'Available', 'errorCode', 'NoError'), '{{}}'
) v (at, action, payload, answer)
WHERE s.stopped_at >= {since}
"""
HEARTBEATS = """
SELECT at + c.n * interval '1.4 seconds', c.id, left(md5(c.identity || at), 32), 'Heartbeat', '{{}}',
       jsonb_build_object('currentTime', at)::text
FROM made_station c CROSS JOIN generate_series({since}, {now}, interval '4 hours') at
"""


def make_messages(rows: Rows, days: int) -> None:
    """The log of the last `days`: of the sessions in `made_recent`, and a heartbeat now and then."""
    since = f"{quoted((rows.now - timedelta(days=days)).isoformat())}::timestamptz"
    for calls in (SESSION_CALLS, HEARTBEATS):
        said = calls.format(since=since, now=rows.at)
        rows.run(MESSAGES.format(tenant=rows.tenant_id, calls=said, since=since, now=rows.at))


def make_events(rows: Rows, days: int) -> None:
    """Events of the last `days`, and their deliveries to two webhooks. These are switched off: they are nobody's."""
    since = quoted((rows.now - timedelta(days=days)).isoformat())
    rows.insert(
        OutboxEvent,
        {
            "event_id": rows.uuid("s.key || v.type", 91),
            "event_type": "v.type",
            "at": "v.at",
            "charge_point": "s.identity",
            "data": "v.data",
            "created_at": "v.at + interval '1 second'",
        },
        "FROM made_recent s CROSS JOIN LATERAL (VALUES "
        "('session.started', s.started_at, jsonb_build_object('sessionId', s.id, 'transactionId', s.protocol_id, "
        "'connectorId', s.evse_number, 'idTag', s.token, 'verdict', s.verdict)), "
        "('connector.status', s.started_at + interval '4 seconds', jsonb_build_object('connectorId', s.evse_number, "
        "'status', 'Charging', 'errorCode', 'NoError', 'info', '')), "
        "('session.stopped', s.stopped_at, jsonb_build_object('sessionId', s.id, 'transactionId', s.protocol_id, "
        "'connectorId', s.evse_number, 'energyWh', s.energy_wh::text, 'reason', s.reason))) v (type, at, data) "
        f"WHERE v.at >= {since} AND v.at < {rows.at} ORDER BY v.at",
    )
    rows.insert(
        Webhook,
        {
            "url": "'https://' || name || '.example/hooks'",
            "description": "name",
            "enabled": "false",
            "disabled_reason": "'Test data: there is nobody at this address.'",
            "secret": "''",
        },
        "FROM unnest(ARRAY['billing', 'fleet']) name",
    )
    dead = f"{rows.chance('e.id - (SELECT min(id) FROM tenants_outboxevent)', 92)} < 0.01"
    rows.insert(
        WebhookDelivery,
        {
            "webhook_id": "w.id",
            "event_id": "e.id",
            "charge_point": "e.charge_point",
            "state": f"CASE WHEN {dead} THEN 'dead' ELSE 'delivered' END",
            "attempts": f"CASE WHEN {dead} THEN 12 ELSE 1 END",
            "last_at": "e.created_at + interval '1 second'",
            "status_code": f"CASE WHEN {dead} THEN 503 ELSE 204 END",
            "detail": f"CASE WHEN {dead} THEN 'HTTP 503' ELSE '' END",
            "duration_ms": "20 + e.id % 90",
            "created_at": "e.created_at",
        },
        f"FROM tenants_outboxevent e CROSS JOIN tenants_webhook w WHERE e.tenant_id = {rows.tenant_id} "
        f"AND w.tenant_id = {rows.tenant_id} ORDER BY e.id, w.id",
    )
    rows.run(
        f"UPDATE tenants_webhook SET cursor = (SELECT max(id) FROM tenants_outboxevent) WHERE tenant_id = {rows.tenant_id}"
    )


def make_audit(rows: Rows, size: Size) -> None:
    """One change for each twenty sessions."""
    kinds = [
        "change chargepoint",
        "change idtag",
        "create idtag",
        "resolve alert",
        "acknowledge alert",
        "cancel reservation",
    ]
    kinds += ["configure chargepoint", "close transaction", "change tariff", "limit circuit"]
    number = max(20, size.sessions // 20)
    rows.insert(
        AuditEntry,
        {
            "at": f"{rows.at} - (1 - k.n / {number}.0) * interval '{size.days} days'",
            "actor": rows.pick("k.n", 95, PEOPLE),
            "origin": rows.pick("k.n", 96, ["admin", "admin", "api", "command", "system"]),
            "action": "split_part(kind, ' ', 1)",
            "object_type": "split_part(kind, ' ', 2)",
            "object_id": "c.id::text",
            "object_name": "c.identity",
            "changes": "jsonb_build_object('notes', jsonb_build_array('', 'looked after ' || k.n))",
        },
        f"FROM (SELECT n, {rows.pick('n', 97, kinds)} AS kind FROM generate_series(1, {number}) n) k "
        f"JOIN made_station c ON c.n = 1 + k.n % {size.charge_points} ORDER BY k.n",
    )


def make_oddities(rows: Rows, size: Size) -> None:
    """Refused sign-ins, stops without a session, security events, readings that stand apart."""
    rows.insert(
        SignInAttempt,
        {
            "identity": "'STRANGER-' || n",
            "identity_key": "'stranger-' || n",
            "reason": rows.pick("n", 101, ["unknown", "unknown", "wrong_password", "no_password"]),
            "count": "1 + n % 40",
            "first_at": f"{rows.at} - interval '20 days'",
            "last_at": f"{rows.at} - {rows.chance('n', 102)} * interval '20 days'",
            "remote_address": "'192.0.2.' || n % 250",
        },
        f"FROM generate_series(1, {max(3, size.charge_points // 20)}) n",
    )
    some = f"FROM made_recent s WHERE {{}} < 0.01 AND s.stopped_at < {rows.at} ORDER BY s.stopped_at"
    rows.insert(
        UnmatchedStop,
        {
            "charge_point_id": "s.charge_point_id",
            "protocol_id": "(s.id * 7)::text",
            "id_tag": "s.token",
            "stopped_at": "s.stopped_at",
            "meter_stop_wh": "s.meter_start_wh",
            "reason": "s.reason",
            "received_at": "s.stopped_at + interval '1 second'",
        },
        some.format(rows.chance("s.key", 103)),
    )
    types = [
        "SettingSystemTime",
        "StartupOfTheDevice",
        "ResetOrReboot",
        "InvalidMessages",
        "FailedToAuthenticateAtCentralSystem",
    ]
    kind = rows.pick("s.key", 105, types)
    rows.insert(
        SecurityEvent,
        {
            "charge_point_id": "s.charge_point_id",
            "type": kind,
            "critical": f"{kind} = 'InvalidMessages'",
            "at": "s.stopped_at",
            "received_at": "s.stopped_at + interval '1 second'",
        },
        some.replace("0.01", "0.2").format(rows.chance("s.key", 104)),
    )
    _apart(rows, some)


def _apart(rows: Rows, some: str) -> None:
    station = {"charge_point_id": "s.charge_point_id", "evse_number": "s.evse_number", "transaction_id": "s.id"}
    rows.insert(
        QuarantinedReading,
        {
            **station,
            "reason": "'too old'",
            "reading": "jsonb_build_object('at', '1970-01-01T00:00:00Z', 'value', s.meter_start_wh::text)",
            "received_at": "s.stopped_at",
        },
        some.format(rows.chance("s.key", 106)),
    )
    rows.insert(
        SignedReading,
        {
            **station,
            "at": "s.stopped_at",
            "context": "3",
            "measurand": "'Energy.Active.Import.Register'",
            "location": "'Outlet'",
            "unit": "'Wh'",
            "content": f"repeat({rows.uuid('s.key', 107)}::text, 6)",
            "received_at": "s.stopped_at + interval '1 second'",
        },
        some.replace("0.01", "0.2").format(rows.chance("s.key", 108)),
    )


def make_usage(rows: Rows, size: Size) -> None:
    """What was counted on each of the last days."""
    per_day = max(1, size.sessions // size.days)
    rows.insert(
        UsageDay,
        {
            "day": "day::date",
            "kind": "k.kind",
            "number": f"round({per_day} * k.share * (0.8 + 0.4 * {rows.chance('extract(epoch FROM day)', 109)}))",
        },
        f"FROM generate_series({rows.at} - interval '60 days', {rows.at}, interval '1 day') day CROSS JOIN (VALUES "
        "('messages', 40), ('api_calls', 6), ('events', 3), ('deliveries', 6)) k (kind, share)",
    )
