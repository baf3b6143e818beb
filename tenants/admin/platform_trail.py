"""What the platform's staff did to tenants; it stays when they have gone."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter

from tenants.admin.audit import ActorFilter, OriginFilter, shown_action, shown_actor
from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.shown import shown_changes, shown_time
from tenants.models import PlatformEntry


@admin.register(PlatformEntry)
class PlatformEntryAdmin(ReadOnlyAdmin):
    """Written by services and commands, never changed."""

    platform_only = True
    view_role = "platform"
    list_display = ["when", "who", "shown_action", "tenant_slug", "what_changed"]
    list_filter = [ActorFilter, OriginFilter, ("at", RangeDateTimeFilter)]
    list_filter_submit = True
    search_fields = ["actor", "tenant_slug"]
    date_hierarchy = "at"
    fields = ["when", "who", "shown_action", "tenant_slug", "tenant_number", "what_changed"]
    readonly_fields = fields

    @admin.display(description=_("At"), ordering="at")
    def when(self, row: PlatformEntry) -> SafeString | str:
        return shown_time(row.at)

    @admin.display(description=_("Who"), ordering="actor")
    def who(self, row: PlatformEntry) -> SafeString:
        return shown_actor(row)

    @admin.display(description=_("Action"), ordering="action")
    def shown_action(self, row: PlatformEntry) -> SafeString:
        return shown_action(row.action)

    @admin.display(description=_("Before → after"))
    def what_changed(self, row: PlatformEntry) -> SafeString | str:
        return shown_changes(row.changes, "user" if "person" in row.changes else "tenant") or "–"
