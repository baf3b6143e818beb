"""The alerts of a charge point: what is open first, the past below; acknowledged and resolved on the spot."""

from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from chargepoints.admin.pills import pill
from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.models import ChargePoint
from metering.alerts.selectors import UNRESOLVED, inbox
from metering.alerts.services import AlreadyHandled, acknowledge_alert, resolve_alert
from metering.alerts.words import describe
from metering.models import Alert
from tenants.admin.base import has_role
from tenants.api.cursors import read_cursor, write_cursor
from tenants.models import Role

PAGE: Final = "charge_point_alerts"
# So many may be open at a time; more of them say nothing new.
OPEN_ROWS = 100
PAST_ROWS = 50
LONGEST_NOTE = 500
LONGEST_REASON = 150
Status = Alert.Status


@register_view("charge_point", "alerts/", name=PAGE, title=gettext_lazy("Alerts"), order=24)
def alerts_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """A POST acknowledges or resolves those that are ticked; `?cursor=` goes back in the past ones."""
    if request.method == "POST":
        return _handle(request, station)
    unresolved = inbox().filter(charge_point=station, status__in=UNRESOLVED).order_by("turn", "-rank", "-opened_at")
    past, following = _past(station, request.GET.get("cursor", ""))
    context = {
        **admin.site.each_context(request),
        "title": _("Alerts of %(station)s") % {"station": station.identity},
        "station": station,
        "tabs": tabs_of("charge_point", request, station.pk, PAGE),
        "unresolved": [_shown(one) for one in unresolved[:OPEN_ROWS]],
        "past": [_shown(one) for one in past],
        "older": f"cursor={following}" if following else "",
        "later": "cursor" in request.GET,
        "may_operate": has_role(request, Role.OPERATOR),
        "longest": LONGEST_NOTE,
    }
    return TemplateResponse(request, "office/station_alerts_page.html", context)


def _past(station: ChargePoint, cursor: str) -> tuple[list[Alert], str]:
    rows = Alert.objects.filter(charge_point=station, status=Status.RESOLVED).select_related("charge_point")
    if cursor:
        try:
            at, (pk,) = read_cursor(cursor)
        except ValueError:
            return [], ""
        rows = rows.filter(Q(opened_at__lt=at) | Q(opened_at=at, pk__lt=pk))
    page = list(rows.order_by("-opened_at", "-pk")[: PAST_ROWS + 1])
    if len(page) <= PAST_ROWS:
        return page, ""
    return page[:PAST_ROWS], write_cursor(page[PAST_ROWS - 1].opened_at, page[PAST_ROWS - 1].pk)


def _shown(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert,
        "severity": pill(alert.severity, alert.get_severity_display()),
        "state": pill(alert.status, alert.get_status_display()),
        "said": describe(alert),
    }


def _handle(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    what, text = request.POST.get("do", ""), request.POST.get("text", "").strip()
    if what not in {"acknowledge", "resolve"} or not has_role(request, Role.OPERATOR):
        raise Http404
    back = HttpResponseRedirect(reverse(f"admin:{PAGE}", args=[station.pk]))
    chosen = _chosen(request, station)
    if not chosen:
        messages.warning(request, _("Tick the alerts first."))
    elif what == "resolve" and not text:
        messages.error(request, _("Say why they are over: the reason is kept with them."))
    else:
        _do(request, chosen, what, text)
    return back


def _chosen(request: HttpRequest, station: ChargePoint) -> list[Alert]:
    ids = [int(part) for part in request.POST.getlist("alert") if part.isascii() and part.isdigit() and len(part) < 19]
    return list(inbox().filter(charge_point=station, pk__in=ids[:OPEN_ROWS]).order_by("pk"))


def _do(request: HttpRequest, chosen: list[Alert], what: str, text: str) -> None:
    late = 0
    for alert in chosen:
        try:
            _do_one(request.user.get_username(), alert, what, text)
        except AlreadyHandled:
            late += 1
    if done := len(chosen) - late:
        messages.success(request, ngettext("%d alert done.", "%d alerts done.", done) % done)
    if late:
        said = ngettext("%d alert had been dealt with already.", "%d alerts had been dealt with already.", late)
        messages.warning(request, said % late)


def _do_one(actor: str, alert: Alert, what: str, text: str) -> None:
    if what == "acknowledge":
        acknowledge_alert(alert=alert, actor=actor, note=text[:LONGEST_NOTE], origin="admin")
    else:
        resolve_alert(alert=alert, actor=actor, reason=text[:LONGEST_REASON], origin="admin")
