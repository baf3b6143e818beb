"""What a tenant's people no longer want to be told."""

from django.db import models

from tenants.models import TenantOwned


class DismissedHint(TenantOwned):
    """A panel of advice that somebody has put away, for all of the tenant."""

    hint = models.CharField(max_length=40)
    dismissed_by = models.CharField(max_length=150)
    dismissed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-dismissed_at"]
        constraints = [models.UniqueConstraint(fields=["tenant", "hint"], name="hint_dismissed_once")]

    def __str__(self) -> str:
        return self.hint
