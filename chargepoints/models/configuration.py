"""ConfigurationKey: what a station is set to, and what we want it to be."""

from django.db import models

from chargepoints.models.charge_point import ChargePoint
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class ConfigurationKey(TenantOwned):
    """One configuration key of one station, as it last reported it."""

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="configuration")
    key = models.CharField(max_length=50)
    value = models.CharField(max_length=500, blank=True)
    readonly = models.BooleanField(default=False)
    reported_at = models.DateTimeField()

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["charge_point", "key"], name="configuration_key_once")]

    def __str__(self) -> str:
        return f"{self.key} · {self.charge_point}"
