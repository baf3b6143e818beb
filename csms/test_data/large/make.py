"""A large tenant's data, step by step, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connections

from csms.test_data.large import charges, energy, sessions
from csms.test_data.large.bulk import make_bulk_commands, make_certificates
from csms.test_data.large.fleet import Size, make_fleet
from csms.test_data.large.power import make_circuits, make_limits, make_prices, make_wishes
from csms.test_data.large.rows import Rows, quoted
from csms.test_data.large.trail import make_audit, make_events, make_messages, make_oddities, make_usage
from csms.test_data.large.work import make_beside_sessions, make_firmware, make_status_history, make_uploads
from tenants.context import system_transaction
from tenants.models import Tenant
from tenants.partitions import ensure_partitions
from tenants.selectors import tenant_zone
from tenants.tasks import EVENTS_KEPT

# The history of states, the limits and what else is many rows for a session is made of so many days.
RECENT_DAYS = 92
Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Making:
    """What the steps after the sessions need to know. `log_days`: how long raw messages are kept."""

    rows: Rows
    size: Size
    currency: str
    log_days: int


STEPS: tuple[Callable[[Making], None], ...] = (
    lambda one: energy.make_buckets(one.rows),
    lambda one: energy.make_readings(one.rows, settings.METERING_SAMPLE_DAYS),
    lambda one: make_status_history(one.rows),
    lambda one: make_firmware(one.rows),
    lambda one: make_uploads(one.rows),
    lambda one: make_messages(one.rows, one.log_days),
    lambda one: make_events(one.rows, EVENTS_KEPT.days),
    lambda one: make_audit(one.rows, one.size),
    lambda one: make_oddities(one.rows, one.size),
    lambda one: make_usage(one.rows, one.size),
    lambda one: make_circuits(one.rows),
    lambda one: make_limits(one.rows),
    lambda one: make_prices(one.rows, one.size, one.currency),
    lambda one: make_wishes(one.rows),
    lambda one: make_bulk_commands(one.rows, one.size),
    lambda one: make_certificates(one.rows),
)


def make_large(
    tenant: Tenant, size: Size, *, seed: int, now: datetime, sessions_made: Progress, step_made: Progress
) -> int:
    """Everything; the number of sessions. `sessions_made` is told of sessions, `step_made` of each of `STEPS` after them.

    Raises TooMany. Whatever is raised, nothing is kept but the (empty) tenant.
    """
    rows = Rows(tenant.pk, seed, now, tenant_zone(tenant).key)
    making = Making(rows, size, tenant.currency, tenant.message_log_days or settings.MESSAGE_LOG_DAYS)
    # Before, and for good: what makes a partition locks the whole table until its transaction ends.
    for table, days in (("metering_sample", settings.METERING_SAMPLE_DAYS), ("chargepoints_message", making.log_days)):
        ensure_partitions(table, (now - timedelta(days=days + 1)).date(), (now + timedelta(days=1)).date())
    with system_transaction():
        # Checked as it goes, not all at the end.
        rows.run("SET CONSTRAINTS ALL IMMEDIATE")
        rows.run("SET LOCAL work_mem = '128MB'")
        make_fleet(rows, size, tenant.currency)
        made = _make_all_sessions(rows, size, sessions_made)
        for step in STEPS:
            step(making)
            step_made(1)
    return made


def _make_all_sessions(rows: Rows, size: Size, told: Progress) -> int:
    for statement in (sessions.CREATE, charges.CREATE, energy.CREATE):
        rows.run(statement)
    rows.run("CREATE TEMP TABLE made_recent ON COMMIT DROP AS SELECT * FROM made_session")
    today = rows.now.astimezone(ZoneInfo(rows.zone)).date()
    first, made = today - timedelta(days=size.days - 1), 0
    share = sessions.share_of_slots(rows, size, first)
    since = quoted((rows.now - timedelta(days=RECENT_DAYS)).isoformat())
    for begin, end in sessions.months(first, today):
        number = sessions.make_sessions(rows, size, share, first, begin, end)
        charges.make_charges(rows, since)
        energy.add_hours(rows)
        make_beside_sessions(rows)
        rows.run(f"INSERT INTO made_recent SELECT * FROM made_session WHERE started_at >= {since}")
        made += number
        told(number)
    rows.run("ANALYZE made_recent")
    rows.run("ANALYZE made_hour")
    return made


def tidy() -> None:
    """What the database does by itself in the minutes after: statistics, and pages known to be all visible."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
