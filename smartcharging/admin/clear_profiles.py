"""Clearing profiles of one charge point: asked once, with what will happen in words."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from chargepoints.admin.sections import register_view
from chargepoints.models import ChargePoint
from chargepoints.services.commands import StationOffline
from smartcharging.admin.charging_profiles import PAGE, connectors_of, profile_said
from smartcharging.admin.profile_words import connector_said
from smartcharging.admin.shared import page_context
from smartcharging.admin.zones import zone_of_station
from smartcharging.models import ChargingProfile, Purpose
from smartcharging.selectors import charging_profiles
from smartcharging.services.clearing import Criteria, HeldByLoadManagement, clear_profiles, matched_profiles
from tenants.models import Role

SHOWN = 50
# What goes unasked for is all.
ALL = [("", gettext_lazy("All"))]


class ClearForm(forms.Form):
    """Which profiles: all that is named must match."""

    profile = forms.IntegerField(required=False, widget=forms.HiddenInput)
    connector = forms.TypedChoiceField(label=gettext_lazy("Connector"), required=False, coerce=int, empty_value=None)
    purpose = forms.ChoiceField(label=gettext_lazy("What for"), required=False, choices=[*ALL, *Purpose.choices])
    stack_level = forms.IntegerField(label=gettext_lazy("Stack level"), required=False, min_value=0, max_value=1000)

    def __init__(self, *args: Any, station: ChargePoint, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        numbers = [(number, connector_said(number)) for number in connectors_of(station)]
        self.fields["connector"].choices = [*ALL, *numbers]  # type: ignore[attr-defined]
        self.row = self._row(station)

    def _row(self, station: ChargePoint) -> ChargingProfile | None:
        """The one profile that is meant, if it is one."""
        asked = str(self["profile"].value() or "")
        if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
            return None
        found: ChargingProfile | None = charging_profiles().filter(charge_point=station, pk=int(asked)).first()
        return found

    def criteria(self) -> Criteria:
        """Of a valid form. One profile is named by all that it has: a station may know its id no more."""
        if self.row is not None:
            return Criteria(profile_id=self.row.profile_id)
        given = self.cleaned_data
        return Criteria(evse_number=given["connector"], purpose=given["purpose"], stack_level=given["stack_level"])


@register_view("charge_point", "profiles/clear/", name="charge_point_profiles_clear", role=Role.OPERATOR)
def clear_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """A form, what it would clear; the second POST (`sure`) does it."""
    form = ClearForm(request.POST if request.method == "POST" else request.GET, station=station)
    zone, asked = zone_of_station(request, station), form.is_valid()
    criteria = form.criteria() if asked else Criteria()
    matched = matched_profiles(criteria).filter(charge_point=station).select_related("template", "transaction")
    rows = list(matched.order_by("evse_number", "purpose", "-stack_level")[:SHOWN]) if asked else []
    if request.method == "POST" and asked and "sure" in request.POST:
        done = _clear(request, station, criteria)
        if done is not None:
            return done
    free = [row for row in rows if row.source != ChargingProfile.Source.CIRCUIT]
    with timezone.override(zone):
        context = {
            **page_context(request, station, PAGE),
            "title": _("Clear charging profiles of %(station)s") % {"station": station.identity},
            "form": form,
            "one": form.row,
            "rows": [profile_said(row, zone) for row in rows],
            "said": _consequence(rows),
            "held": len(rows) - len(free),
            "back": reverse(f"admin:{PAGE}", args=[station.pk]),
        }
        return render(request, "office/profiles_clear.html", context)


def _clear(request: HttpRequest, station: ChargePoint, criteria: Criteria) -> HttpResponse | None:
    try:
        command, _matched = clear_profiles(
            charge_point=station, criteria=criteria, requested_by=request.user.get_username(), origin="admin"
        )
    except HeldByLoadManagement:
        messages.error(request, _("Load management holds one of these: it keeps a fuse. Nothing was sent."))
    except StationOffline:
        messages.error(request, _("The charge point is offline: nothing was sent."))
    else:
        return HttpResponseRedirect(reverse("admin:chargepoints_command_change", args=[command.pk]))
    return None


def _consequence(rows: list[ChargingProfile]) -> str:
    """What will be so once the station has agreed."""
    if not rows:
        return _("None that we know of matches. The charge point is asked all the same: it may hold others.")
    said = ngettext(
        "The charge point drops this profile. What else it holds limits it from then on, or nothing does:"
        " a car that charges may take more at once.",
        "The charge point drops these %(count)s profiles. What else it holds limits it from then on, or nothing does:"
        " cars that charge may take more at once.",
        len(rows),
    )
    return said % {"count": len(rows)}
