"""API keys: issued (shown once) and revoked."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from tenants.admin.base import TenantModelAdmin
from tenants.admin.forms import TenantModelForm
from tenants.api.scopes import known_scopes
from tenants.models import ApiKey, Role
from tenants.services.api_keys import issue_api_key


class ApiKeyForm(TenantModelForm):
    """Scopes are chosen among those that the API knows."""

    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        required=False,
        help_text=_("None chosen: everything that the role may."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "scopes" in self.fields:
            self.fields["scopes"].choices = [(scope, scope) for scope in sorted(known_scopes())]  # type: ignore[attr-defined]


@admin.register(ApiKey)
class ApiKeyAdmin(TenantModelAdmin):
    """Keys of programs. They are revoked, not edited."""

    form = ApiKeyForm
    view_role = Role.ADMIN
    list_display = ["name", "prefix", "role", "shown_scopes", "shown_state", "expires_at", "last_used_at", "created_at"]
    fieldsets = [
        (
            None,
            {
                "description": _("The key is shown once, after saving. Give it no more than its program needs."),
                "fields": ["name", "role", "scopes", "expires_at"],
            },
        )
    ]
    actions = ["revoke"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        row, key = issue_api_key(name=obj.name, role=obj.role, scopes=obj.scopes, expires_at=obj.expires_at)
        obj.pk, obj.prefix = row.pk, row.prefix
        messages.warning(request, _("The key is %(key)s — copy it now, it is not shown again.") % {"key": key})

    @admin.action(description=_("Revoke: programs that use these keys are refused at once"))
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset.filter(revoked_at=None):
            row.revoked_at = timezone.now()
            row.save(update_fields=["revoked_at"])
            self._audit(request, "revoke", row, {})

    @display(description=_("Scopes"))
    def shown_scopes(self, row: ApiKey) -> str:
        return ", ".join(row.scopes) or str(_("all of the role"))

    @display(description=_("State"), label={"valid": "success", "revoked": "danger", "expired": "warning"})
    def shown_state(self, row: ApiKey) -> tuple[str, str]:
        if row.revoked_at:
            return "revoked", str(_("Revoked"))
        if row.expires_at and row.expires_at <= timezone.now():
            return "expired", str(_("Expired"))
        return "valid", str(_("Valid"))
