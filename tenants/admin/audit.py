"""The audit trail: who, when, what, to which object, before and after. Read only."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, RangeDateTimeFilter, TextFilter

from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.shown import short, shown_changes, shown_pill, shown_time
from tenants.admin.trail_words import (
    ACTIONS,
    GRAVE,
    ORIGINS,
    WARNING,
    action_word,
    further_actions,
    kind_word,
    model_named,
    origin_word,
)
from tenants.models import AuditEntry

# Rows of these are gone, or have no page that tells more.
NOT_LINKED = {"delete", "remove member"}


class ActorFilter(TextFilter):
    """Exactly this person or program: a part of a name would be looked for in every row."""

    title = _("person")
    parameter_name = "actor"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(actor=self.value()) if self.value() else queryset


class _WordFilter(DropdownFilter):
    """One of the words that there are: asking the table which ones occur would read all of it."""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(**{self.parameter_name: self.value()}) if self.value() else queryset


class OriginFilter(_WordFilter):
    title = _("origin")
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, str(word)) for name, word in ORIGINS.items()]


class ActionFilter(_WordFilter):
    """Also commands to charge points, which are called by the protocol's names."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        known = sorted(((name, str(word)) for name, word in ACTIONS.items()), key=lambda one: one[1].lower())
        return [*known, *((name, name) for name in further_actions())]


class ObjectFilter(_WordFilter):
    title = _("kind of object")
    parameter_name = "object_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = {model._meta.model_name or "" for model, page in admin.site._registry.items() if not _platform(page)}
        return sorted(((name, kind_word(name)) for name in names), key=lambda one: one[1].lower())


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["when", "who", "shown_action", "what", "what_changed"]
    list_filter = [ActorFilter, ActionFilter, ObjectFilter, OriginFilter, ("at", RangeDateTimeFilter)]
    list_filter_submit = True
    search_fields = ["actor", "object_name"]
    date_hierarchy = "at"
    fields = ["when", "who", "shown_action", "what", "object_id", "what_changed"]
    readonly_fields = fields

    def lookup_allowed(self, lookup: str, value: str, request: object = None) -> bool:
        return lookup in {"object_type", "object_id"} or super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("At"), ordering="at")
    def when(self, row: AuditEntry) -> SafeString | str:
        return shown_time(row.at)

    @admin.display(description=_("Who"), ordering="actor")
    def who(self, row: AuditEntry) -> SafeString:
        return shown_actor(row)

    @admin.display(description=_("Action"), ordering="action")
    def shown_action(self, row: AuditEntry) -> SafeString:
        return shown_action(row.action)

    @admin.display(description=_("Object"), ordering="object_name")
    def what(self, row: AuditEntry) -> SafeString:
        name, url = short(row.object_name, 40) or row.object_id, object_url(row)
        kind = kind_word(row.object_type)
        if url:
            return format_html(
                '<a class="office-link" href="{}">{}</a><div class="office-muted">{}</div>', url, name, kind
            )
        return format_html('{}<div class="office-muted">{}</div>', name, kind)

    @admin.display(description=_("Before → after"))
    def what_changed(self, row: AuditEntry) -> SafeString | str:
        return shown_changes(row.changes, row.object_type) or "–"


def shown_actor(row: Any) -> SafeString:
    """The person or program, and on which way."""
    return format_html('{}<div class="office-muted">{}</div>', row.actor, origin_word(row.origin))


def shown_action(action: str) -> SafeString:
    return shown_pill("bad" if action in GRAVE else "warn" if action in WARNING else "info", action_word(action))


def object_url(row: AuditEntry) -> str:
    """The page of what was changed; empty where there is none (any more)."""
    if row.object_type == "user":
        # Accounts are the platform's; the tenant has a page for each of its people.
        return f"{reverse('admin:tenants_membership_changelist')}?{urlencode({'q': row.object_name})}"
    model = model_named(row.object_type)
    if model is None or row.action in NOT_LINKED or model not in admin.site._registry or not row.object_id:
        return ""
    if _platform(admin.site._registry[model]):
        return ""
    try:
        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.object_id])
    except NoReverseMatch:
        return ""


def _platform(page: Any) -> bool:
    return bool(getattr(page, "platform_only", False))
