"""What every tenant-owned model has."""

from django.db import models


class TenantOwned(models.Model):
    """A row that belongs to one tenant. Its table is protected by `tenants.rls.ProtectTable`."""

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="+", db_index=False)

    class Meta:
        abstract = True
