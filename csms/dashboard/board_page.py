"""The page of the live board. What is on it comes by the socket (`board_socket`)."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from chargepoints.admin.pills import COLOURS
from chargepoints.models import ConnectorStatus, Registration
from csms.dashboard.board import NEVER_SEEN, OFFLINE
from csms.dashboard.board_socket import PATH

# What needs somebody comes first in the row of counts.
ICONS = {
    "Faulted": "error",
    "Charging": "bolt",
    "SuspendedEV": "pause_circle",
    "SuspendedEVSE": "pause_circle",
    "Preparing": "ev_charger",
    "Finishing": "logout",
    "Reserved": "event_seat",
    "Available": "check_circle",
    "Unavailable": "block",
    OFFLINE: "wifi_off",
    NEVER_SEEN: "power_off",
    "Pending": "hourglass_empty",
    "Rejected": "do_not_disturb_on",
}


def board_page(request: HttpRequest) -> HttpResponse:
    """For everybody in the tenant, also while it is suspended."""
    context = {
        **admin.site.each_context(request),
        "title": _("Live board"),
        "socket_path": PATH,
        "station_url": reverse("admin:chargepoints_chargepoint_change", args=[0]),
        "session_url": reverse("admin:chargepoints_transaction_change", args=[0]),
        "words": words(),
    }
    return TemplateResponse(request, "office/board.html", context)


def words() -> dict[str, Any]:
    """What the script writes, in the person's language."""
    labels: dict[str, str] = {value: str(label) for value, label in ConnectorStatus.choices + Registration.choices}
    labels |= {OFFLINE: _("Offline"), NEVER_SEEN: _("Never connected")}
    return {
        "statuses": {
            status: {"text": labels[status], "kind": COLOURS.get(status, "off"), "icon": icon}
            for status, icon in ICONS.items()
        },
        "unknown": _("No status yet"),
        "noSite": _("Without a site"),
        "since": pgettext("followed by a duration", "for"),
        "was": pgettext("followed by a status", "was"),
        "days": _("d"),
        "sessions": _("charging"),
        "shown": _("shown"),
    }
