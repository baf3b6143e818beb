"""Sessions and their readings into the database, thousands in a statement."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from chargepoints.models import Transaction
from csms.test_data.days import PlannedSession
from csms.test_data.fleet import Outlet
from metering.models import RecordDue, Sample, Series
from metering.readings import ENERGY, POWER
from tenants.arrays import array_literal
from tenants.context import scope_connection, system_connection, system_transaction, tenant_transaction
from tenants.models import Tenant
from tenants.partitions import ensure_partitions

Context = Sample.Context
SESSIONS_AT_ONCE = 500
INSERT_SAMPLES = """
INSERT INTO metering_sample (tenant_id, series_id, at, context, value, transaction_id, received_at)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::smallint[], %s::numeric[], %s::bigint[],
                     %s::timestamptz[])
ON CONFLICT DO NOTHING
"""
# Between a station's reading and its receipt.
DELAY = timedelta(seconds=1)


def store_sessions(
    tenant: Tenant, outlets: Sequence[Outlet], planned: Sequence[PlannedSession], advance: Callable[[int], object]
) -> int:
    """All of them, with readings; each falls due for its charge detail record. The number of readings."""
    if planned:
        first = min(session.readings[0].at for session in planned)
        last = max(session.readings[-1].at for session in planned)
        ensure_partitions("metering_sample", first.astimezone(UTC).date(), last.astimezone(UTC).date())
    series, readings = _make_series(tenant, outlets), 0
    for start in range(0, len(planned), SESSIONS_AT_ONCE):
        chunk = planned[start : start + SESSIONS_AT_ONCE]
        readings += _store_chunk(tenant, chunk, series)
        advance(len(chunk))
    return readings


def _make_series(tenant: Tenant, outlets: Sequence[Outlet]) -> dict[tuple[int, int, str], int]:
    kinds = [(ENERGY, "Wh"), (POWER, "W")]
    with system_transaction():
        rows = Series.objects.bulk_create(
            [
                Series(
                    tenant=tenant,
                    charge_point_id=outlet.charge_point_id,
                    evse_number=outlet.evse_number,
                    measurand=measurand,
                    unit=unit,
                )
                for outlet in outlets
                for measurand, unit in kinds
            ],
            batch_size=1000,
        )
    return {(row.charge_point_id, row.evse_number, row.measurand): row.pk for row in rows}


def _store_chunk(tenant: Tenant, planned: Sequence[PlannedSession], series: dict[tuple[int, int, str], int]) -> int:
    with tenant_transaction(tenant.pk):
        ids = _protocol_ids(len(planned))
        rows = Transaction.objects.bulk_create(
            [_session_row(tenant, session, protocol_id) for session, protocol_id in zip(planned, ids, strict=True)]
        )
        due_at = datetime.now(UTC)
        RecordDue.objects.bulk_create([RecordDue(tenant=tenant, transaction=row, due_at=due_at) for row in rows])
    samples = [
        sample
        for session, row in zip(planned, rows, strict=True)
        for sample in _samples(tenant.pk, session, row.pk, series)
    ]
    with system_transaction(), system_connection().cursor() as cursor:
        cursor.execute(INSERT_SAMPLES, [array_literal(column) for column in zip(*samples, strict=True)])
    return len(samples)


def _protocol_ids(count: int) -> list[int]:
    with scope_connection().cursor() as cursor:
        cursor.execute("SELECT nextval('chargepoints_ocpp_transaction_id') FROM generate_series(1, %s)", [count])
        return [row[0] for row in cursor.fetchall()]


def _session_row(tenant: Tenant, session: PlannedSession, protocol_id: int) -> Transaction:
    outlet, begin, end = session.outlet, session.readings[0], session.readings[-1]
    return Transaction(
        tenant=tenant,
        charge_point_id=outlet.charge_point_id,
        evse_id=outlet.evse_id,
        connector_id=outlet.connector_id,
        protocol_id=str(protocol_id),
        state=Transaction.State.STOPPED,
        id_tag=session.token,
        id_tag_row_id=session.tag_id,
        verdict="Accepted",
        started_at=begin.at,
        start_received_at=begin.at + DELAY,
        meter_start_wh=begin.register_wh,
        stopped_at=end.at,
        stop_received_at=end.at + DELAY,
        meter_stop_wh=end.register_wh,
        stop_reason=session.reason,
        stop_id_tag=session.token if session.reason == "Local" else "",
        last_register_wh=end.register_wh,
        last_power_w=end.power_w,
        last_reading_at=end.at,
    )


def _samples(
    tenant_id: int, session: PlannedSession, session_id: int, series: dict[tuple[int, int, str], int]
) -> list[tuple[int, int, datetime, int, str, int, datetime]]:
    meter = (session.outlet.charge_point_id, session.outlet.evse_number)
    energy, power, last = series[(*meter, ENERGY)], series[(*meter, POWER)], len(session.readings) - 1
    rows = []
    for number, reading in enumerate(session.readings):
        context = Context.BEGIN if number == 0 else Context.END if number == last else Context.PERIODIC
        received = reading.at + DELAY
        for series_id, value in ((energy, reading.register_wh), (power, reading.power_w)):
            rows.append((tenant_id, series_id, reading.at, int(context), str(value), session_id, received))
    return rows
