"""Refused sign-ins that an operator can accept a charge point from."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import TenantOwned


class SignInAttempt(TenantOwned):
    """An identity that knocked and was refused; counted, and bounded per tenant."""

    class Reason(models.TextChoices):
        UNKNOWN = "unknown", _("Unknown identity")
        WRONG_PASSWORD = "wrong_password", _("Wrong password")
        NO_PASSWORD = "no_password", _("Password missing")
        NOT_TLS = "not_tls", _("Not over TLS")
        NO_CERTIFICATE = "no_certificate", _("Client certificate missing or of another identity")
        LIMIT = "limit", _("Tenant's charge point limit reached")

    identity = models.CharField(max_length=48)
    identity_key = models.CharField(max_length=48)
    reason = models.CharField(max_length=16, choices=Reason.choices)
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(auto_now_add=True)
    last_at = models.DateTimeField()
    remote_address = models.CharField(max_length=64)

    class Meta:
        ordering = ["-last_at"]
        verbose_name = "refused sign-in"
        constraints = [models.UniqueConstraint(fields=["tenant", "identity_key"], name="attempt_once_per_identity")]

    def __str__(self) -> str:
        return self.identity
