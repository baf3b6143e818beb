"""The message log: its table has a composite key, which Django's admin can't list, so it has a page of its own."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from chargepoints.message_pairs import MessageQuery, find_messages
from chargepoints.models import ChargePoint

PAGE = 50


class MessageFilter(forms.Form):
    """What to look for."""

    station = forms.CharField(label=_("Charge point"), max_length=48, required=False)
    direction = forms.ChoiceField(
        label=_("Direction"),
        required=False,
        choices=[("", _("both")), ("in", _("from station")), ("out", _("to station"))],
    )
    action = forms.CharField(label=_("Action"), max_length=50, required=False)
    message_id = forms.CharField(label=_("Message id"), max_length=64, required=False)
    start = forms.DateTimeField(label=_("From"), required=False, widget=forms.DateTimeInput({"type": "datetime-local"}))
    end = forms.DateTimeField(label=_("To"), required=False, widget=forms.DateTimeInput({"type": "datetime-local"}))


def message_log(request: HttpRequest) -> HttpResponse:
    """Newest first; a call and its answer are one row."""
    form = MessageFilter(request.GET)
    pairs: list[Any] = []
    following = None
    if form.is_valid():
        wanted = dict(form.cleaned_data)
        identity = wanted.pop("station")
        station = ChargePoint.objects.filter(identity_key=identity.lower()).first() if identity else None
        if not identity or station is not None:
            query = MessageQuery(charge_point_id=station.pk if station else None, **wanted)
            try:
                pairs, following = find_messages(query, cursor=request.GET.get("cursor", ""), limit=PAGE)
            except ValueError:
                pairs = []
        else:
            form.add_error("station", _("There is no such charge point."))
    older = request.GET.copy()
    older["cursor"] = following or ""
    context = {
        **admin.site.each_context(request),
        "title": _("Messages"),
        "form": form,
        "pairs": pairs,
        "older": older.urlencode() if following else "",
    }
    return TemplateResponse(request, "office/messages.html", context)
