"""Periodic tasks of pricing: charge detail records that are due, and sessions that were forgotten."""

from datetime import datetime, timedelta
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from chargepoints.models import Transaction
from metering.ingest.spill import VALUES
from metering.models import ChargeDetailRecord, RecordDue, SessionTariff
from metering.pricing.assignment import freeze_tariff
from metering.pricing.records import settle_record
from tenants.context import system_transaction, tenant_transaction
from tenants.periodic import periodic_task
from tenants.redis_servers import connect

log = structlog.get_logger(__name__)

BATCH = 2000
FORGOTTEN_BATCH = 10_000
# While readings wait in Redis, records wait for them, but not for ever.
LONGEST_WAIT = timedelta(minutes=15)
TRY_AGAIN_AFTER = timedelta(minutes=10)
# Sessions that ended longer ago without a record are left as they are.
FORGOTTEN_WITHIN = timedelta(days=35)


@periodic_task(expires=55)
def make_due_records() -> int:
    """Charge detail records and corrections of sessions that ended; how many were made."""
    now = timezone.now()
    due_at = now - LONGEST_WAIT if _readings_wait() else now
    with system_transaction():
        due = list(
            RecordDue.objects.filter(due_at__lte=due_at)
            .order_by("due_at")
            .values_list("tenant_id", "transaction_id")[:BATCH]
        )
    made = 0
    for tenant_id, session_id in due:
        try:
            made += settle_record(tenant_id=tenant_id, session_id=session_id, now=now) is not None
        except Exception:
            # One that fails must not stand before the others.
            log.exception("charge detail record failed", session_id=session_id)
            _postpone(session_id, now)
    return made


@periodic_task(expires=3500)
def queue_forgotten_sessions() -> int:
    """What a hook should have done and didn't: tariffs not frozen, ended sessions without a record."""
    now = timezone.now()
    with system_transaction():
        running = Transaction.objects.filter(
            ~Exists(SessionTariff.objects.filter(transaction=OuterRef("pk"))),
            state=Transaction.State.ACTIVE,
            verdict="Accepted",
        )
        unfrozen = list(running.values_list("tenant_id", "pk")[:FORGOTTEN_BATCH])
        ended = Transaction.objects.filter(
            Q(verdict="Accepted") | Q(meter_stop_wh__gt=F("meter_start_wh")),
            ~Exists(ChargeDetailRecord.objects.filter(transaction=OuterRef("pk"))),
            ~Exists(RecordDue.objects.filter(transaction=OuterRef("pk"))),
            state__in=[Transaction.State.STOPPED, Transaction.State.INFERRED],
            stop_received_at__gt=now - FORGOTTEN_WITHIN,
            stop_received_at__lt=now - TRY_AGAIN_AFTER,
        )
        forgotten = [
            RecordDue(tenant_id=tenant_id, transaction_id=pk, due_at=now)
            for tenant_id, pk in ended.values_list("tenant_id", "pk")[:FORGOTTEN_BATCH]
        ]
        RecordDue.objects.bulk_create(forgotten, ignore_conflicts=True)
    for tenant_id, session_id in unfrozen:
        try:
            with tenant_transaction(tenant_id):
                session = Transaction.objects.select_related("charge_point__site", "id_tag_row", "tenant")
                freeze_tariff(session.get(pk=session_id))
        except Exception:
            log.exception("tariff not frozen", session_id=session_id)
    return len(forgotten)


def _readings_wait() -> bool:
    """Whether readings wait in Redis for PostgreSQL."""
    try:
        with connect(settings.REDIS_SPILL_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            return int(client.get(VALUES) or 0) > 0
    except redis.RedisError:
        return False


def _postpone(session_id: int, now: datetime) -> None:
    with system_transaction():
        RecordDue.objects.filter(transaction_id=session_id).update(due_at=now + TRY_AGAIN_AFTER)


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "make-due-records": {"task": "metering.pricing.tasks.make_due_records", "schedule": 60.0},
    "queue-forgotten-sessions": {"task": "metering.pricing.tasks.queue_forgotten_sessions", "schedule": 3600.0},
}
