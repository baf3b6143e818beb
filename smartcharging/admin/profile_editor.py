"""The editor of a charging profile for one charge point: filled in, drawn while one types, checked, sent."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.models import ChargePoint, StationConnection
from chargepoints.services.commands import StationOffline
from smartcharging.admin.charging_profiles import PAGE, connectors_of
from smartcharging.admin.pictures import texts
from smartcharging.admin.profile_forms import StationProfileForm, values_of, values_of_template
from smartcharging.admin.profile_preview import preview
from smartcharging.admin.profile_words import connector_said
from smartcharging.admin.zones import zone_of_station
from smartcharging.models import ChargingProfile, ProfileTemplate
from smartcharging.profiles.problems import InvalidProfile
from smartcharging.selectors import profile_of
from smartcharging.services.profiles import check_profile, set_profile, station_limits
from smartcharging.services.templates import NameTaken, create_template
from tenants.admin.base import has_role
from tenants.models import Role

LONGEST_NAME = 80
# These stand with the table of periods.
LATER = ("duration", "valid_from", "valid_to", "min_rate")


@register_view("charge_point", "profiles/new/", name="charge_point_profile_new", role=Role.OPERATOR)
def profile_new(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """`?template=` and `?profile=` fill it in; a POST sends, or keeps it as a template."""
    zone = zone_of_station(request, station)
    with timezone.override(zone):
        form = _form(request, station)
        template_faults: list[str] = []
        if request.method == "POST" and form.is_valid():
            if request.POST.get("do") == "keep":
                kept = keep_as_template(request, form, template_faults)
                if kept is not None:
                    return HttpResponseRedirect(reverse("admin:smartcharging_profiletemplate_change", args=[kept.pk]))
            elif (sent := _send(request, station, form)) is not None:
                # Where its result shows live, as that of every command does.
                return HttpResponseRedirect(reverse("admin:chargepoints_command_change", args=[sent.command_id]))
        limits = station_limits(station)
        said = _("This charge point takes levels 0 to %(most)s, and %(periods)s periods.")
        context = {
            "title": _("A charging profile for %(station)s") % {"station": station.identity},
            "station": station,
            "tabs": tabs_of("charge_point", request, station.pk, PAGE),
            "offline": not StationConnection.objects.live().filter(charge_point=station).exists(),
            "levels": said % {"most": limits.max_stack_level, "periods": limits.max_periods},
            "preview": reverse("admin:charge_point_profile_preview", args=[station.pk]),
            "templates": _templates(station),
            "button": _("Send to the charge point"),
            "do": "send",
            "hidden": _origin(request),
            "back": reverse(f"admin:{PAGE}", args=[station.pk]),
            "with_result": True,
        }
        return editor_page(request, form, template_faults, **context)


@register_view("charge_point", "profiles/preview/", name="charge_point_profile_preview", role=Role.OPERATOR)
def profile_preview(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """POST only: what would follow of the form as it stands; faults at their fields."""
    if request.method != "POST":
        raise PermissionDenied
    zone, now = zone_of_station(request, station), timezone.now()
    with timezone.override(zone):
        form = _form(request, station)
        drawn, said = None, ""
        if form.is_valid():
            number, profile = form.cleaned_data["connector"], form.profile()
            form.refuse(check_profile(station, number, profile, now=now))
            first = next((one for one in connectors_of(station) if one), 1)
            drawn, said = preview(station, number, profile, now=now, zone=zone, first_connector=first)
        return answer_part(request, form, drawn, said)


def answer_part(request: HttpRequest, form: Any, drawn: dict[str, Any] | None, said: str = "") -> HttpResponse:
    """The part of the page that the server's preview fills."""
    context = {"answer": {"picture": drawn, "faults": form.faults}, "faulty": bool(form.faults), "said": said}
    return render(request, "office/profile_answer.html", context)


