"""The power of a tenant's fleet, minute by minute."""

from django.db import models

from tenants.models import TenantOwned


class FleetLoad(TenantOwned):
    """What the whole fleet took at a minute, and what its site connections could carry then. Kept for days.

    `limit_w`: of all circuits at the top of a tree together, lowered by the grid signals that held; None: there were none.
    """

    at = models.DateTimeField()
    power_w = models.DecimalField(max_digits=14, decimal_places=1)
    limit_w = models.DecimalField(max_digits=14, decimal_places=1, null=True)
    charging = models.PositiveIntegerField()
    online = models.PositiveIntegerField()

    class Meta:
        ordering = ["at"]
        constraints = [models.UniqueConstraint(fields=["tenant", "at"], name="fleet_load_once_a_minute")]

    def __str__(self) -> str:
        return f"{self.power_w} W at {self.at:%Y-%m-%d %H:%M}"
