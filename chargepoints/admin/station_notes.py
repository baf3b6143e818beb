"""Notes of people about a charge point: written by operators, taken away by who wrote them or by an administrator."""

from typing import Final

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.models import ChargePoint, ChargePointNote
from chargepoints.services.notes import LONGEST, add_note, delete_note
from tenants.admin.base import has_role
from tenants.models import Role

PAGE: Final = "charge_point_notes"
SHOWN = 200


class NoteForm(forms.Form):
    text = forms.CharField(
        label=_("New note"),
        max_length=LONGEST,
        widget=forms.Textarea({"rows": 3, "placeholder": _("What should the next one know?")}),
    )


@register_view("charge_point", "notes/", name=PAGE, title=_("Notes"), order=80)
def notes_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """Newest first; a POST writes one, or with `delete` takes one away."""
    form = NoteForm(label_suffix="")
    if request.method == "POST":
        if not has_role(request, Role.OPERATOR):
            raise Http404
        if "delete" in request.POST:
            return _delete(request, station)
        form = NoteForm(request.POST, label_suffix="")
        if form.is_valid():
            author = request.user.get_username()
            add_note(charge_point=station, author=author, text=form.cleaned_data["text"], origin="admin")
            return _back(station)
    notes = ChargePointNote.objects.filter(charge_point=station)[: SHOWN + 1]
    context = {
        **admin.site.each_context(request),
        "title": _("Notes about %(station)s") % {"station": station.identity},
        "station": station,
        "tabs": tabs_of("charge_point", request, station.pk, PAGE),
        "notes": [(one, _may_delete(request, one)) for one in notes[:SHOWN]],
        "more": len(notes) > SHOWN,
        "form": form,
        "may_operate": has_role(request, Role.OPERATOR),
    }
    return TemplateResponse(request, "office/station_notes.html", context)


def _delete(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    asked = request.POST["delete"]
    note = None
    if asked.isascii() and asked.isdigit() and len(asked) < 19:
        note = (
            ChargePointNote.objects.select_related("charge_point").filter(pk=int(asked), charge_point=station).first()
        )
    if note is None or not _may_delete(request, note):
        raise Http404
    if delete_note(note=note, actor=request.user.get_username(), origin="admin"):
        messages.success(request, _("The note is gone. What it said stands in the history."))
    return _back(station)


def _may_delete(request: HttpRequest, note: ChargePointNote) -> bool:
    own = note.author == request.user.get_username() and has_role(request, Role.OPERATOR)
    return own or has_role(request, Role.ADMIN)


def _back(station: ChargePoint) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse(f"admin:{PAGE}", args=[station.pk]))
