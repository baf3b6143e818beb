"""The tab of a charge point's local authorization list."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.models import ChargePoint, LocalAuthList
from chargepoints.services.commands import StationOffline
from chargepoints.services.local_list import ListRefused, ask_version, limits_of, manage_list, send_list, wanted_of
from chargepoints.services.local_list_entries import drift
from tenants.admin.base import has_role
from tenants.models import Role

PAGE = "charge_point_local_list"
SHOWN = 200
COLOURS = {
    "in_step": "accepted",
    "sending": "queued",
    "failed": "failed",
    "unsupported": "cancelled",
    "unknown": "cancelled",
}


@register_view("charge_point", "local-list/", name=PAGE, title=_("Local list"), order=60)
def local_list_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """What it holds against what it should; a POST sends or manages it."""
    if request.method == "POST":
        if not has_role(request, Role.OPERATOR):
            raise PermissionDenied
        _act(request, station)
        return HttpResponseRedirect(reverse(f"admin:{PAGE}", args=[station.pk]))
    row = LocalAuthList.objects.filter(charge_point=station).first() or LocalAuthList(charge_point=station)
    wanted = wanted_of(station, timezone.now())
    found = drift(row.entries, wanted)
    rows = [
        *((token, pill("Pending", str(_("missing")))) for token in found.missing),
        *((token, pill("Pending", str(_("differs")))) for token in found.outdated),
        *((token, pill("Pending", str(_("should not be there")))) for token in found.surplus),
    ]
    context = {
        **admin.site.each_context(request),
        "title": _("Local list of %(station)s") % {"station": station.identity},
        "tabs": tabs_of("charge_point", request, station.pk, PAGE),
        "row": row,
        "shown": pill(COLOURS[row.state], row.get_state_display()),
        "held": len(row.entries),
        "wanted": len(wanted),
        "limits": limits_of(station),
        "rows": rows[:SHOWN],
        "more": max(0, len(rows) - SHOWN),
        "may_operate": has_role(request, Role.OPERATOR),
    }
    return TemplateResponse(request, "office/local_list.html", context)


def _act(request: HttpRequest, station: ChargePoint) -> None:
    what, actor = request.POST.get("do"), request.user.get_username()
    try:
        if what in {"manage", "unmanage"}:
            manage_list(station=station, managed=what == "manage", actor=actor, origin="admin")
            messages.success(request, _("Kept."))
        elif what in {"full", "differential"}:
            kind = "Full" if what == "full" else "Differential"
            send_list(station=station, update_type=kind, tokens=None, requested_by=actor, origin="admin")
            messages.success(request, _("On its way; what the station answers shows here in a moment."))
        elif what == "version":
            ask_version(station=station, requested_by=actor, origin="admin")
            messages.success(request, _("The station was asked; what it answers shows here in a moment."))
    except StationOffline:
        messages.error(request, _("The station is offline: nothing was sent."))
    except ListRefused as refused:
        messages.error(request, str(refused))
