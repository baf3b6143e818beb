"""What the sessions of a tag usually need: departure, energy, priority."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from smartcharging.admin.load_bars import amps_said
from smartcharging.models import IdTagNeed
from smartcharging.services.needs import clear_tag_need, set_tag_need
from tenants.admin.base import TenantModelAdmin
from tenants.admin.forms import TenantModelForm
from tenants.api.serializers import plain_decimal
from tenants.models import Role

LABELS = {
    "departure_time": _("Departure"),
    "energy_wh": _("Energy wanted (Wh)"),
    "priority": _("Priority"),
    "max_a": _("The car takes at most (A)"),
}
FIELDS = ("departure_time", "energy_wh", "priority", "max_a")


class TagNeedForm(TenantModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = LABELS.get(name, field.label)


@admin.register(IdTagNeed)
class IdTagNeedAdmin(TenantModelAdmin):
    """Kept through the service, which wakes the circuits and writes the audit trail."""

    form = TagNeedForm
    add_role = change_role = Role.OPERATOR
    list_display = ["id_tag", "departure_time", "energy_shown", "priority", "max_shown"]
    list_select_related = ["id_tag"]
    search_fields = ["id_tag__token_key", "id_tag__holder"]
    autocomplete_fields = ["id_tag"]
    fieldsets = [
        (
            None,
            {
                "description": _(
                    "What sessions of this tag usually need. Circuits that share by departure or priority go by it."
                ),
                "fields": ["id_tag", *FIELDS],
            },
        )
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: IdTagNeed | None = None) -> Any:
        return [] if obj is None else ["id_tag"]

    @admin.display(description=_("Energy wanted"), ordering="energy_wh")
    def energy_shown(self, row: IdTagNeed) -> str:
        if row.energy_wh is None:
            return "–"
        return f"{number_format(plain_decimal(round(Decimal(row.energy_wh) / 1000, 2)))} kWh"

    @admin.display(description=_("The car takes at most"), ordering="max_a")
    def max_shown(self, row: IdTagNeed) -> str:
        return amps_said(row.max_a)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_term.lower())

    def save_model(self, request: HttpRequest, obj: IdTagNeed, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in FIELDS}
        kept = set_tag_need(tag=obj.id_tag, values=values, actor=request.user.get_username(), origin="admin")
        obj.pk, obj.tenant_id = kept.pk, kept.tenant_id

    def delete_model(self, request: HttpRequest, obj: IdTagNeed) -> None:
        clear_tag_need(tag=obj.id_tag, actor=request.user.get_username(), origin="admin")

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset.select_related("id_tag"):
            self.delete_model(request, row)

    # The services have written the trail already.
    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        pass

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        pass

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        pass
