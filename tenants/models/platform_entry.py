"""The trail of the platform: what its staff did to tenants. It outlives them."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class PlatformEntry(models.Model):
    """One thing that was done to a tenant: made, changed, suspended, exported, deleted."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=150)
    origin = models.CharField(max_length=20, help_text=_("admin or command"))
    action = models.CharField(max_length=40)
    # Not a reference: the tenant may be gone.
    tenant_number = models.BigIntegerField(null=True)
    tenant_slug = models.CharField(max_length=32)
    changes = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = "platform entries"
        indexes = [
            models.Index(fields=["-at"], name="platform_trail_by_time"),
            models.Index(fields=["tenant_slug", "-at"], name="platform_trail_of_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.tenant_slug}"
