"""Waking the task that goes on with a bulk command. Knows no rows: whoever ends a command needs no more than this."""

from uuid import UUID

import structlog
from celery import current_app
from django.core.cache import cache

log = structlog.get_logger(__name__)

TASK = "chargepoints.tasks.advance_bulk"
# The task takes the mark away as it begins; a mark that a crash left must not hold up for long.
MARK_S = 10


def wake_bulk(tenant_id: int, bulk_id: UUID) -> None:
    """Have a worker send the next ones now. However many commands end meanwhile, one task waits at a time.

    Best effort: without Redis the beat goes on with it.
    """
    try:
        if cache.add(_mark(bulk_id), 1, timeout=MARK_S):
            current_app.send_task(TASK, args=[tenant_id, str(bulk_id)], expires=MARK_S)
    except Exception as error:
        log.warning("bulk command not woken", bulk_id=str(bulk_id), error=str(error)[:200])


def take_wake(bulk_id: UUID) -> None:
    """The task has begun: what ends from now on wakes the next one."""
    try:
        cache.delete(_mark(bulk_id))
    except Exception as error:
        log.warning("mark of a bulk command stays", bulk_id=str(bulk_id), error=str(error)[:200])


def _mark(bulk_id: UUID) -> str:
    return f"csms:bulk:{bulk_id}"
