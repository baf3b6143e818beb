"""The audit trail, read only."""

from django.contrib import admin

from tenants.admin.base import ReadOnlyAdmin
from tenants.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor", "origin", "action", "object_type", "object_name", "changes"]
    list_filter = ["origin", "action", "object_type"]
    search_fields = ["actor", "object_name"]
    date_hierarchy = "at"

    def lookup_allowed(self, lookup: str, value: str, request: object = None) -> bool:
        return lookup in {"object_type", "object_id"} or super().lookup_allowed(lookup, value, request)
