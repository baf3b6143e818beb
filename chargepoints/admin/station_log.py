"""The OCPP log of a charge point: filtered, followed live, taken away as a file."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.message_export import csv_of_messages, json_lines_of_messages
from chargepoints.admin.message_forms import MessageFilter, known_actions
from chargepoints.admin.message_rows import message_rows
from chargepoints.admin.messages import PAGE as ROWS
from chargepoints.admin.messages import listed
from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.message_pairs import find_messages
from chargepoints.models import ChargePoint
from tenants.services.audit import record

PAGE: Final = "charge_point_log"
# Lines reach the table a moment after their time, and answers after their calls: each look goes back by this much.
BACK = timedelta(seconds=40)


@register_view("charge_point", "log/", name=PAGE, title=_("OCPP log"), order=55)
def log_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """The newest first; `?cursor=` goes back."""
    form = MessageFilter(request.GET, label_suffix="")
    shown = listed(request, form, station.pk)
    context = {
        **admin.site.each_context(request),
        "title": _("OCPP log of %(station)s") % {"station": station.identity},
        "station": station,
        "tabs": tabs_of("charge_point", request, station.pk, PAGE),
        "actions": known_actions(station.ocpp_version),
        "tail": reverse("admin:charge_point_log_tail", args=[station.pk]),
        # What has an end in the past gets no new lines.
        "follows": form.is_valid() and not form.cleaned_data["end"] and not shown["later"],
        **shown,
    }
    return TemplateResponse(request, "office/station_log.html", context)


@register_view("charge_point", "log/tail/", name="charge_point_log_tail")
def log_tail(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """Rows since `?since=` (a row's key; without one the newest), and those shortly before: some have been answered."""
    form = MessageFilter(request.GET, label_suffix="")
    if not form.is_valid():
        return HttpResponse(status=400)
    query = form.query(station.pk)
    since = _moment(request.GET.get("since", ""))
    if since is not None and (query.start is None or query.start < since - BACK):
        query = replace(query, start=since - BACK)
    pairs, _following = find_messages(query, limit=ROWS)
    answer = render(request, "office/message_table.html", {"rows": message_rows(pairs)})
    answer["Cache-Control"] = "private, no-store"
    return answer


@register_view("charge_point", "log/export/", name="charge_point_log_export")
def log_export(request: HttpRequest, station: ChargePoint) -> HttpResponseBase:
    """What the filter finds, all of it: `?as=csv` or `?as=jsonl`."""
    form = MessageFilter(request.GET, label_suffix="")
    kind = request.GET.get("as", "csv")
    if not form.is_valid() or kind not in ("csv", "jsonl"):
        return HttpResponse(status=400)
    filters = {name: str(value) for name, value in form.cleaned_data.items() if value not in (None, "", False)}
    changes = {"what": "OCPP log", "as": kind, "filters": filters}
    record(actor=request.user.get_username(), origin="admin", action="export", target=station, changes=changes)
    export = csv_of_messages if kind == "csv" else json_lines_of_messages
    stamp = timezone.localtime().strftime("%Y%m%dT%H%M%S")
    return export(
        request,
        tenant_id=station.tenant_id,
        query=form.query(station.pk),
        filename=f"ocpp-{station.identity}-{stamp}",
    )


def _moment(key: str) -> datetime | None:
    """The time of a row's key; None for what isn't one."""
    try:
        moment = datetime.fromisoformat(key.partition("~")[0])
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None and moment.year > 1 else None
    except ValueError:
        return None
