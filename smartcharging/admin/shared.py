"""What this app's pages of a charge point have in common."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from chargepoints.admin.sections import tabs_of
from chargepoints.models import ChargePoint

LONGEST_SEARCH = 120


def page_context(request: HttpRequest, station: ChargePoint, active: str) -> dict[str, Any]:
    """The site's own, the station, its tabs."""
    return {
        **admin.site.each_context(request),
        "station": station,
        "subtitle": station.name,
        "tabs": tabs_of("charge_point", request, station.pk, active),
    }


def number_asked(text: str) -> int | None:
    """A row's number as it stands in an address; None: none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def search_asked(request: HttpRequest) -> str:
    """What is searched for, as it stands in the address. No text column holds a NUL."""
    return request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
