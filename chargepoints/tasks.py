"""Periodic tasks of this app: what crashes left behind, partitions, retention."""

from datetime import UTC, datetime, timedelta
from typing import Any

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from chargepoints.models import LoggedMessage
from chargepoints.services import commands, connections
from tenants.context import system_transaction
from tenants.models import Tenant
from tenants.partitions import drop_partitions_before, ensure_partitions

MESSAGE_TABLE = "chargepoints_message"
DAYS_AHEAD = 7


@shared_task(expires=30)
def sweep_commands() -> int:
    """End commands that nobody waits for any more."""
    return commands.sweep_commands()


@shared_task(expires=30)
def sweep_dead_gateways() -> int:
    """Take stations of dead gateways offline."""
    return connections.sweep_dead_gateways()


@shared_task
def keep_message_log() -> int:
    """Partitions a week ahead; days past keeping dropped; tenants that keep less deleted."""
    today = datetime.now(UTC).date()
    ensure_partitions(MESSAGE_TABLE, today - timedelta(days=1), today + timedelta(days=DAYS_AHEAD))
    with system_transaction():
        # A tenant may keep more than the system does: the longest wish decides for the partitions.
        wishes = {
            tenant.pk: tenant.message_log_days for tenant in Tenant.objects.all() if tenant.message_log_days is not None
        }
        longest = max([settings.MESSAGE_LOG_DAYS, *wishes.values()])
        for tenant_id in Tenant.objects.values_list("pk", flat=True):
            days = wishes.get(tenant_id, settings.MESSAGE_LOG_DAYS)
            if days < longest:
                LoggedMessage.objects.filter(tenant_id=tenant_id, at__lt=timezone.now() - timedelta(days=days)).delete()
    return len(drop_partitions_before(MESSAGE_TABLE, today - timedelta(days=longest)))


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "sweep-commands": {"task": "chargepoints.tasks.sweep_commands", "schedule": 10.0},
    "sweep-dead-gateways": {"task": "chargepoints.tasks.sweep_dead_gateways", "schedule": 10.0},
    "keep-message-log": {"task": "chargepoints.tasks.keep_message_log", "schedule": 3600.0},
}
