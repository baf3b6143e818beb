"""Commands to one charge point: choose the action, fill in its form, watch what becomes of it; the last ones below."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.command_forms import PayloadForm, SendOneForm, action_groups
from chargepoints.admin.command_shown import command_shown, listed, sent_page
from chargepoints.admin.reserve import ReserveForm
from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.models import ChargePoint, Command
from chargepoints.protocol.errors import OcppError
from chargepoints.services.commands import StationOffline, send_command
from tenants.models import Role

PAGE = "charge_point_send"
LAST = 20


@register_view("charge_point", "send/", name=PAGE, title=_("Commands"), order=40, role=Role.OPERATOR)
def send_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """Without `action` the list of them, and with `sent` what became of that one; with it the form; a POST sends."""
    version = station.ocpp_version or "1.6"
    action = request.GET.get("action", "")
    if not action:
        return _overview(request, station, version)
    bound = request.POST if request.method == "POST" else None
    if action == "ReserveNow":
        return _reserve(request, station, ReserveForm(bound, station=station))
    try:
        payload = PayloadForm(bound, version=version, action=action)
    except KeyError:
        raise Http404 from None
    sending = SendOneForm(bound)
    if request.method == "POST" and payload.is_valid() and sending.is_valid():
        try:
            command = send_command(
                charge_point=station,
                action=action,
                payload=payload.payload,
                requested_by=request.user.get_username(),
                origin="admin",
                timeout_s=sending.cleaned_data["timeout_s"],
                expires_at=sending.cleaned_data["wait_until"],
            )
        except StationOffline:
            sending.add_error(
                "wait_until", _("The charge point is offline. Say until when the command may wait for it.")
            )
        except OcppError as error:
            payload.add_faults(error)
        else:
            return HttpResponseRedirect(sent_page(command))
    title = _("%(action)s to %(station)s") % {"action": action, "station": station.identity}
    return _form_page(request, station, [payload, sending], title=title, button=_("Send"))


def _overview(request: HttpRequest, station: ChargePoint, version: str) -> HttpResponse:
    last = list(Command.objects.filter(charge_point=station)[:LAST])
    context = {
        "groups": action_groups(version),
        "title": _("Send a command to %(station)s") % {"station": station.identity},
        "online": getattr(station, "online", True),
        "last": listed(last),
        **_watched(request, station),
    }
    return _page(request, station, "office/command_choose.html", **context)


def _watched(request: HttpRequest, station: ChargePoint) -> dict[str, Any]:
    """The command that `?sent=` names, where it is one of this charge point's."""
    try:
        pk = UUID(request.GET["sent"])
    except (KeyError, ValueError):
        return {}
    command = Command.objects.filter(pk=pk, charge_point=station).first()
    return {} if command is None else command_shown(request, command)


def _reserve(request: HttpRequest, station: ChargePoint, form: ReserveForm) -> HttpResponse:
    if form.is_bound and form.is_valid() and (command := form.send(request.user.get_username())):
        return HttpResponseRedirect(sent_page(command))
    title = _("Reserve a connector of %(station)s") % {"station": station.identity}
    return _form_page(request, station, [form], title=title, button=_("Reserve"))


def _form_page(request: HttpRequest, station: ChargePoint, shown: list[Any], **context: Any) -> HttpResponse:
    back = reverse(f"admin:{PAGE}", args=[station.pk])
    online = getattr(station, "online", True)
    return _page(request, station, "office/command_form.html", forms=shown, back=back, online=online, **context)


def _page(request: HttpRequest, station: ChargePoint, template: str, **context: Any) -> HttpResponse:
    shared = admin.site.each_context(request)
    tabs = tabs_of("charge_point", request, station.pk, active=PAGE)
    return TemplateResponse(request, template, {**shared, "station": station, "tabs": tabs, **context})
