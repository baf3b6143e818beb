"""What is wrong with the system itself, for its staff: said once while it lasts, counted when it is said again."""

from datetime import date, timedelta

from django.utils import timezone

from tenants.context import current_database, directory_transaction, system_connection
from tenants.databases.names import MAIN
from tenants.models import SystemAlert
from tenants.partitions import partition_days

MISSING_PARTITION = "missing_partition"
# Parameters: kind, subject, detail. Also for raw connections under the system role.
RAISE = """
INSERT INTO tenants_systemalert (kind, subject, detail, opened_at, last_at, count)
VALUES (left(%s, 50), left(%s, 120), left(%s, 500), now(), now(), 1)
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL
DO UPDATE SET last_at = now(), count = tenants_systemalert.count + 1, detail = excluded.detail
"""


def raise_system_alert(*, kind: str, subject: str = "", detail: str = "") -> None:
    """Open it, or count it again while it is open."""
    with directory_transaction(), system_connection().cursor() as cursor:
        cursor.execute(RAISE, [kind, subject, detail])


def resolve_system_alert(*, kind: str, subject: str = "") -> bool:
    """It is over; whether it was open."""
    with directory_transaction():
        found = SystemAlert.objects.filter(kind=kind, subject=subject, resolved_at=None)
        return bool(found.update(resolved_at=timezone.now()))


def partition_subject(table: str, day: date | str, database: str = MAIN) -> str:
    """`acme: metering_sample 2026-11-21`; without a name it is the main database's."""
    return f"{database}: {table} {day}" if database else f"{table} {day}"


def note_missing_partitions(*, table: str, first: date, last: date) -> list[date]:
    """Before the sweep makes what is missing: the days that should have been there already, each an alert.

    Alerts of days that are there are resolved.
    """
    there, database = set(partition_days(table)), current_database()
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    missing = [day for day in days if day not in there]
    for day in missing:
        raise_system_alert(
            kind=MISSING_PARTITION,
            subject=partition_subject(table, day, database),
            detail="Missing when the sweep came, which makes it days ahead: were worker and beat at rest?",
        )
    with directory_transaction():
        open_alerts = SystemAlert.objects.filter(
            kind=MISSING_PARTITION, subject__startswith=partition_subject(table, "", database), resolved_at=None
        )
        there_again = open_alerts.filter(subject__in=[partition_subject(table, day, database) for day in there])
        # Days gone by are made by the sweep too, or are past keeping.
        gone_by = open_alerts.filter(subject__lt=partition_subject(table, first, database))
        (there_again | gone_by).update(resolved_at=timezone.now())
    return missing
