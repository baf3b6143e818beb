"""Periodic tasks: what only time shows, mail, old alerts."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from metering.alerts.mail import mail_due_alerts
from metering.alerts.sweeps import sweep_faults, sweep_offline, sweep_silent_sessions
from metering.models import Alert
from tenants.context import system_transaction
from tenants.periodic import periodic_task

RESOLVED_KEPT = timedelta(days=400)


@periodic_task(expires=55)
def watch_stations() -> int:
    """Stations gone or back, sessions without readings, errors; alerts opened."""
    return sweep_faults() + sweep_offline() + sweep_silent_sessions()


@periodic_task(expires=25)
def mail_alerts() -> int:
    """Mail what has opened; mails sent."""
    return mail_due_alerts()


@periodic_task()
def purge_alerts() -> int:
    """Forget alerts that were resolved more than a year ago."""
    with system_transaction():
        old = Alert.objects.filter(status=Alert.Status.RESOLVED, resolved_at__lt=timezone.now() - RESOLVED_KEPT)
        return old.delete()[0]


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "watch-stations": {"task": "metering.alerts.tasks.watch_stations", "schedule": 60.0},
    "mail-alerts": {"task": "metering.alerts.tasks.mail_alerts", "schedule": 30.0},
    "purge-alerts": {"task": "metering.alerts.tasks.purge_alerts", "schedule": 24 * 3600.0},
}
