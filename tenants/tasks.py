"""Periodic tasks of this app."""

from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.utils import timezone

from tenants.context import system_transaction
from tenants.models import IdempotentAnswer, OutboxEvent
from tenants.periodic import periodic_task
from tenants.services import usage

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


@periodic_task(expires=50)
def keep_usage() -> int:
    """Write down what tenants made use of since the last time."""
    return usage.keep_usage(timezone.now())


@periodic_task(expires=3600)
def forget_old_usage() -> int:
    """Usage of more than a year ago."""
    return usage.forget_old_usage(timezone.now())


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "purge-idempotent-answers": {"task": "tenants.tasks.purge_idempotent_answers", "schedule": 3600.0},
    "purge-events": {"task": "tenants.tasks.purge_events", "schedule": 3600.0},
    "keep-usage": {"task": "tenants.tasks.keep_usage", "schedule": 60.0},
    "forget-old-usage": {"task": "tenants.tasks.forget_old_usage", "schedule": 24 * 3600.0},
    "purge-sessions": {"task": "tenants.tasks.purge_sessions", "schedule": 6 * 3600.0},
}
