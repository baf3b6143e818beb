"""Sites."""

from django.contrib import admin

from chargepoints.models import Site
from tenants.admin.base import TenantModelAdmin


@admin.register(Site)
class SiteAdmin(TenantModelAdmin):
    list_display = ["name", "address", "timezone"]
    search_fields = ["name", "address"]
    fields = ["name", "address", "latitude", "longitude", "timezone"]
