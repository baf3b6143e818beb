"""Session limits of tags, and the tenant's metering settings."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from metering.models import IdTagLimit, MeteringSettings
from tenants.admin.base import TenantModelAdmin
from tenants.admin.forms import TenantModelForm
from tenants.admin.one_row import OneRowAdmin
from tenants.models import Role, Tenant

LABELS = {
    "max_energy_wh": _("Energy, at most (Wh)"),
    "max_duration_s": _("Duration, at most (s)"),
    "max_cost": _("Cost, at most (with tax)"),
    "max_session_energy_wh": _("Energy, at most (Wh)"),
    "max_session_duration_s": _("Duration, at most (s)"),
    "max_session_cost": _("Cost, at most (with tax)"),
    "close_after_hours": _("Close a silent session after (h)"),
    "hour_days": _("Keep hours for (days)"),
    "day_days": _("Keep days for (days)"),
}
COSTS = {"max_cost", "max_session_cost"}


class LimitsForm(TenantModelForm):
    """A limit of nothing would end every session at once: none may be zero."""

    at_least_one = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = LABELS.get(name, field.label)
            if name in COSTS and self.tenant_id is not None:
                currency = Tenant.objects.values_list("currency", flat=True).get(pk=self.tenant_id)
                field.label = _("Cost, at most (%(currency)s, with tax)") % {"currency": currency}
                field.help_text = _("A session with a tariff in another currency is not limited by it.")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        limits = {name: value for name, value in given.items() if name.startswith("max_") and value is not None}
        for name, value in limits.items():
            if value <= 0:
                self.add_error(name, _("More than zero; empty: no limit."))
        if self.at_least_one and not limits and not self.errors:
            raise ValidationError(_("At least one limit."))
        return given


class IdTagLimitForm(LimitsForm):
    at_least_one = True


@admin.register(IdTagLimit)
class IdTagLimitAdmin(TenantModelAdmin):
    """What each session of a tag is limited to; a tag without limits has those of its parent."""

    form = IdTagLimitForm
    add_role = change_role = Role.OPERATOR
    list_display = ["id_tag", "max_energy_wh", "max_duration_s", "max_cost"]
    list_select_related = ["id_tag"]
    search_fields = ["id_tag__token_key"]
    autocomplete_fields = ["id_tag"]
    fieldsets = [
        (
            None,
            {
                "description": _(
                    "What each session of the tag may take at most; it is stopped there. Empty: no limit of its own."
                ),
                "fields": ["id_tag", "max_energy_wh", "max_duration_s", "max_cost"],
            },
        )
    ]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_term.lower())


@admin.register(MeteringSettings)
class MeteringSettingsAdmin(OneRowAdmin):
    """One row, once something is changed."""

    form = LimitsForm
    list_display = ["__str__", "hour_days", "day_days", "close_after_hours", "offline_after_minutes"]
    fieldsets = [
        (
            _("Limits of a session"),
            {"fields": ["max_session_energy_wh", "max_session_duration_s", "max_session_cost", "close_after_hours"]},
        ),
        (_("Alerts"), {"fields": ["offline_after_minutes", "silent_after_minutes", "clock_tolerance_seconds"]}),
        (_("Aggregates"), {"fields": ["hour_days", "day_days"]}),
    ]
