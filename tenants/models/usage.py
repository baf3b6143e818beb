"""How much a tenant makes use of the system: counted by day, so that no page counts millions of rows."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models.base import TenantOwned


class UsageDay(TenantOwned):
    """How often one kind of thing happened on one day (UTC)."""

    class Kind(models.TextChoices):
        MESSAGES = "messages", _("OCPP messages")
        API_CALLS = "api_calls", _("API requests")
        EVENTS = "events", _("Events")
        DELIVERIES = "deliveries", _("Webhook deliveries")

    day = models.DateField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    number = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["-day", "kind"]
        constraints = [models.UniqueConstraint(fields=["tenant", "day", "kind"], name="usage_once_per_day")]

    def __str__(self) -> str:
        return f"{self.number} {self.kind} on {self.day}"
