"""Command: one attempt to have a charge point do something."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from chargepoints.models.charge_point import ChargePoint
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class CommandState(models.TextChoices):
    """DESIGN §4: queued -> sent -> one of the final states. Every change is a compare-and-set."""

    QUEUED = "queued", _("Queued")
    SENT = "sent", _("Sent")
    ACCEPTED = "accepted", _("Accepted")
    REJECTED = "rejected", _("Rejected")
    FAILED = "failed", _("Failed")
    TIMED_OUT = "timed_out", _("Timed out")
    CANCELLED = "cancelled", _("Cancelled")


OPEN_STATES = (CommandState.QUEUED, CommandState.SENT)


class Outcome(models.TextChoices):
    """What became of it after the station had accepted: a remote start's session, a reset's boot."""

    NONE = "", _("Nothing more to come")
    WAITING = "waiting", _("Waiting")
    FULFILLED = "fulfilled", _("Fulfilled")
    UNFULFILLED = "unfulfilled", _("Never came")


class Command(TenantOwned):
    """One CALL to a charge point. Its UUID is the OCPP message id, so it is sent at most once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="commands")
    action = models.CharField(max_length=50)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=CommandState.choices, default=CommandState.QUEUED)
    priority = models.SmallIntegerField(default=5, help_text=_("Lower goes first."))
    timeout_s = models.PositiveSmallIntegerField(default=30)
    requested_by = models.CharField(max_length=150)
    origin = models.CharField(max_length=20, help_text=_("api, admin or system"))
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text=_("Waits for an offline station until then."))
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    gateway_id = models.UUIDField(null=True, blank=True)
    connection_id = models.UUIDField(null=True, blank=True)
    reply = models.JSONField(null=True, blank=True)
    error_code = models.CharField(max_length=50, blank=True)
    error_description = models.CharField(max_length=255, blank=True)
    late_reply = models.JSONField(null=True, blank=True, help_text=_("An answer that came after the time-out."))

    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True, default=Outcome.NONE)
    outcome_detail = models.CharField(max_length=255, blank=True)
    outcome_at = models.DateTimeField(null=True, blank=True)
    outcome_until = models.DateTimeField(null=True, blank=True, help_text=_("What has not come by then never came."))

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["outcome_until"], condition=models.Q(outcome="waiting"), name="commands_with_outcome_to_come"
            ),
            models.Index(fields=["tenant", "-created_at"], name="commands_by_time"),
            models.Index(fields=["charge_point", "-created_at"], name="commands_of_station"),
            models.Index(fields=["tenant", "action", "-created_at"], name="commands_by_action"),
            # Few, and what somebody looks for.
            models.Index(
                fields=["tenant", "state", "-created_at"],
                condition=models.Q(state__in=["rejected", "failed", "timed_out", "cancelled"]),
                name="commands_not_done",
            ),
            models.Index(
                fields=["tenant", "outcome", "-created_at"],
                condition=~models.Q(outcome=""),
                name="commands_by_outcome",
            ),
            models.Index(
                fields=["charge_point", "priority", "created_at"],
                condition=models.Q(state__in=["queued", "sent"]),
                name="commands_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} · {self.charge_point}"

    @property
    def is_final(self) -> bool:
        return self.state not in OPEN_STATES
