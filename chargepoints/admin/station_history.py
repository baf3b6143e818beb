"""What people and programs changed of a charge point, with before and after: its part of the audit trail."""

from typing import Any, Final, NamedTuple

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.json_box import pretty
from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.models import ChargePoint
from tenants.admin.base import has_role
from tenants.admin.shown import is_before_and_after
from tenants.admin.trail_values import value_words
from tenants.admin.trail_words import field_named, field_word
from tenants.api.cursors import read_cursor, write_cursor
from tenants.models import AuditEntry, Role

PAGE: Final = "charge_point_history"
KIND: Final = "chargepoint"
ROWS = 50
# How actions of the trail are called on the page; the others are named as OCPP names them.
WORDS = {
    "create": _("Created"),
    "change": _("Changed"),
    "delete": _("Deleted"),
    "password": _("New password"),
    "accept": _("Accepted"),
    "reject": _("Rejected"),
    "note": _("Note written"),
    "delete note": _("Note deleted"),
    "export": _("Log taken away"),
}


ORIGINS = {"admin": _("back office"), "api": _("API"), "system": _("by itself"), "command": _("command line")}


class HistoryFilter(forms.Form):
    """Who and what."""

    actor = forms.CharField(label=_("Who"), max_length=150, required=False)
    action = forms.CharField(
        label=_("What"), max_length=40, required=False, widget=forms.TextInput({"list": "known-actions"})
    )

    def found(self, station: ChargePoint) -> QuerySet[AuditEntry]:
        given = self.cleaned_data
        rows = AuditEntry.objects.filter(object_type=KIND, object_id=str(station.pk))
        exact = {"actor__iexact": given["actor"], "action__iexact": given["action"]}
        return rows.filter(**{name: value for name, value in exact.items() if value})


class Change(NamedTuple):
    """A field before and after."""

    field: str
    before: str
    after: str


class Row(NamedTuple):
    """An entry as the page shows it. `command`: its id, where one was sent; `more`: what is no before and after."""

    entry: AuditEntry
    title: Any
    origin: Any
    changes: list[Change]
    command: str
    more: SafeString | str


@register_view("charge_point", "history/", name=PAGE, title=_("History"), order=90)
def history_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """Newest first; `?cursor=` goes back."""
    form = HistoryFilter(request.GET, label_suffix="")
    entries, following = _page(form.found(station), request.GET.get("cursor", "")) if form.is_valid() else ([], "")
    older = request.GET.copy()
    older["cursor"] = following
    context = {
        **admin.site.each_context(request),
        "title": _("History of %(station)s") % {"station": station.identity},
        "station": station,
        "tabs": tabs_of("charge_point", request, station.pk, PAGE),
        "form": form,
        "rows": [_row(entry) for entry in entries],
        "asked": any(request.GET.get(name) for name in form.fields),
        "words": sorted(WORDS),
        "older": older.urlencode() if following else "",
        "may_operate": has_role(request, Role.OPERATOR),
    }
    return TemplateResponse(request, "office/station_history.html", context)


def _page(rows: QuerySet[AuditEntry], cursor: str) -> tuple[list[AuditEntry], str]:
    if cursor:
        try:
            at, (pk,) = read_cursor(cursor)
        except ValueError:
            return [], ""
        rows = rows.filter(Q(at__lt=at) | Q(at=at, pk__lt=pk))
    page = list(rows.order_by("-at", "-pk")[: ROWS + 1])
    if len(page) <= ROWS:
        return page, ""
    return page[:ROWS], write_cursor(page[ROWS - 1].at, page[ROWS - 1].pk)


def _row(entry: AuditEntry) -> Row:
    changes, rest = [], {}
    for name, value in entry.changes.items():
        # Two objects are two of a list: their members are read better one below the other.
        if is_before_and_after(value) and not any(isinstance(part, dict) for part in value):
            field = field_named(KIND, name)
            before, after = (value_words(part, field) for part in value)
            changes.append(Change(field_word(KIND, name), before, after))
        elif name != "command":
            rest[name] = value
    command = entry.changes.get("command")
    # A command's payload stands alone; its name says the rest.
    shown = rest.get("payload") if set(rest) == {"payload"} else rest
    return Row(
        entry=entry,
        title=WORDS.get(entry.action, entry.action),
        origin=ORIGINS.get(entry.origin, entry.origin),
        changes=changes,
        command=command if isinstance(command, str) else "",
        more=pretty(shown) if shown else "",
    )
