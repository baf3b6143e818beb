"""Session limits: when a session is stopped by us."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from chargepoints.models import Command, IdTag, Transaction
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey, TenantOneToOneField


class Limits(TenantOwned):
    """Energy (Wh), duration (s) and cost (tenant's currency, with tax) of a session; empty: no limit."""

    max_energy_wh = models.DecimalField(max_digits=12, decimal_places=3, null=True, blank=True)
    max_duration_s = models.PositiveIntegerField(null=True, blank=True)
    max_cost = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)

    class Meta:
        abstract = True


class IdTagLimit(Limits):
    """What each session of a tag is limited to."""

    id_tag = TenantOneToOneField(IdTag, on_delete=models.CASCADE, related_name="session_limit")

    class Meta:
        verbose_name = "id tag limit"

    def __str__(self) -> str:
        return str(self.id_tag)


class RemoteStartLimit(Limits):
    """What a remote start asked for, until its session begins."""

    command = TenantOneToOneField(Command, on_delete=models.CASCADE, related_name="session_limit")

    def __str__(self) -> str:
        return f"Limits of {self.command_id}"


class SessionLimit(Limits):
    """The tightest limits that a session began with, and which of them it reached."""

    class Reached(models.TextChoices):
        ENERGY = "energy", _("Energy")
        DURATION = "duration", _("Duration")
        COST = "cost", _("Cost")

    transaction = TenantOneToOneField(Transaction, on_delete=models.CASCADE, related_name="session_limit")
    reached = models.CharField(max_length=8, choices=Reached.choices, blank=True)
    reached_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    command = TenantForeignKey(Command, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    def __str__(self) -> str:
        return f"Limits of {self.transaction}"
