"""The first page of a charge point: how it is, what its connectors do, how it is reached, what happened last.

What changes by itself is in `live_context`, fetched every few seconds; the rest is made once.
"""

from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from chargepoints.admin.command_shown import listed
from chargepoints.admin.pills import pill
from chargepoints.admin.sections import connector_figures, register_view, sections_of, tabs_of
from chargepoints.admin.station_actions import running_sessions
from chargepoints.admin.station_sessions import duration_said, kw, kwh
from chargepoints.admin.uptime import uptime_strip
from chargepoints.models import (
    ChargePoint,
    ChargePointNote,
    Command,
    Connector,
    PastConnection,
    Registration,
    Reservation,
    StationConnection,
    Transaction,
)
from chargepoints.selectors import connectors_of
from chargepoints.uptime_selectors import uptime_days
from tenants.admin.base import has_role
from tenants.models import Role

UPTIME_DAYS = 60
LAST_SESSIONS = LAST_COMMANDS = 6
LAST_CONNECTIONS = 4
# Answers of so many commands say how long the way to the station and back takes.
ROUND_TRIPS = 20
MOST_CONNECTORS = 200
BROKEN = {"Faulted", "Unavailable"}


@dataclass(frozen=True, slots=True)
class ConnectorRow:
    """A connector as it stands on the page."""

    connector: Connector
    state: SafeString
    error: str
    session: Transaction | None
    reservation: Reservation | None
    figures: list[tuple[str | Promise, str]]

    @property
    def kw(self) -> str:
        return kw(self.session.last_power_w) if self.session else ""

    @property
    def kwh(self) -> str:
        return kwh(self.session.energy_wh) if self.session else ""

    @property
    def duration(self) -> str:
        return duration_said(self.session.started_at, None) if self.session else ""

    @property
    def out_of_service(self) -> bool:
        return self.connector.status == "Unavailable"


def overview(request: HttpRequest, station: ChargePoint) -> TemplateResponse:
    """The page."""
    commands = list(Command.objects.filter(charge_point=station)[:ROUND_TRIPS])
    context = {
        **admin.site.each_context(request),
        "title": f"{station.identity} · {station.name}" if station.name else station.identity,
        "station": station,
        "tabs": tabs_of("charge_point", request, station.pk),
        **live_context(request, station),
        "strip": uptime_strip(uptime_days([station.pk], UPTIME_DAYS)),
        "uptime_days": UPTIME_DAYS,
        "round_trip": _round_trip(commands),
        "commands": listed(commands[:LAST_COMMANDS]),
        "sessions": [
            (one, pill(one.state, one.get_state_display()), kwh(one.energy_wh))
            for one in Transaction.objects.filter(charge_point=station).select_related("evse")[:LAST_SESSIONS]
        ],
        "past": list(PastConnection.objects.filter(charge_point=station).order_by("-ended_at")[:LAST_CONNECTIONS]),
        "note": ChargePointNote.objects.filter(charge_point=station).first(),
        "boot_facts": _boot_facts(station),
        "may_administer": has_role(request, Role.ADMIN),
        **sections_of("charge_point", request, station),
    }
    return TemplateResponse(request, "office/charge_point.html", context)


@register_view("charge_point", "live/", name="charge_point_live")
def live_view(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """The part of the page that changes."""
    answer = render(request, "office/charge_point_live.html", live_context(request, station))
    answer["Cache-Control"] = "private, no-store"
    return answer


def live_context(request: HttpRequest, station: ChargePoint) -> dict[str, Any]:
    """Connection and connectors. As many queries for many connectors as for one."""
    live = StationConnection.objects.live().select_related("gateway").filter(charge_point=station).first()
    connectors = list(connectors_of(station).order_by("evse__number", "number")[:MOST_CONNECTORS])
    sessions = {one.connector_id: one for one in reversed(running_sessions(station))}
    by_evse = {one.evse.number: one for one in sessions.values()}
    figures = connector_figures(request, station, {one.evse.number: by_evse.get(one.evse.number) for one in connectors})
    reserved = _reserved(station)
    rows = [
        ConnectorRow(
            connector=one,
            state=pill(one.status, one.get_status_display()),
            error=_error(one.error_code, one.info, one.vendor_error_code),
            session=sessions.get(one.pk),
            reservation=reserved.get(one.evse.number),
            figures=figures[one.evse.number],
        )
        for one in connectors
    ]
    return {
        "station": station,
        "live": live,
        "presence": _presence(station, live),
        "station_error": _error(station.error_code, station.status_info, ""),
        "station_status": pill(station.status, station.get_status_display()) if station.status in BROKEN else "",
        "rows": rows,
        # Of a start that named no connector.
        "elsewhere": [one for one in sessions.values() if one.evse.number == 0],
        "reserved_any": reserved.get(0),
        "advice": _advice(station, live, rows),
        "now": timezone.now(),
        "may_operate": has_role(request, Role.OPERATOR),
    }


def _presence(station: ChargePoint, live: StationConnection | None) -> SafeString:
    if station.registration != Registration.ACCEPTED:
        return pill(station.registration, station.get_registration_display())
    if live is not None:
        return pill("Online", _("Online"))
    return pill("Offline", _("Offline") if station.last_seen_at else _("Never connected"))


def _advice(station: ChargePoint, live: StationConnection | None, rows: list[ConnectorRow]) -> list[str]:
    """What to do next, where something is wrong."""
    said = []
    if station.registration == Registration.PENDING:
        said.append(_("It waits for someone to accept it: until then it may not charge. See Settings."))
    if station.registration == Registration.REJECTED:
        said.append(_("It is rejected: it may connect and boot, and nothing else."))
    if live is None and not station.last_seen_at:
        said.append(_("Enter the address, the identity and the password in the station's own settings."))
    elif live is None:
        said.append(_("Nothing can be sent now. Commands that may wait go out when it comes back."))
    if any(row.connector.status == "Faulted" for row in rows) and live is not None:
        said.append(
            _(
                "A connector reports a fault. A restart often clears it; if it comes back, look at the cable and the OCPP log."
            )
        )
    if not rows and live is not None:
        said.append(_("It has not told of a connector yet. Ask it for a StatusNotification."))
    return said


def _error(code: str, info: str, vendor_code: str) -> str:
    parts = ["" if code == "NoError" else code, vendor_code, info]
    return " · ".join(part for part in parts if part)


def _reserved(station: ChargePoint) -> dict[int, Reservation]:
    rows = Reservation.objects.filter(charge_point=station, state__in=Reservation.OPEN, expires_at__gt=timezone.now())
    return {row.evse_number: row for row in rows.order_by("-created_at")[:MOST_CONNECTORS]}


def _round_trip(commands: list[Command]) -> str:
    """The median time from a command to its answer, of the last ones that were answered. OCPP 1.6 has no ping."""
    times = [
        (one.finished_at - one.sent_at) / timedelta(milliseconds=1)
        for one in commands
        if one.reply is not None and one.sent_at is not None and one.finished_at is not None
    ]
    return _("%(time)s ms (%(count)s answers)") % {"time": round(median(times)), "count": len(times)} if times else ""


def _boot_facts(station: ChargePoint) -> list[tuple[str, str]]:
    """What BootNotification said beside what has a column."""
    known = {
        "chargePointVendor",
        "chargePointModel",
        "chargePointSerialNumber",
        "chargeBoxSerialNumber",
        "firmwareVersion",
    }
    return [(name, str(value)) for name, value in station.boot_info.items() if name not in known and value][:12]
