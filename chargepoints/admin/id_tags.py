"""Id tags."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.models import IdTag
from tenants.admin.base import TenantModelAdmin
from tenants.models import Role


@admin.register(IdTag)
class IdTagAdmin(TenantModelAdmin):
    add_role = change_role = Role.OPERATOR
    list_display = [
        "token",
        "holder",
        "status_shown",
        "type",
        "parent",
        "expires_at",
        "max_active_transactions",
        "note",
    ]
    list_filter = ["status", "type", "seen_offline"]
    search_fields = ["token_key", "holder", "note"]
    list_select_related = ["parent"]
    autocomplete_fields = ["parent"]
    readonly_fields = ["seen_offline", "created_at"]
    fields = [
        *("token", "holder", "type", "status", "parent", "expires_at", "max_active_transactions", "note"),
        *("seen_offline", "created_at"),
    ]

    @admin.display(description=_("Status"), ordering="status")
    def status_shown(self, row: IdTag) -> SafeString:
        return pill(row.status, row.get_status_display())
