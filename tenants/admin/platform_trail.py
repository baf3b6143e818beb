"""What the platform's staff did to tenants; it stays when they have gone."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.shown import shown_changes, shown_time
from tenants.models import PlatformEntry


@admin.register(PlatformEntry)
class PlatformEntryAdmin(ReadOnlyAdmin):
    """Written by services and commands, never changed."""

    platform_only = True
    view_role = "platform"
    list_display = ["when", "actor", "origin", "action", "tenant_slug", "what_changed"]
    list_filter = ["origin", "action"]
    search_fields = ["actor", "tenant_slug"]
    date_hierarchy = "at"
    fields = ["when", "actor", "origin", "action", "tenant_slug", "tenant_number", "what_changed"]
    readonly_fields = fields

    @admin.display(description=_("At"), ordering="at")
    def when(self, row: PlatformEntry) -> SafeString | str:
        return shown_time(row.at)

    @admin.display(description=_("Changes"))
    def what_changed(self, row: PlatformEntry) -> SafeString | str:
        return shown_changes(row.changes) or "–"
