"""Periodic tasks of this app: what crashes left behind, partitions, retention."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from celery.schedules import crontab
from django.conf import settings
from django.utils import timezone

from chargepoints.services import (
    bulk_progress,
    bulk_wake,
    certificate_sweeps,
    certificate_warnings,
    commands,
    configuration_push,
    firmware,
    firmware_updates,
    leases,
    local_list_sync,
    outcome_sweep,
    password_rotation,
    reservation_sweep,
    rollouts,
    rotation_schedule,
    security_events,
    security_profiles,
    tag_changes,
    upload_sweeps,
    uptime,
)
from chargepoints.services.message_keeping import trim_messages
from tenants.context import system_transaction
from tenants.models import Tenant
from tenants.partitions import drop_partitions_before, ensure_partitions
from tenants.periodic import periodic_task
from tenants.services.system_alerts import note_missing_partitions

MESSAGE_TABLE = "chargepoints_message"
DAYS_AHEAD = 7
# A fifth of the time between two runs.
TRIM_SECONDS = 120


@periodic_task(expires=30)
def sweep_commands() -> int:
    """End commands that nobody waits for any more."""
    return commands.sweep_commands() + outcome_sweep.sweep_outcomes(timezone.now())


@periodic_task(expires=2)
def advance_bulks() -> int:
    """Go on with the commands to many charge points."""
    return bulk_progress.advance_bulks()


@periodic_task(expires=bulk_wake.MARK_S)
def advance_bulk(tenant_id: int, bulk_id: str) -> int:
    """Go on with one of them, because commands of it have ended."""
    bulk_wake.take_wake(UUID(bulk_id))
    return bulk_progress.advance_bulk(tenant_id=tenant_id, bulk_id=UUID(bulk_id))


@periodic_task(expires=30)
def sweep_dead_gateways() -> int:
    """Take stations of dead gateways offline."""
    return leases.sweep_dead_gateways()


@periodic_task(expires=600)
def keep_message_log() -> int:
    """Partitions a week ahead; days past keeping dropped; of tenants that keep less deleted, for as long as it may run."""
    today = datetime.now(UTC).date()
    note_missing_partitions(table=MESSAGE_TABLE, first=today, last=today + timedelta(days=DAYS_AHEAD - 1))
    ensure_partitions(MESSAGE_TABLE, today - timedelta(days=1), today + timedelta(days=DAYS_AHEAD))
    with system_transaction():
        # A tenant may keep more than the system does: the longest wish decides for the partitions.
        wishes = {
            tenant_id: settings.MESSAGE_LOG_DAYS if days is None else days
            for tenant_id, days in Tenant.objects.values_list("pk", "message_log_days")
        }
    longest = max([settings.MESSAGE_LOG_DAYS, *wishes.values()])
    # First: what goes with its whole day need not be deleted.
    dropped = drop_partitions_before(MESSAGE_TABLE, today - timedelta(days=longest))
    now = timezone.now()
    shorter = {tenant_id: now - timedelta(days=days) for tenant_id, days in wishes.items() if days < longest}
    trim_messages(keep_from=shorter, seconds=TRIM_SECONDS)
    return len(dropped)


@periodic_task(expires=600)
def push_wishes(tenant_id: int) -> int:
    """Tell a tenant's connected stations what is wanted of them now: some, then the task again for the rest."""
    pushed = configuration_push.push_to_fleet(tenant_id)
    if pushed == configuration_push.MOST_AT_ONCE:
        push_wishes.delay(tenant_id)
    return pushed


@periodic_task(expires=110)
def push_configurations() -> int:
    """Stations that came back without a boot, and what a lost task left."""
    return configuration_push.push_to_fleet()


@periodic_task(expires=30)
def settle_transfers() -> int:
    """End uploads and firmware updates that were refused, lost, or never finished."""
    now = timezone.now()
    return upload_sweeps.settle_uploads(now) + firmware_updates.settle_updates(now)


@periodic_task(expires=30)
def advance_rollouts() -> int:
    """Begin the next waves of firmware rollouts, stop those in which too many fail."""
    return rollouts.advance_rollouts(timezone.now())


@periodic_task(expires=3600)
def purge_station_files() -> int:
    """Delete what stations have sent past its keeping, and files that no row names."""
    return upload_sweeps.purge_uploads(timezone.now()) + firmware.purge_orphans()