def editor_page(request: HttpRequest, form: Any, template_faults: list[str], **context: Any) -> HttpResponse:
    """The page of the editor; also for many charge points, and for templates."""
    shared = {
        **admin.site.each_context(request),
        "form": form,
        "later": LATER,
        "zone": form.zone.key,
        "config": {
            "zone": form.zone.key,
            "texts": {**texts(), "empty": _("Nothing to draw yet: fill in a time and a limit.")},
            "names": {"profile": _("Limit")},
        },
        "answer": {"picture": None, "faults": form.faults} if form.is_bound else None,
        "may_keep": has_role(request, Role.OPERATOR),
        "template_name": request.POST.get("template_name", ""),
        "template_faults": template_faults,
        "keep_open": bool(template_faults),
    }
    return render(request, "office/profile_editor.html", {**shared, **context})


def _form(request: HttpRequest, station: ChargePoint) -> StationProfileForm:
    zone = zone_of_station(request, station)
    choices = [(number, connector_said(number)) for number in connectors_of(station)]
    shared: dict[str, Any] = {"zone": zone, "now": timezone.now(), "connectors": choices}
    if request.method == "POST":
        return StationProfileForm(request.POST, **shared)
    initial: dict[str, Any] = {}
    template, row = _chosen(request, ProfileTemplate), _chosen(request, ChargingProfile)
    if template is not None:
        initial = values_of_template(template, zone)
    elif row is not None and row.charge_point_id == station.pk:
        initial = {**values_of(profile_of(row), zone), "connector": row.evse_number}
    initial.setdefault("connector", request.GET.get("connector") or choices[0][0])
    return StationProfileForm(initial=initial, **shared)


def _chosen(request: HttpRequest, model: Any) -> Any:
    """The row that the address names (`template`, `profile`)."""
    name = "template" if model is ProfileTemplate else "profile"
    asked = request.GET.get(name, "") or request.POST.get(f"from_{name}", "")
    return (
        model.objects.filter(pk=int(asked)).first() if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    )


def _origin(request: HttpRequest) -> dict[str, str]:
    """The template that the form began with goes along: the profile says where it is from."""
    template = _chosen(request, ProfileTemplate)
    return {"from_template": str(template.pk)} if template is not None else {}


def _templates(station: ChargePoint) -> list[tuple[str, str]]:
    address = reverse("admin:charge_point_profile_new", args=[station.pk])
    return [(f"{address}?template={one.pk}", one.name) for one in ProfileTemplate.objects.order_by("name")[:200]]


def _send(request: HttpRequest, station: ChargePoint, form: StationProfileForm) -> ChargingProfile | None:
    """None: refused, and said why at the form."""
    template = _chosen(request, ProfileTemplate)
    source = ChargingProfile.Source.PERSON if template is None else ChargingProfile.Source.TEMPLATE
    try:
        return set_profile(
            charge_point=station,
            evse_number=form.cleaned_data["connector"],
            profile=form.profile(),
            requested_by=request.user.get_username(),
            origin="admin",
            source=source,
            template_id=template.pk if template is not None else None,
        )
    except InvalidProfile as error:
        form.refuse(error.problems)
    except StationOffline:
        form.add_error(None, _("The charge point is offline: nothing was sent."))
    return None


def keep_as_template(request: HttpRequest, form: Any, faults: list[str]) -> ProfileTemplate | None:
    """The profile in the form under the name given beside it; None: refused, with the reason among `faults`."""
    name = request.POST.get("template_name", "").strip()
    if not 0 < len(name) <= LONGEST_NAME:
        faults.append(_("Give it a name of at most %(most)s characters.") % {"most": LONGEST_NAME})
        return None
    actor = request.user.get_username()
    try:
        kept = create_template(name=name, description="", profile=form.profile(), actor=actor, origin="admin")
    except NameTaken:
        faults.append(_("Another template has this name."))
    except InvalidProfile as error:
        form.refuse(error.problems)
    else:
        messages.success(request, _("Kept as a template."))
        return kept
    return None
