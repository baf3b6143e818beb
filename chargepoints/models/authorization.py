"""Who decides about tags besides us: the tenant's own system, and the stations' local lists."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from chargepoints.models.charge_point import ChargePoint
from chargepoints.models.command import Command
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey, TenantOneToOneField


class AuthorizationWebhook(TenantOwned):
    """The tenant's system that is asked about tags. At most one."""

    class Fallback(models.TextChoices):
        OWN = "own", _("Decide by our own tags")
        ACCEPT = "accept", _("Accept")
        REJECT = "reject", _("Reject")

    class Scope(models.TextChoices):
        UNKNOWN = "unknown", _("Only tags that we don't know")
        ALL = "all", _("All tags")

    url = models.URLField(max_length=500)
    secret = models.TextField(blank=True, editable=False, help_text=_("Encrypted; signs the requests."))
    asks_about = models.CharField(max_length=8, choices=Scope.choices, default=Scope.UNKNOWN)
    timeout_ms = models.PositiveSmallIntegerField(
        default=2000, validators=[MinValueValidator(100), MaxValueValidator(10_000)]
    )
    cache_seconds = models.PositiveIntegerField(default=300, validators=[MaxValueValidator(86_400)])
    fallback = models.CharField(max_length=6, choices=Fallback.choices, default=Fallback.OWN)
    enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="authorization_webhook_once")]

    def __str__(self) -> str:
        return self.url


class LocalAuthList(TenantOwned):
    """The local authorization list of a station: what we sent it, and what it says it has."""

    class State(models.TextChoices):
        UNKNOWN = "unknown", _("Not known")
        IN_STEP = "in_step", _("In step")
        SENDING = "sending", _("Being sent")
        FAILED = "failed", _("Failed")
        UNSUPPORTED = "unsupported", _("Not supported")

    charge_point = TenantOneToOneField(ChargePoint, on_delete=models.CASCADE, related_name="local_list")
    managed = models.BooleanField(default=False, help_text=_("Keep it in step with the tags."))
    completing = models.BooleanField(
        default=False, editable=False, help_text=_("A person's full list went in parts: the rest is still to follow.")
    )
    state = models.CharField(max_length=12, choices=State.choices, default=State.UNKNOWN)
    version = models.PositiveIntegerField(default=0, help_text=_("Of the last list that the station accepted."))
    reported_version = models.IntegerField(null=True, blank=True)
    # {token: idTagInfo} as accepted by the station; what is being sent lies beside it until it is.
    entries = models.JSONField(default=dict, blank=True)
    sent_entries = models.JSONField(default=dict, blank=True)
    sent_version = models.PositiveIntegerField(null=True, blank=True)
    detail = models.CharField(max_length=255, blank=True)
    command = TenantForeignKey(Command, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    attempts = models.PositiveSmallIntegerField(default=0)
    changed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.charge_point}: {self.version}"
