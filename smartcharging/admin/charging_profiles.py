"""The tab of a charge point's charging profiles: what it holds, what follows of it as a picture, what it held before."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.models import ChargePoint, Evse, StationConnection
from chargepoints.services.commands import StationOffline, send_command
from smartcharging.admin.pictures import compare, in_words, line, picture, schedule_points, shown_unit, texts
from smartcharging.admin.pills import pill
from smartcharging.admin.profile_words import (
    connector_said,
    detail_said,
    periods_said,
    source_said,
    times_said,
    validity_said,
)
from smartcharging.admin.reported import last_answer
from smartcharging.admin.shared import number_asked
from smartcharging.admin.zones import zone_of_station
from smartcharging.models import ChargingProfile, ScheduleCheck
from smartcharging.profiles.shapes import Unit
from smartcharging.profiles.units import convert_composite
from smartcharging.selectors import charging_profiles, composite_of, profile_of, voltage_of
from smartcharging.services.drift import ACTION
from smartcharging.services.profiles import station_limits
from tenants.admin.base import has_role
from tenants.models import Role

PAGE = "charge_point_profiles"
DAY_S = 24 * 3600
HISTORY = 50
MOST_SAID = 20
MOST_CONNECTORS = 200
UNITS: tuple[Unit, ...] = ("A", "W")
State = ChargingProfile.State
LIVE = (State.INSTALLED, State.SENDING)


@register_view("charge_point", "profiles/", name=PAGE, title=gettext_lazy("Charging profiles"), order=30)
def profiles_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """What lies in the station; the picture is of one connector (`?connector=`)."""
    zone, now = zone_of_station(request, station), timezone.now()
    rows = list(charging_profiles().filter(charge_point=station, state__in=LIVE).order_by(*_ORDER))
    ended = charging_profiles().filter(charge_point=station).exclude(state__in=LIVE).order_by("-created_at", "-pk")
    numbers = connectors_of(station)
    chosen = _chosen(request, numbers)
    with timezone.override(zone):
        context = {
            **admin.site.each_context(request),
            "title": station.identity,
            "subtitle": station.name,
            "station": station,
            "tabs": tabs_of("charge_point", request, station.pk, PAGE),
            "zone": zone.key,
            "live": StationConnection.objects.live().filter(charge_point=station).exists(),
            "may_operate": has_role(request, Role.OPERATOR),
            "connectors": [(number, connector_said(number), number == chosen) for number in numbers],
            "chosen": chosen,
            "places": _by_connector(rows, zone),
            "history": [profile_said(row, zone) for row in ended[:HISTORY]],
            **_picture(station, chosen, zone, now),
        }
        return render(request, "office/charging_profiles.html", context)


def profile_said(row: ChargingProfile, zone: ZoneInfo) -> dict[str, Any]:
    """A row of the tables."""
    profile = profile_of(row)
    return {
        "row": row,
        "connector": connector_said(row.evse_number),
        "state": state_pill(row),
        "times": times_said(profile),
        "periods": periods_said(profile, zone),
        "validity": validity_said(row.valid_from, row.valid_to, zone),
        "source": source_said(row),
        "detail": detail_said(row),
    }


def state_pill(row: ChargingProfile) -> SafeString:
    return pill(row.state, row.get_state_display())


def connectors_of(station: ChargePoint) -> list[int]:
    """0, the whole station, and its connectors."""
    known = Evse.objects.filter(charge_point=station, number__gt=0).order_by("number")
    return [*known.values_list("number", flat=True)[:MOST_CONNECTORS], 0]


_ORDER = ("evse_number", "purpose", "-stack_level", "-created_at")


def _by_connector(rows: list[ChargingProfile], zone: ZoneInfo) -> list[tuple[str, int, list[dict[str, Any]]]]:
    """(name, number, its profiles), as far as there are any."""
    numbers = sorted({row.evse_number for row in rows}, key=lambda number: (number == 0, number))
    return [
        (connector_said(number), number, [profile_said(row, zone) for row in rows if row.evse_number == number])
        for number in numbers
    ]


def _chosen(request: HttpRequest, numbers: list[int]) -> int:
    asked = request.GET.get("connector", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 6 and int(asked) in numbers:
        return int(asked)
    return numbers[0]


# --- the picture ---


def _picture(station: ChargePoint, number: int, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """Ours and the one that the station reported last, over the next 24 hours, in both units."""
    start = now.replace(second=0, microsecond=0)
    volts = voltage_of(station.pk, number)
    reported = last_answer(station.pk, number, start)
    charts: dict[str, Any] = {}
    said: list[str] = []
    for unit in UNITS:
        name, _divisor = shown_unit(unit)
        ours = composite_of(station, number, start, DAY_S, unit)
        lines = [line(_("Ours"), schedule_points(ours, start=start, duration_s=DAY_S, unit=unit), name)]
        if reported is not None and reported.periods:
            theirs = convert_composite(reported.periods, reported.unit, unit, voltage=volts)
            points = schedule_points(theirs, start=start, duration_s=reported.length_s, unit=unit)
            lines.append(line(_("Reported by the charge point"), points, name))
            if unit == reported.unit and number:
                found = compare(ours, theirs, start=start, duration_s=reported.length_s, unit=unit)
                said = [in_words(stretch, unit=unit, zone=zone) for stretch in found[:MOST_SAID]]
        charts[unit] = picture(lines, start=start, end=start + timedelta(seconds=DAY_S), unit=name)
    check = ScheduleCheck.objects.filter(charge_point=station, evse_number=number).first()
    return {
        "check": check,
        "check_pill": pill(check.result, check.get_result_display()) if check is not None else "",
        "reported": reported,
        "differences": said,
        "config": {"zone": zone.key, "unit": "A", "texts": texts(), "charts": {"composite": charts}},
    }


@register_view("charge_point", "profiles/ask/", name="charge_point_profiles_ask", role=Role.OPERATOR)
def ask_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """POST only: GetCompositeSchedule of one connector; its answer shows on the tab."""
    number = number_asked(request.POST.get("connector", ""))
    if request.method != "POST" or number not in connectors_of(station):
        raise Http404
    units = station_limits(station).units
    try:
        send_command(
            charge_point=station,
            action=ACTION,
            payload={"connectorId": number, "duration": DAY_S, "chargingRateUnit": "A" if "A" in units else "W"},
            requested_by=request.user.get_username(),
            origin="admin",
        )
    except StationOffline:
        messages.error(request, _("The charge point is offline: nothing was sent."))
    return HttpResponseRedirect(reverse(f"admin:{PAGE}", args=[station.pk]) + f"?connector={number}")
