"""Where charge points stand."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import TenantOwned


class Site(TenantOwned):
    """A place with charge points: a car park, a depot, a street."""

    name = models.CharField(max_length=120)
    address = models.CharField(max_length=240, blank=True)
    latitude = models.DecimalField(max_digits=8, decimal_places=6, null=True, blank=True)
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    timezone = models.CharField(max_length=64, blank=True, help_text=_("Empty: the tenant's."))

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="site_name_once_per_tenant")]

    def __str__(self) -> str:
        return self.name
