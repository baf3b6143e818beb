"""The page of the live board. What is on it comes by the socket (`board_socket`)."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.templatetags.static import static
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
# The counts of a site on the map, what needs somebody first: a site looks like the first that it has one of.
GROUPS: dict[str, tuple[str, ...]] = {
    "faulted": ("Faulted",),
    "offline": (OFFLINE, NEVER_SEEN),
    "charging": ("Charging", "SuspendedEV", "SuspendedEVSE"),
    "free": ("Available",),
    "other": (),
}
MOST_ZOOM = 19


def board_page(request: HttpRequest) -> HttpResponse:
    """For everybody in the tenant, also while it is suspended."""
    context = {
        **admin.site.each_context(request),
        "title": _("Live board"),
        "socket_path": PATH,
        "station_url": reverse("admin:chargepoints_chargepoint_change", args=[0]),
        "session_url": reverse("admin:chargepoints_transaction_change", args=[0]),
        "site_url": reverse("admin:chargepoints_site_change", args=[0]),
        "words": words(),
        "map": map_config(),
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


def map_config() -> dict[str, Any]:
    """What the map's script needs: where tiles come from (empty: nowhere), Leaflet's files, its words."""
    groups = {
        "faulted": "Faulted",
        "offline": OFFLINE,
        "charging": "Charging",
        "free": "Available",
        "other": "Reserved",
    }
    names = {
        "faulted": _("faulted"),
        "offline": _("offline"),
        "charging": _("charging"),
        "free": _("free"),
        "other": _("other"),
    }
    return {
        "tiles": settings.MAP_TILES_URL,
        "attribution": settings.MAP_TILES_ATTRIBUTION,
        "zoom": MOST_ZOOM,
        "script": static("leaflet/leaflet.js"),
        "style": static("leaflet/leaflet.css"),
        "groups": {
            group: {
                "statuses": list(statuses),
                "text": names[group],
                "icon": ICONS[groups[group]],
                "kind": COLOURS.get(groups[group], "off"),
            }
            for group, statuses in GROUPS.items()
        },
        "words": {
            "sites": _("sites"),
            "noPlace": _("no coordinates"),
            "setPlace": _("Set them"),
            "asTiles": _("Show as tiles"),
            "more": _("and {count} more"),
            "close": _("Close"),
            "zoomIn": _("Zoom in"),
            "zoomOut": _("Zoom out"),
            "failed": _("The map could not be loaded."),
        },
    }
