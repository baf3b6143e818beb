"""What the tenant sets about its stations' security."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from chargepoints.models import SecuritySettings
from tenants.admin.one_row import OneRowAdmin


@admin.register(SecuritySettings)
class SecuritySettingsAdmin(OneRowAdmin):
    """One row, once something is changed."""

    list_display = ["__str__", "password_rotation_days"]
    fieldsets = [
        (
            _("Passwords of charge points"),
            {
                "fields": ["password_rotation_days"],
                "description": _(
                    "A few at a time, only while they are online and charge nobody; the old password works until the "
                    "charge point has come back with the new one."
                ),
            },
        )
    ]
