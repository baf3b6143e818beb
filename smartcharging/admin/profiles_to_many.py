"""A template to many charge points: who is meant, a page that says how many and which, then it is sent."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargepoints.admin.command_forms import SendManyForm
from chargepoints.models import ChargePoint
from chargepoints.services.bulk import NoTargets
from smartcharging.admin.profile_preview import alone
from smartcharging.admin.profile_words import connector_said, profile_in_words
from smartcharging.admin.stations_form import StationsForm
from smartcharging.admin.zones import zone_of_tenant
from smartcharging.models import ProfileTemplate
from smartcharging.profiles.problems import InvalidProfile
from smartcharging.services.bulk_profiles import set_many, unsuited
from smartcharging.services.templates import profile_to_send

SHOWN = 50
PATH = "csChargingProfiles"


class PlaceForm(forms.Form):
    """Where at each charge point."""

    connector = forms.IntegerField(
        label=gettext_lazy("Connector"),
        min_value=0,
        max_value=1000,
        initial=0,
        help_text=gettext_lazy("0: the whole station; a default then holds for each of its connectors."),
    )


def to_many_page(request: HttpRequest, template: ProfileTemplate) -> HttpResponse:
    """`step` check: the page that asks once more; send: it is sent. Each step carries all before it."""
    bound = request.POST if request.method == "POST" else None
    named = {"charge_points": request.GET.get("stations", "")} if bound is None else None
    stations_form, place, sending = StationsForm(bound, initial=named), PlaceForm(bound), SendManyForm(bound)
    every = [stations_form, place, sending]
    # Each is asked, so that each shows its faults.
    valid = [form.is_valid() for form in every] if bound is not None else []
    if valid and all(valid):
        stations: QuerySet[ChargePoint] = stations_form.cleaned_data["stations"]
        number = place.cleaned_data["connector"]
        problems = unsuited(_ids(stations), number, profile_to_send(template), PATH)
        try:
            if request.POST.get("step") == "send":
                return _send(request, template, stations_form, place, sending)
            if not stations.exists():
                raise NoTargets
            if len(problems) == len(_ids(stations)):
                raise InvalidProfile(next(iter(problems.values())))
            return _confirm(request, template, stations, number, problems)
        except NoTargets:
            stations_form.add_error(None, _("No charge point matches."))
        except InvalidProfile as error:
            for problem in error.problems:
                place.add_error(None, f"{problem.sentence} ({problem.reason})")
    context = {
        "title": _("Send %(name)s to charge points") % {"name": template.name},
        "forms": every,
        "hidden": {"step": "check"},
        "back": reverse("admin:smartcharging_profiletemplate_change", args=[template.pk]),
        "button": _("Look it over"),
        "online": True,
    }
    return _page(request, "office/command_form.html", context)


def _send(
    request: HttpRequest, template: ProfileTemplate, stations: StationsForm, place: PlaceForm, sending: SendManyForm
) -> HttpResponse:
    bulk = set_many(
        stations=stations.cleaned_data["stations"],
        evse_number=place.cleaned_data["connector"],
        profile=profile_to_send(template),
        requested_by=request.user.get_username(),
        origin="admin",
        chosen_by=stations.cleaned_data["chosen_by"],
        template_id=template.pk,
        expires_at=sending.cleaned_data["wait_until"],
        concurrency=sending.cleaned_data["concurrency"],
    )
    # Progress and each charge point's result, as of every command to many.
    return HttpResponseRedirect(reverse("admin:chargepoints_bulkcommand_change", args=[bulk.pk]))


def _confirm(
    request: HttpRequest,
    template: ProfileTemplate,
    stations: QuerySet[ChargePoint],
    number: int,
    problems: dict[int, Any],
) -> HttpResponse:
    rows = list(stations.order_by("identity_key"))
    suited = [row for row in rows if row.pk not in problems]
    skipped = [(row, problems[row.pk][0].sentence) for row in rows if row.pk in problems]
    online = sum(1 for row in suited if getattr(row, "online", False))
    zone = zone_of_tenant(request)
    kept = {name: value for name, value in request.POST.items() if name not in {"csrfmiddlewaretoken", "step"}}
    context = {
        "title": _("Send %(name)s to %(n)d charge points?") % {"name": template.name, "n": len(suited)},
        "template": template,
        "place": connector_said(number),
        "words": profile_in_words(profile_to_send(template), zone),
        "config": alone(profile_to_send(template), now=timezone.now(), zone=zone),
        "number": len(suited),
        "online": online,
        "offline": len(suited) - online,
        "named": suited[:SHOWN],
        "more": max(0, len(suited) - SHOWN),
        "skipped": skipped[:SHOWN],
        "skipped_number": len(skipped),
        "hidden": {**kept, "step": "send"},
        "waits": bool(request.POST.get("wait_until")),
        "back": reverse("admin:profile_template_to_many", args=[template.pk]),
    }
    return _page(request, "office/profiles_confirm.html", context)


def _ids(stations: QuerySet[ChargePoint]) -> list[int]:
    return list(stations.order_by().values_list("pk", flat=True).distinct())


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})