@periodic_task(expires=50)
def sweep_security() -> int:
    """Certificates still to be signed or delivered, changes of profile and password that came to nothing."""
    return (
        certificate_sweeps.sweep_certificates()
        + security_profiles.sweep_profiles()
        + password_rotation.sweep_rotations()
    )


@periodic_task(expires=3600)
def renew_certificates() -> int:
    """Stations whose certificate nears its end are to ask for a new one."""
    return certificate_sweeps.renew_certificates()


@periodic_task(expires=3600)
def warn_of_certificates() -> int:
    """Certificates of stations and authorities that near their end."""
    return certificate_warnings.warn_of_ends(timezone.now())


@periodic_task(expires=280)
def rotate_passwords() -> int:
    """The next few passwords that are older than their tenant wants."""
    return rotation_schedule.rotate_due_passwords(timezone.now())


@periodic_task(expires=600)
def clear_caches(tenant_id: int, after: int = 0) -> None:
    """Stations forget what they have cached of a tenant's tags: some, then the task again for the rest."""
    last = tag_changes.clear_caches(tenant_id, after)
    if last is not None:
        clear_caches.delay(tenant_id, last)


@periodic_task(expires=600)
def sync_local_lists(tenant_id: int, after: int = 0) -> None:
    """Bring a tenant's local lists in step with its tags: some, then the task again for the rest."""
    last = tag_changes.sync_lists(tenant_id, after)
    if last is not None:
        sync_local_lists.delay(tenant_id, last)


@periodic_task(expires=30)
def advance_local_lists() -> int:
    """Local lists that wait for their next part or another attempt."""
    return local_list_sync.go_on()


@periodic_task(expires=300)
def compare_local_lists() -> None:
    """Tags expire by themselves, and a lost task must not leave a list behind."""
    for tenant_id in local_list_sync.tenants_with_lists():
        sync_local_lists.delay(tenant_id)


@periodic_task(expires=30)
def sweep_reservations() -> int:
    """End reservations that have expired or that no station holds."""
    return reservation_sweep.sweep_reservations(timezone.now())


@periodic_task(expires=3600)
def forget_security_events() -> int:
    """Security events past their keeping."""
    return security_events.forget_old_events(timezone.now())


@periodic_task(expires=290)
def fold_uptime() -> int:
    """Days of stations online, up to now."""
    return uptime.fold_uptime(timezone.now())


@periodic_task(expires=3600)
def forget_old_uptime() -> int:
    """Past sockets and days of stations past their keeping."""
    return uptime.forget_old_uptime(timezone.now())


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "sweep-commands": {"task": "chargepoints.tasks.sweep_commands", "schedule": 10.0},
    "advance-bulks": {"task": "chargepoints.tasks.advance_bulks", "schedule": 2.0},
    "push-configurations": {"task": "chargepoints.tasks.push_configurations", "schedule": 120.0},
    "sweep-dead-gateways": {"task": "chargepoints.tasks.sweep_dead_gateways", "schedule": 10.0},
    "sweep-security": {"task": "chargepoints.tasks.sweep_security", "schedule": 60.0},
    "forget-security-events": {"task": "chargepoints.tasks.forget_security_events", "schedule": 3600.0},
    "renew-certificates": {"task": "chargepoints.tasks.renew_certificates", "schedule": 3600.0},
    "warn-of-certificates": {"task": "chargepoints.tasks.warn_of_certificates", "schedule": 3600.0},
    "rotate-passwords": {"task": "chargepoints.tasks.rotate_passwords", "schedule": 300.0},
    "settle-transfers": {"task": "chargepoints.tasks.settle_transfers", "schedule": 20.0},
    "advance-rollouts": {"task": "chargepoints.tasks.advance_rollouts", "schedule": 15.0},
    "advance-local-lists": {"task": "chargepoints.tasks.advance_local_lists", "schedule": 20.0},
    "compare-local-lists": {"task": "chargepoints.tasks.compare_local_lists", "schedule": 600.0},
    "sweep-reservations": {"task": "chargepoints.tasks.sweep_reservations", "schedule": 15.0},
    "fold-uptime": {"task": "chargepoints.tasks.fold_uptime", "schedule": 300.0},
    "forget-old-uptime": {"task": "chargepoints.tasks.forget_old_uptime", "schedule": crontab(hour="2", minute="17")},
    "purge-station-files": {"task": "chargepoints.tasks.purge_station_files", "schedule": 3600.0},
    "keep-message-log": {"task": "chargepoints.tasks.keep_message_log", "schedule": 600.0},
}
