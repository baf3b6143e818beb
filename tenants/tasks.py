"""Periodic tasks of this app."""

from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.utils import timezone

from tenants.context import system_transaction
from tenants.models import IdempotentAnswer, OutboxEvent
from tenants.periodic import periodic_task

IDEMPOTENCY_KEPT = timedelta(hours=24)
EVENTS_KEPT = timedelta(days=7)


@periodic_task()
def purge_idempotent_answers() -> int:
    """Forget answers that no client will ask for again."""
    with system_transaction():
        return IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - IDEMPOTENCY_KEPT).delete()[0]


@periodic_task()
def purge_events() -> int:
    """Forget events that every reader of the feed has had a week for."""
    with system_transaction():
        return OutboxEvent.objects.filter(created_at__lt=timezone.now() - EVENTS_KEPT).delete()[0]


@periodic_task()
def purge_sessions() -> int:
    """Forget sign-ins that have run out."""
    with system_transaction():
        return Session.objects.filter(expire_date__lt=timezone.now()).delete()[0]


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "purge-idempotent-answers": {"task": "tenants.tasks.purge_idempotent_answers", "schedule": 3600.0},
    "purge-events": {"task": "tenants.tasks.purge_events", "schedule": 3600.0},
    "purge-sessions": {"task": "tenants.tasks.purge_sessions", "schedule": 6 * 3600.0},
}
