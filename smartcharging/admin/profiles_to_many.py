"""A template to many charge points: who is meant, a page that says how many and which, then it is sent.

From the list of charge points the other way round: who is meant is known, the template is chosen.
"""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from chargepoints.admin.bulk_choice import ids_of, kept_fields, order_of, page, stations_in, who
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


def choose_template_page(request: HttpRequest, stations: QuerySet[ChargePoint]) -> HttpResponse:
    """For charge points that were chosen in their list."""
    number = stations.count()
    title = ngettext(
        "Send a charging profile to %(n)d charge point", "Send a charging profile to %(n)d charge points", number
    )
    zone = zone_of_tenant(request)
    return page(
        request,
        "office/profile_choose.html",
        title=title % {"n": number},
        stations_chosen=ids_of(stations),
        templates=[(one, profile_in_words(profile_to_send(one), zone)) for one in ProfileTemplate.objects.all()],
        back=reverse("admin:chargepoints_chargepoint_changelist"),
    )


def to_many_page(request: HttpRequest, template: ProfileTemplate) -> HttpResponse:
    """`step` check: the page that asks once more; send: it is sent. Each step carries all before it.

    `stations`: chosen in their list; otherwise the form asks for them.
    """
    bound = request.POST if request.method == "POST" and request.POST.get("step") != "choose" else None
    picked = stations_in(request.POST["stations"]) if request.POST.get("stations") else None
    named = {"charge_points": request.GET.get("stations", "")} if bound is None else None
    asked = StationsForm(bound, initial=named) if picked is None else None
    place, sending = PlaceForm(bound), SendManyForm(bound)
    every = [form for form in (asked, place, sending) if form is not None]
    # Each is asked, so that each shows its faults.
    valid = [form.is_valid() for form in every] if bound is not None else []
    if valid and all(valid):
        try:
            return _checked(request, template, _meant(picked, asked), place, sending)
        except NoTargets:
            every[0].add_error(None, _("No charge point matches."))
        except InvalidProfile as error:
            for problem in error.problems:
                place.add_error(None, f"{problem.sentence} ({problem.reason})")
    chosen = {} if picked is None else {"stations": request.POST["stations"]}
    title = _("Send %(name)s to charge points") % {"name": template.name}
    if picked is not None:
        number = picked.count()
        text = ngettext("Send %(name)s to %(n)d charge point", "Send %(name)s to %(n)d charge points", number)
        title = text % {"name": template.name, "n": number}
    return page(
        request,
        "office/command_form.html",
        title=title,
        forms=every,
        hidden={**chosen, "step": "check"},
        back=reverse("admin:smartcharging_profiletemplate_change", args=[template.pk]),
        button=_("Look it over"),
        online=True,
    )


@dataclass(frozen=True, slots=True)
class Meant:
    """Who, and what they were chosen by, for people."""

    stations: QuerySet[ChargePoint]
    chosen_by: dict[str, Any]


def _meant(picked: QuerySet[ChargePoint] | None, asked: StationsForm | None) -> Meant:
    if picked is not None:
        return Meant(picked, {})
    assert asked is not None  # noqa: S101 (one of the two says who)
    return Meant(asked.cleaned_data["stations"], asked.cleaned_data["chosen_by"])


def _checked(
    request: HttpRequest, template: ProfileTemplate, meant: Meant, place: PlaceForm, sending: SendManyForm
) -> HttpResponse:
    """Raises NoTargets; InvalidProfile where it suits none of them."""
    if request.POST.get("step") == "send":
        return _send(request, template, meant, place, sending)
    if not meant.stations.exists():
        raise NoTargets
    ids, number = _ids(meant.stations), place.cleaned_data["connector"]
    problems = unsuited(ids, number, profile_to_send(template), PATH)
    if len(problems) == len(ids):
        raise InvalidProfile(next(iter(problems.values())))
    return _confirm(request, template, meant.stations, number, problems)


def _send(
    request: HttpRequest, template: ProfileTemplate, meant: Meant, place: PlaceForm, sending: SendManyForm
) -> HttpResponse:
    bulk = set_many(
        stations=meant.stations,
        evse_number=place.cleaned_data["connector"],
        profile=profile_to_send(template),
        requested_by=request.user.get_username(),
        origin="admin",
        chosen_by=meant.chosen_by,
        template_id=template.pk,
        order_id=order_of(request),
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
    suited = stations.exclude(pk__in=list(problems))
    skipped = [(row, problems[row.pk][0].sentence) for row in _some(stations.filter(pk__in=list(problems)))]
    zone = zone_of_tenant(request)
    meant = who(suited)
    title = ngettext("Send %(name)s to %(n)d charge point?", "Send %(name)s to %(n)d charge points?", meant["number"])
    return page(
        request,
        "office/profiles_confirm.html",
        title=title % {"name": template.name, "n": meant["number"]},
        template=template,
        place=connector_said(number),
        words=profile_in_words(profile_to_send(template), zone),
        config=alone(profile_to_send(template), now=timezone.now(), zone=zone),
        who=meant,
        skipped=skipped,
        skipped_number=len(problems),
        hidden={**kept_fields(request), "step": "send", "order": str(uuid4())},
        waits=bool(request.POST.get("wait_until")),
        back=reverse("admin:profile_template_to_many", args=[template.pk]),
    )


def _some(stations: QuerySet[ChargePoint]) -> list[ChargePoint]:
    return list(stations.order_by("identity_key")[:SHOWN])


def _ids(stations: QuerySet[ChargePoint]) -> list[int]:
    return list(stations.order_by().values_list("pk", flat=True).distinct())
