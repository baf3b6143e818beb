"""The message log: its table has a composite key, which Django's admin can't list, so it has a page of its own."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.message_forms import FleetMessageFilter, MessageFilter, known_actions
from chargepoints.admin.message_rows import message_rows
from chargepoints.message_pairs import find_messages

PAGE = 50


def message_log(request: HttpRequest) -> HttpResponse:
    """Of all charge points, newest first; a call and its answer are one row."""
    form = FleetMessageFilter(request.GET, label_suffix="")
    station = form.cleaned_data["station"] if form.is_valid() else None
    context = {
        **admin.site.each_context(request),
        "title": _("Messages"),
        **listed(request, form, station.pk if station else None),
        "narrowed": form.narrowed,
        "actions": known_actions(""),
    }
    return TemplateResponse(request, "office/messages.html", context)


def listed(request: HttpRequest, form: MessageFilter, charge_point_id: int | None) -> dict[str, Any]:
    """A page of the log, for the context. A cursor that isn't one shows nothing; a form with errors shows them."""
    pairs: list[Any] = []
    following = None
    if form.is_valid():
        try:
            pairs, following = find_messages(
                form.query(charge_point_id), cursor=request.GET.get("cursor", ""), limit=PAGE
            )
        except ValueError:
            pairs = []
    kept = request.GET.copy()
    kept.pop("cursor", None)
    older = kept.copy()
    older["cursor"] = following or ""
    return {
        "form": form,
        "rows": message_rows(pairs),
        "asked": any(value for name, value in kept.items() if name in form.fields),
        "kept": kept.urlencode(),
        "older": older.urlencode() if following else "",
        "later": "cursor" in request.GET,
    }
