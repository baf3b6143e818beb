"""Periodic aggregation and retention."""

import time
from typing import Any

import structlog
from celery.schedules import crontab
from django.core.cache import cache
from django.db import OperationalError

from metering.aggregation import retention, runs
from metering.aggregation.fleet_history import fill_missing_fleets
from tenants.context import current_database
from tenants.periodic import periodic_task

# After a run of a second, so many seconds of rest: the provisional hour may take a twentieth of a worker's time.
REST_PER_SECOND, LONGEST_REST_S = 20, 900
RESTING = "metering:running-hour-rests"

log = structlog.get_logger(__name__)


@periodic_task(expires=3000)
def aggregate_hours() -> int:
    """All hours that are over; also what was missed while no worker ran."""
    done = runs.aggregate_due_hours()
    fill_missing_fleets()
    return done


@periodic_task(expires=55)
def aggregate_late() -> int:
    """Hours that readings came late for. Busy or without a database: the next run does it."""
    try:
        return runs.aggregate_late_readings()
    except (runs.Busy, OperationalError):
        return 0


@periodic_task(expires=55)
def aggregate_running() -> None:
    """The hour that isn't over, provisionally: every minute in a small fleet, more rarely where it takes longer."""
    resting = f"{RESTING}:{current_database()}" if current_database() else RESTING
    if cache.get(resting):
        return
    started = time.monotonic()
    try:
        runs.aggregate_running_hour()
    except (runs.Busy, OperationalError):
        log.info("the running hour waits for the next turn")
        return
    rest = int((time.monotonic() - started) * REST_PER_SECOND)
    if rest:
        cache.set(resting, True, timeout=min(rest, LONGEST_REST_S))


@periodic_task()
def keep_to_retention() -> dict[str, int]:
    """Samples, hours and days past keeping."""
    return {
        "realigned": retention.realign_days(),
        "partitions": retention.drop_old_samples(),
        "aggregates": retention.drop_old_aggregates(),
    }


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # Celery's clock is UTC; readings of the hour's end have two minutes to arrive.
    "aggregate-hours": {"task": "metering.aggregation.tasks.aggregate_hours", "schedule": crontab(minute="3")},
    "aggregate-late-readings": {"task": "metering.aggregation.tasks.aggregate_late", "schedule": 60.0},
    "aggregate-running-hour": {"task": "metering.aggregation.tasks.aggregate_running", "schedule": 60.0},
    "keep-to-retention": {"task": "metering.aggregation.tasks.keep_to_retention", "schedule": crontab(minute="40")},
}
