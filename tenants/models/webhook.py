"""Webhooks: where a tenant's events are sent, and what became of each."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenants.models.base import TenantOwned
from tenants.models.outbox import OutboxEvent
from tenants.rls import TenantForeignKey


class Webhook(TenantOwned):
    """An address that events are posted to. `cursor` is the last event of the feed that it was looked at for."""

    url = models.CharField(max_length=500)
    description = models.CharField(max_length=240, blank=True)
    event_types = ArrayField(
        models.CharField(max_length=60), default=list, blank=True, help_text=_("Empty: events of every type.")
    )
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=255, blank=True, editable=False)
    # Sealed. After a rotation both sign, until the old one has run out.
    secret = models.TextField(editable=False)
    old_secret = models.TextField(blank=True, editable=False)
    old_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    cursor = models.BigIntegerField(default=0, editable=False)
    # One process at a time sends for it.
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    # An address that doesn't answer is left alone for a while.
    failures = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    rests_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_delivered_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(TenantOwned):
    """One event for one webhook. Events of one charge point go in their order; a dead one lets the next through."""

    class State(models.TextChoices):
        PENDING = "pending", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        DEAD = "dead", _("Given up")

    webhook = TenantForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = TenantForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="deliveries")
    charge_point = models.CharField(max_length=48, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True, help_text=_("Not before; empty: at once."))
    last_at = models.DateTimeField(null=True, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    detail = models.CharField(max_length=255, blank=True, help_text=_("Why the last attempt failed."))
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "webhook deliveries"
        constraints = [models.UniqueConstraint(fields=["webhook", "event"], name="delivery_once")]
        indexes = [
            models.Index(fields=["webhook", "event"], condition=Q(state="pending"), name="deliveries_waiting"),
            models.Index(
                fields=["webhook", "charge_point"],
                condition=Q(state="pending", next_at__isnull=False),
                name="deliveries_resting",
            ),
            models.Index(fields=["webhook", "-created_at", "-id"], name="deliveries_of_webhook"),
            models.Index(fields=["tenant", "-created_at", "-id"], name="deliveries_by_time"),
            models.Index(fields=["tenant", "-created_at"], condition=Q(state="dead"), name="deliveries_given_up"),
            models.Index(fields=["event"], name="deliveries_of_event"),
        ]

    def __str__(self) -> str:
        return f"{self.event} · {self.webhook}"


class FeedCursor(models.Model):
    """How far a sink of the whole system (MQTT) has come in the feed of all tenants; and the feed itself (delivery.feed)."""

    sink = models.CharField(max_length=20, primary_key=True)
    cursor = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.sink}: {self.cursor}"
