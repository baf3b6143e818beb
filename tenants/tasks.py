"""Periodic tasks of this app."""

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from tenants.context import system_transaction
from tenants.databases import copies
from tenants.models import IdempotentAnswer, OutboxEvent
from tenants.periodic import periodic_task
from tenants.services import usage
from tenants.services.browser_sessions import forget_expired
from tenants.services.people_mail import mail_due_invitations, mail_reset_links

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


@periodic_task(main_only=True)
def purge_sessions() -> int:
    """Forget sign-ins that have run out; in Django's own table are those of earlier releases."""
    with system_transaction():
        earlier = Session.objects.filter(expire_date__lt=timezone.now()).delete()[0]
    return earlier + forget_expired()


@periodic_task(expires=50, main_only=True)
def mail_invitations() -> int:
    """Invitations that wait for their mail: each is tried at once, and by the beat until the server takes it."""
    return mail_due_invitations()


@shared_task(autoretry_for=(OSError,), retry_backoff=5, max_retries=4)
def mail_password_reset(email: str) -> int:
    """Links to set a new password. The token is made here: none waits in the broker, and no answer waits for the mail."""
    return mail_reset_links(email)


@periodic_task(expires=50)
def mend_copies_of_tenants() -> int:
    """In databases beside the main one: what an outage between two commits has left."""
    return copies.mend_copies()


@periodic_task(expires=50, main_only=True)
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
    "mend-copies-of-tenants": {"task": "tenants.tasks.mend_copies_of_tenants", "schedule": 60.0},
    "keep-usage": {"task": "tenants.tasks.keep_usage", "schedule": 60.0},
    "forget-old-usage": {"task": "tenants.tasks.forget_old_usage", "schedule": 24 * 3600.0},
    "mail-invitations": {"task": "tenants.tasks.mail_invitations", "schedule": 60.0},
    "purge-sessions": {"task": "tenants.tasks.purge_sessions", "schedule": 6 * 3600.0},
}
