"""Sites."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from chargepoints.models import Site
from tenants.admin.base import TenantModelAdmin


@admin.register(Site)
class SiteAdmin(TenantModelAdmin):
    list_display = ["name", "address", "timezone"]
    search_fields = ["name", "address"]
    fieldsets = [
        (
            None,
            {
                "description": _(
                    "Where charge points stand. With its coordinates in degrees, say 48.13743 and 11.57549, it is on the map."
                ),
                "fields": ["name", "address", "latitude", "longitude", "timezone"],
            },
        )
    ]
