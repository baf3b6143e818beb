"""Webhooks of a tenant: made, changed, rotated, tried, and their dead letters sent again. Inside a tenant transaction."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext

from tenants.context import current_tenant_id
from tenants.delivery.queue import newest_event
from tenants.delivery.webhooks import PURPOSE
from tenants.models import Webhook, WebhookDelivery
from tenants.outbound import check_secret, check_url, new_secret
from tenants.sealing import seal
from tenants.services.audit import record

MOST_PER_TENANT = 20
# How long the old secret signs beside the new one.
OLD_SECRET_KEPT = timedelta(hours=24)


class TooManyWebhooks(Exception):
    """The tenant has as many as it may."""


class NothingToRedeliver(Exception):
    """The delivery waits already."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts, and from where (`api`, `admin`)."""

    actor: str
    origin: str


def create_webhook(
    *, url: str, event_types: Sequence[str] = (), description: str = "", secret: str | None = None, who: Who
) -> tuple[Webhook, str]:
    """The row, and the secret that is shown this once. It gets the events from now on.

    Raises InvalidUrl, InvalidSecret, TooManyWebhooks.
    """
    check_url(url)
    if secret is not None:
        check_secret(secret)
    if Webhook.objects.count() >= MOST_PER_TENANT:
        raise TooManyWebhooks(gettext("At most %(most_per_tenant)s webhooks.") % {"most_per_tenant": MOST_PER_TENANT})
    secret = secret or new_secret()
    tenant_id = current_tenant_id()
    row = Webhook.objects.create(
        tenant_id=tenant_id,
        url=url,
        description=description,
        event_types=list(event_types),
        secret=seal(secret, PURPOSE),
        cursor=newest_event(tenant_id),
        created_by=who.actor,
    )
    changes = {"url": [None, url], "event_types": [None, list(event_types)]}
    record(actor=who.actor, origin=who.origin, action="create", target=row, changes=changes)
    return row, secret


def change_webhook(*, webhook: Webhook, who: Who, **wanted: Any) -> Webhook:
    """`url`, `event_types`, `description`, `enabled`. Switched on again it goes on where it was. Raises InvalidUrl."""
    if "url" in wanted:
        check_url(wanted["url"])
    row = Webhook.objects.select_for_update().get(pk=webhook.pk)
    changes = {name: [getattr(row, name), value] for name, value in wanted.items() if getattr(row, name) != value}
    for name, value in wanted.items():
        setattr(row, name, value)
    if wanted.get("enabled") or "url" in changes:
        row.failures, row.failing_since, row.rests_until, row.disabled_reason = 0, None, None, ""
    row.save()
    if changes:
        record(actor=who.actor, origin=who.origin, action="change", target=row, changes=changes)
    return row


def delete_webhook(*, webhook: Webhook, who: Who) -> None:
    """With its deliveries."""
    record(actor=who.actor, origin=who.origin, action="delete", target=webhook, changes={"url": [webhook.url, None]})
    webhook.delete()


def rotate_secret(*, webhook: Webhook, who: Who) -> str:
    """A new secret, shown this once; for a day both sign, so that the receiver can change over in its own time."""
    row = Webhook.objects.select_for_update().get(pk=webhook.pk)
    secret = new_secret()
    row.old_secret, row.old_secret_until = row.secret, timezone.now() + OLD_SECRET_KEPT
    row.secret = seal(secret, PURPOSE)
    row.save(update_fields=["secret", "old_secret", "old_secret_until"])
    record(actor=who.actor, origin=who.origin, action="rotate secret", target=row)
    return secret


def redeliver(*, delivery: WebhookDelivery, who: Who) -> WebhookDelivery:
    """Send it again, whatever became of it. Raises NothingToRedeliver for one that waits at this moment."""
    row = WebhookDelivery.objects.select_for_update(of=("self",)).get(pk=delivery.pk)
    if row.state == WebhookDelivery.State.PENDING and row.next_at is None:
        raise NothingToRedeliver(gettext("It waits to be sent already."))
    row.state, row.attempts, row.next_at = WebhookDelivery.State.PENDING, 0, None
    row.save(update_fields=["state", "attempts", "next_at"])
    Webhook.objects.filter(pk=row.webhook_id).update(rests_until=None)
    record(actor=who.actor, origin=who.origin, action="redeliver", target=row.webhook, changes={"delivery": row.pk})
    return row


def redeliver_dead(*, webhook: Webhook, who: Who) -> int:
    """All of its dead letters again, in their order; how many."""
    dead = WebhookDelivery.objects.filter(webhook=webhook, state=WebhookDelivery.State.DEAD)
    count = dead.update(state=WebhookDelivery.State.PENDING, attempts=0, next_at=None)
    if count:
        Webhook.objects.filter(pk=webhook.pk).update(rests_until=None)
        record(actor=who.actor, origin=who.origin, action="redeliver", target=webhook, changes={"dead": count})
    return count


def sample_event(tenant: str) -> dict[str, Any]:
    """What the test button sends: an envelope like any other."""
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": "webhook.test",
        "timestamp": timezone.now().isoformat().replace("+00:00", "Z"),
        "tenant_id": tenant,
        "charge_point_id": None,
        "data": {},
    }
