"""Periodic tasks of this app: the flush of spilled readings, partitions, retention."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from metering.aggregation import tasks as aggregation
from metering.alerts import tasks as alerts
from metering.ingest.connection import AWAY
from metering.ingest.drain import drain_spill
from metering.live import rebuild_live_statistics
from metering.models import QuarantinedReading
from metering.pricing import tasks as pricing
from metering.sessions import tasks as sessions
from tenants.context import system_transaction
from tenants.partitions import ensure_partitions
from tenants.periodic import periodic_task
from tenants.services.system_alerts import note_missing_partitions

log = structlog.get_logger(__name__)

SAMPLE_TABLE = "metering_sample"
DAYS_AHEAD = 7
QUARANTINE_KEPT = timedelta(days=90)


@periodic_task(expires=25, main_only=True)
def flush_spilled() -> int:
    """Bring readings from Redis to PostgreSQL; while that is away, the next run tries again."""
    try:
        return asyncio.run(drain_spill())
    except (*AWAY, redis.RedisError) as error:
        log.warning("readings stay in Redis for now", error=f"{type(error).__name__}: {error}"[:200])
        return 0


@periodic_task(expires=9, main_only=True)
def rebuild_lost_live_statistics() -> int:
    """Where Redis was lost: bring the past day's statistics back from the samples."""
    try:
        return rebuild_live_statistics()
    except (*AWAY, DatabaseError, redis.RedisError) as error:
        log.warning("live statistics are rebuilt later", error=f"{type(error).__name__}: {error}"[:200])
        return 0


@periodic_task()
def keep_sample_partitions() -> int:
    """Partitions for every day that may still come or still be replayed; old quarantine deleted."""
    today = datetime.now(UTC).date()
    oldest = today - timedelta(days=settings.METERING_SAMPLE_DAYS)
    note_missing_partitions(table=SAMPLE_TABLE, first=today, last=today + timedelta(days=DAYS_AHEAD - 1))
    with system_transaction():
        QuarantinedReading.objects.filter(received_at__lt=timezone.now() - QUARANTINE_KEPT).delete()
    return ensure_partitions(SAMPLE_TABLE, oldest, today + timedelta(days=DAYS_AHEAD))


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "flush-spilled-readings": {"task": "metering.tasks.flush_spilled", "schedule": 30.0},
    "rebuild-lost-live-statistics": {"task": "metering.tasks.rebuild_lost_live_statistics", "schedule": 10.0},
    "keep-sample-partitions": {"task": "metering.tasks.keep_sample_partitions", "schedule": 3600.0},
    **aggregation.BEAT_SCHEDULE,
    **alerts.BEAT_SCHEDULE,
    **pricing.BEAT_SCHEDULE,
    **sessions.BEAT_SCHEDULE,
}
