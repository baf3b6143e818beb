"""SessionAnalytics: what a session's readings said, kept when they are gone."""

from django.db import models

from chargepoints.models import Transaction
from tenants.models import TenantOwned
from tenants.rls import TenantOneToOneField


class SessionAnalytics(TenantOwned):
    """Curve and figures of a session that ended. While its readings are kept, they are asked instead."""

    transaction = TenantOneToOneField(Transaction, on_delete=models.CASCADE, related_name="analytics")
    # To be worked out (again) then: soon after the end, and once more before the readings go, replayed ones included.
    due_at = models.DateTimeField(null=True, db_index=True)
    computed_at = models.DateTimeField(null=True)
    content = models.JSONField(null=True)

    class Meta:
        verbose_name_plural = "session analytics"

    def __str__(self) -> str:
        return f"Analytics of {self.transaction}"
