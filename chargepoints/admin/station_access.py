"""Whether a charge point may sign in and work: its password, accepting and rejecting it. For administrators."""

from dataclasses import dataclass
from typing import Final

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.sections import tabs_of
from chargepoints.models import ChargePoint, Registration
from chargepoints.services.provisioning import set_password, set_registration
from tenants.admin.base import has_role
from tenants.models import Role
from tenants.services.audit import record


@dataclass(frozen=True, slots=True)
class Question:
    """`title` has a place for the station."""

    title: str | Promise
    consequence: str | Promise
    button: str | Promise


QUESTIONS: Final = {
    "password": Question(
        _("Give %(station)s a new password"),
        _("The present password stops working: the station can't sign in until the new one is set in it."),
        _("New password"),
    ),
    "accept": Question(
        _("Accept %(station)s"),
        _("At its next BootNotification the station is told that it may work."),
        _("Accept"),
    ),
    "reject": Question(
        _("Reject %(station)s"),
        _("At its next BootNotification the station is told that it may not work; sessions are refused."),
        _("Reject"),
    ),
}
REGISTRATIONS: Final = {"accept": Registration.ACCEPTED, "reject": Registration.REJECTED}


def do_page(request: HttpRequest, station: ChargePoint, what: str) -> HttpResponse:
    """Asks; a POST does it. A 404 for who may not."""
    question = QUESTIONS.get(what)
    if question is None or not has_role(request, Role.ADMIN):
        raise Http404
    back = reverse("admin:chargepoints_chargepoint_change", args=[station.pk])
    if request.method != "POST":
        context = {
            **admin.site.each_context(request),
            "title": question.title % {"station": station.identity},
            "tabs": tabs_of("charge_point", request, station.pk),
            "consequence": question.consequence,
            "button": question.button,
            "online": True,
            "back": back,
        }
        return TemplateResponse(request, "office/station_action.html", context)
    changes = {}
    if what == "password":
        messages.warning(request, password_shown(set_password(station)))
    else:
        changes["registration"] = [station.registration, str(REGISTRATIONS[what])]
        set_registration(station, REGISTRATIONS[what])
    record(actor=request.user.get_username(), origin="admin", action=what, target=station, changes=changes)
    return HttpResponseRedirect(back)


def password_shown(password: str) -> SafeString:
    """Once."""
    text = _("The password is %(password)s — copy it now, it is not shown again.") % {"password": password}
    return format_html("{}", text)
