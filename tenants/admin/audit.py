"""The audit trail, read only."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.shown import short, shown_changes, shown_time
from tenants.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["when", "actor", "origin", "action", "object_type", "what", "what_changed"]
    list_filter = ["origin", "action", "object_type"]
    search_fields = ["actor", "object_name"]
    date_hierarchy = "at"
    fields = ["when", "actor", "origin", "action", "object_type", "object_id", "object_name", "what_changed"]
    readonly_fields = fields

    def lookup_allowed(self, lookup: str, value: str, request: object = None) -> bool:
        return lookup in {"object_type", "object_id"} or super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("At"), ordering="at")
    def when(self, row: AuditEntry) -> SafeString | str:
        return shown_time(row.at)

    @admin.display(description=_("Object"), ordering="object_name")
    def what(self, row: AuditEntry) -> str:
        return short(row.object_name, 40)

    @admin.display(description=_("Changes"))
    def what_changed(self, row: AuditEntry) -> SafeString | str:
        return shown_changes(row.changes) or "–"
