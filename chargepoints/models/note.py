"""What people write down about a charge point: the key is at reception, the cable was changed."""

from django.db import models

from chargepoints.models.charge_point import ChargePoint
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class ChargePointNote(TenantOwned):
    """One dated note. Never changed: who wrote something else meanwhile writes another."""

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="dated_notes", db_index=False)
    author = models.CharField(max_length=150)
    text = models.TextField(max_length=5000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["charge_point", "-created_at"], name="notes_of_charge_point")]

    def __str__(self) -> str:
        return f"{self.author} · {self.charge_point} · {self.created_at:%Y-%m-%d %H:%M}"
