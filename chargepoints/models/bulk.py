"""A command to many charge points, with what became of each."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from chargepoints.models.charge_point import ChargePoint
from chargepoints.models.command import Command
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey, TenantOneToOneField


class BulkCommand(TenantOwned):
    """One action for a list of charge points, a few at a time."""

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        FINISHED = "finished", _("Finished")
        CANCELLED = "cancelled", _("Cancelled")

    class Kind(models.TextChoices):
        # The same payload for all.
        COMMAND = "command", _("Command")
        # Of each its own: the service of local lists writes it.
        LOCAL_LIST = "local_list", _("Local list")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    action = models.CharField(max_length=50)
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.COMMAND, db_default="command")
    payload = models.JSONField(default=dict)
    filter = models.JSONField(default=dict, blank=True, help_text=_("What the charge points were chosen by."))
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    concurrency = models.PositiveSmallIntegerField(default=50, help_text=_("Charge points asked at a time."))
    total = models.PositiveIntegerField(default=0)
    requested_by = models.CharField(max_length=150)
    origin = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text=_("Waits for offline charge points until then; empty: skips them.")
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    retry_of = models.UUIDField(null=True, blank=True, help_text=_("The one whose failures it tries again."))

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="bulk_commands_by_time"),
            models.Index(fields=["created_at"], condition=models.Q(state="running"), name="bulk_commands_running"),
        ]

    def __str__(self) -> str:
        return f"{self.action} × {self.total}"


class BulkTarget(TenantOwned):
    """One charge point of a bulk command."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        # The command's own state says the rest.
        SENT = "sent", _("Sent")
        SKIPPED = "skipped", _("Skipped")

    bulk = TenantForeignKey(BulkCommand, on_delete=models.CASCADE, related_name="targets")
    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="+")
    command = TenantOneToOneField(Command, on_delete=models.SET_NULL, null=True, blank=True, related_name="bulk_target")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    detail = models.CharField(max_length=255, blank=True)
    skipped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["bulk", "charge_point"], name="bulk_target_once")]
        indexes = [models.Index(fields=["bulk", "state"], name="bulk_targets_by_state")]

    def __str__(self) -> str:
        return f"{self.bulk_id} {self.charge_point}"
