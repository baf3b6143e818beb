"""What an operator does most with a charge point: asked once, with the consequence in words, and sent.

`?connector=` and `?session=` fill in what the button stood beside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chargepoints.admin.command_shown import sent_page
from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.admin.station_forms import FORMS, ActionForm
from chargepoints.models import ChargePoint, Command, Transaction
from chargepoints.protocol.errors import OcppError
from chargepoints.services.commands import StationOffline, send_command
from chargepoints.services.remote_limits import keep_limits
from tenants.models import Role

MOST_SESSIONS = 200


@dataclass(frozen=True, slots=True)
class Action:
    """`call`: what the station is sent. `title` has a place for the station. `ends_sessions`: the page counts them."""

    call: str
    title: str | Promise
    consequence: str | Promise
    button: str | Promise
    ends_sessions: bool = False


ACTIONS: Final = {
    "start": Action(
        "RemoteStartTransaction",
        _("Start a session on %(station)s"),
        _("The station is asked to start charging for this driver."),
        _("Start"),
    ),
    "stop": Action(
        "RemoteStopTransaction",
        _("Stop a session on %(station)s"),
        _("Charging ends and the driver can unplug. What was charged until then is paid."),
        _("Stop charging"),
    ),
    "unlock": Action(
        "UnlockConnector",
        _("Unlock a connector of %(station)s"),
        _("The plug is let go. A session that runs on the connector is ended first."),
        _("Unlock"),
    ),
    "reset": Action(
        "Reset",
        _("Restart %(station)s"),
        _("It is offline for a minute or more. A hard restart may lose what the station has not told us yet."),
        _("Restart"),
        ends_sessions=True,
    ),
    "availability": Action(
        "ChangeAvailability",
        _("Take %(station)s in or out of service"),
        _(
            "Out of service nobody can start a session, also after a restart, until it is put back in service. "
            "A session that runs goes on to its end."
        ),
        _("Send"),
    ),
    "trigger": Action(
        "TriggerMessage",
        _("Ask %(station)s for a message"),
        _("The station sends the message as soon as it can. Nothing else changes."),
        _("Ask"),
    ),
}
NAMES: Final = {key: "charge_point_remote_start" if key == "start" else f"charge_point_{key}" for key in ACTIONS}


def running_sessions(station: ChargePoint) -> list[Transaction]:
    """By connector; refused starts aside."""
    running = Transaction.objects.filter(charge_point=station, state=Transaction.State.ACTIVE, verdict="Accepted")
    return list(running.select_related("evse").order_by("evse__number", "-started_at")[:MOST_SESSIONS])


def action_page(request: HttpRequest, station: ChargePoint, *, key: str) -> HttpResponse:
    """Asks; a POST sends, and leads to the page that shows what becomes of it."""
    action, sessions = ACTIONS[key], running_sessions(station)
    given = {name: request.GET[name] for name in ("connector", "session", "kind", "message") if name in request.GET}
    form = FORMS[key](
        request.POST if request.method == "POST" else None, station=station, sessions=sessions, initial=given
    )
    if request.method == "POST" and form.is_valid():
        return _sent(request, station, action, form)
    context = {
        **admin.site.each_context(request),
        "title": action.title % {"station": station.identity},
        "station": station,
        "tabs": tabs_of("charge_point", request, station.pk),
        "consequence": action.consequence,
        "running": _running_said(len(sessions)) if action.ends_sessions and sessions else "",
        "nothing_runs": key == "stop" and not sessions,
        "form": form,
        "button": action.button,
        "online": getattr(station, "online", True),
        "back": reverse("admin:chargepoints_chargepoint_change", args=[station.pk]),
    }
    return TemplateResponse(request, "office/station_action.html", context)


def _sent(request: HttpRequest, station: ChargePoint, action: Action, form: ActionForm) -> HttpResponse:
    try:
        command: Command = send_command(
            charge_point=station,
            action=action.call,
            payload=form.payload(),
            requested_by=request.user.get_username(),
            origin="admin",
        )
    except StationOffline:
        messages.error(request, _("The station is offline: nothing was sent."))
    except OcppError as error:
        messages.error(request, error.description)
    else:
        limits = form.limits()
        if limits is not None:
            keep_limits(command, limits)
        return HttpResponseRedirect(sent_page(command))
    return HttpResponseRedirect(reverse("admin:chargepoints_chargepoint_change", args=[station.pk]))


def _running_said(count: int) -> str:
    return ngettext("%d session is running: it ends.", "%d sessions are running: they end.", count) % count


def _register() -> None:
    for key, name in NAMES.items():
        path = "remote-start/" if key == "start" else f"act/{key}/"
        view: Callable[[HttpRequest, Any], HttpResponse] = partial(action_page, key=key)
        register_view("charge_point", path, name=name, role=Role.OPERATOR)(view)


_register()
