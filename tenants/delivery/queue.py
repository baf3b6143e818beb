"""A webhook's queue in the database: filled from the feed, taken from in order, written back. Plain functions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, F, Max, OuterRef, Q
from django.utils import timezone

from tenants.context import current_database, in_database, system_transaction
from tenants.databases.each import in_each_database
from tenants.databases.names import MAIN
from tenants.delivery.backoff import is_of_the_address, pause_after, rest_after
from tenants.delivery.feed import envelope, settled_events, settled_id
from tenants.models import OutboxEvent, Tenant, Webhook, WebhookDelivery
from tenants.stored_words import stored

LEASE = timedelta(seconds=60)
FAN_OUT, BATCH = 2000, 500
# An address that has failed for so long is switched off, and its tenant told.
DISABLE_AFTER = timedelta(days=5)
SILENT = stored("No answer for five days; at last: %(why)s")
State = WebhookDelivery.State


@dataclass(frozen=True, slots=True)
class Hook:
    """What the sender needs to know of a webhook."""

    id: int
    tenant_id: int
    url: str
    secrets: tuple[str, ...]
    # Where its tenant lives.
    database: str = MAIN


@dataclass(frozen=True, slots=True)
class Job:
    """One event to be posted; `body` is made when it is."""

    delivery_id: int
    event_id: UUID
    charge_point: str
    body: dict[str, object]
    attempts: int


@dataclass(slots=True)
class Result:
    """What became of a job. `status_code` None: no answer."""

    job: Job
    delivered: bool
    status_code: int | None
    detail: str
    duration_ms: int
    at: datetime = field(default_factory=timezone.now)


def lease_webhooks(most: int) -> list[Hook]:
    """Webhooks with something to do that nobody sends for, now ours for a minute (renewed with each batch)."""
    leased: list[Hook] = []
    in_each_database(lambda: leased.extend(_lease(most - len(leased))), what="webhooks")
    return leased


def _lease(most: int) -> list[Hook]:
    if most <= 0:
        return []
    now = timezone.now()
    new = OutboxEvent.objects.filter(tenant_id=OuterRef("tenant_id"), pk__gt=OuterRef("cursor"))
    waiting = WebhookDelivery.objects.filter(webhook=OuterRef("pk"), state=State.PENDING)
    due = waiting.filter(Q(next_at=None) | Q(next_at__lte=now))
    with system_transaction():
        free = Webhook.objects.filter(
            Q(leased_until=None) | Q(leased_until__lte=now),
            Q(rests_until=None) | Q(rests_until__lte=now),
            Exists(new) | Exists(due),
            enabled=True,
            tenant__status=Tenant.Status.ACTIVE,
        )
        # Whoever has waited longest first.
        order = (F("last_delivered_at").asc(nulls_first=True), "pk")
        rows = list(free.select_for_update(skip_locked=True, of=("self",)).order_by(*order)[:most])
        Webhook.objects.filter(pk__in=[row.pk for row in rows]).update(leased_until=now + LEASE)
    return [Hook(row.pk, row.tenant_id, row.url, tuple(_secrets(row, now)), current_database()) for row in rows]


def _secrets(row: Webhook, now: datetime) -> list[str]:
    """Sealed; the new one first."""
    old = row.old_secret and row.old_secret_until is not None and row.old_secret_until > now
    return [row.secret, row.old_secret] if old else [row.secret]


def take_jobs(webhook_id: int, database: str = MAIN) -> list[Job] | None:
    """Fill the queue from the feed and take the next batch, in the order of the feed; the lease is renewed.

    None: it is not ours any more (disabled, deleted). Charge points whose next event rests are left out.
    """
    with in_database(database):
        return _take(webhook_id)


def _take(webhook_id: int) -> list[Job] | None:
    now, end = timezone.now(), settled_id()
    with system_transaction():
        row = Webhook.objects.select_for_update(of=("self",)).select_related("tenant").filter(pk=webhook_id).first()
        if row is None or not row.enabled or (row.rests_until is not None and row.rests_until > now):
            return None
        _fan_out(row, end)
        row.leased_until = now + LEASE
        row.save(update_fields=["cursor", "leased_until"])
        waiting = WebhookDelivery.objects.filter(webhook=row, state=State.PENDING)
        resting = waiting.filter(next_at__gt=now).values("charge_point")
        rows = waiting.exclude(charge_point__in=resting).select_related("event").order_by("event_id")[:BATCH]
        return [
            Job(one.pk, one.event.event_id, one.charge_point, envelope(one.event, row.tenant.slug), one.attempts)
            for one in rows
        ]


def _fan_out(row: Webhook, end: int) -> None:
    """Queue what the feed has beyond the cursor. In the same transaction the cursor moves: nothing twice, nothing lost."""
    events = settled_events(end).filter(tenant_id=row.tenant_id, pk__gt=row.cursor).order_by("pk")
    found = list(events.values_list("pk", "event_type", "charge_point")[:FAN_OUT])
    if not found:
        return
    WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(tenant_id=row.tenant_id, webhook=row, event_id=pk, charge_point=charge_point)
            for pk, event_type, charge_point in found
            if not row.event_types or event_type in row.event_types
        ],
        ignore_conflicts=True,
    )
    row.cursor = found[-1][0]


def write_results(webhook_id: int, results: Sequence[Result], database: str = MAIN) -> None:
    """What was delivered, what rests, what is given up; and how the address is doing."""
    if not results:
        return
    with in_database(database), system_transaction():
        row = Webhook.objects.select_for_update(of=("self",)).filter(pk=webhook_id).first()
        if row is None:
            return
        for result in results:
            _write(result)
        _judge(row, results)


def _write(result: Result) -> None:
    attempts = result.job.attempts + 1
    pause = None if result.delivered else pause_after(attempts, result.status_code)
    state = State.DELIVERED if result.delivered else State.PENDING if pause is not None else State.DEAD
    WebhookDelivery.objects.filter(pk=result.job.delivery_id, state=State.PENDING).update(
        state=state,
        attempts=attempts,
        next_at=None if pause is None else result.at + pause,
        last_at=result.at,
        status_code=result.status_code,
        detail=result.detail[:255],
        duration_ms=result.duration_ms,
    )


def _judge(row: Webhook, results: Sequence[Result]) -> None:
    good = [result for result in results if result.delivered or not is_of_the_address(result.status_code)]
    bad = [result for result in results if not result.delivered and is_of_the_address(result.status_code)]
    now = timezone.now()
    if good:
        row.failures, row.failing_since, row.rests_until = 0, None, None
        row.last_delivered_at = max((one.at for one in good if one.delivered), default=row.last_delivered_at)
    if bad and (not good or bad[-1].at > good[-1].at):
        row.failures += 1
        row.failing_since = row.failing_since or bad[0].at
        row.rests_until = now + rest_after(row.failures)
        if now - row.failing_since > DISABLE_AFTER:
            row.enabled, row.disabled_reason = False, (SILENT % {"why": bad[-1].detail})[:255]
    row.save()


def release(webhook_id: int, database: str = MAIN) -> None:
    """Give the lease back."""
    with in_database(database), system_transaction():
        Webhook.objects.filter(pk=webhook_id).update(leased_until=None)


def newest_event(tenant_id: int) -> int:
    """The end of the feed: a new webhook gets what comes after it. In the open transaction."""
    return OutboxEvent.objects.filter(tenant_id=tenant_id).aggregate(last=Max("pk"))["last"] or 0
