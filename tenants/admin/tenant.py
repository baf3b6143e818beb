"""Tenants: for platform staff."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from tenants.admin.base import PlatformAdmin
from tenants.models import Tenant
from tenants.services.tenants import furnish


@admin.register(Tenant)
class TenantAdmin(PlatformAdmin):
    """Never deleted here: that takes an export first."""

    list_display = ["name", "slug", "shown_status", "timezone", "currency", "unknown_charge_points", "created_at"]
    search_fields = ["name", "slug"]
    list_filter = ["status"]
    # Wishes are set on their own page, which knows the keys and tells the stations.
    readonly_fields = ["created_at", "desired_configuration"]
    fieldsets = [
        (None, {"fields": ["name", "slug", "status", "timezone", "currency", "created_at"]}),
        (
            _("Charge points"),
            {
                "fields": [
                    *("unknown_charge_points", "unknown_id_tags", "allow_unauthenticated", "max_charge_points"),
                    *("heartbeat_interval", "desired_configuration"),
                ]
            },
        ),
        (_("Integration"), {"fields": ["api_rate_limit", "queue_enabled", "mqtt_topic_prefix"]}),
        (_("Message log"), {"fields": ["message_log_enabled", "message_log_days"]}),
    ]

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            furnish(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("Status"), label={"active": "success", "suspended": "danger"}, ordering="status")
    def shown_status(self, row: Tenant) -> tuple[str, str]:
        return row.status, row.get_status_display()
