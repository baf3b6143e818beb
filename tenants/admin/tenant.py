"""Tenants: for platform staff."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from tenants.admin.base import PlatformAdmin
from tenants.databases.names import called
from tenants.models import Tenant
from tenants.services.people_trail import note_in_tenant
from tenants.services.platform_trail import record_for_platform
from tenants.services.tenants import furnish, tell_status_changed

# What higher apps show on a tenant's page: safe HTML.
_sections: list[Callable[[Tenant], str]] = []


def register_tenant_section(render: Callable[[Tenant], str]) -> None:
    """Show `render(tenant)` above the fields of a tenant's page."""
    if render not in _sections:
        _sections.append(render)


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]
    """One that is being deleted stays so: part of its data is gone. Nobody is put there from here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("status")
        if field is None:
            return
        status = Tenant.Status(self.instance.status)
        # The move's own, until that has ended.
        fixed = status in (Tenant.Status.ERASING, Tenant.Status.MOVING)
        allowed = [status] if fixed else [Tenant.Status.ACTIVE, Tenant.Status.SUSPENDED]
        field.choices = [(one.value, one.label) for one in allowed]  # type: ignore[attr-defined]


@admin.register(Tenant)
class TenantAdmin(PlatformAdmin):
    """Never deleted here: that takes an export first (manage.py delete_tenant)."""

    form = TenantForm
    list_display = [
        *("name", "slug", "shown_status", "kind", "timezone", "currency", "unknown_charge_points", "max_charge_points"),
        "created_at",
    ]
    search_fields = ["name", "slug"]
    list_filter = ["status", "test_data"]
    change_form_before_template = "office/tenant.html"
    # Wishes are set on their own page, which knows the keys and tells the stations.
    readonly_fields = ["created_at", "desired_configuration", "shown_database"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "name",
                    "slug",
                    "status",
                    "timezone",
                    "currency",
                    "two_factor",
                    "shown_database",
                    "created_at",
                ]
            },
        ),
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
        elif "status" in form.changed_data:
            tell_status_changed()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        tenant = self.get_object(request, object_id)
        shown: list[SafeString] = [mark_safe(render(tenant)) for render in _sections] if tenant else []  # noqa: S308
        return super().change_view(request, object_id, form_url, {"sections": shown, **(extra_context or {})})

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def _audit(self, request: HttpRequest, action: str, obj: Any, changes: dict[str, Any]) -> None:
        """In the platform's trail as well: the tenant's own goes with it. One that is just being made has none yet."""
        if action != "create":
            note_in_tenant(
                obj.pk,
                actor=request.user.get_username(),
                origin="admin",
                action=action,
                target=obj,
                changes=changes,
            )
        record_for_platform(
            actor=request.user.get_username(), origin="admin", action=action, tenant=obj, changes=changes
        )

    @display(description=_("Database"))
    def shown_database(self, row: Tenant) -> str:
        return called(row.database)

    @display(
        description=_("Status"),
        label={"active": "success", "suspended": "danger", "moving": "warning", "erasing": "danger"},
        ordering="status",
    )
    def shown_status(self, row: Tenant) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description=_("Kind"))
    def kind(self, row: Tenant) -> str:
        return str(_("Test data")) if row.test_data else "–"
