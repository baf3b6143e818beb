"""Look of the back office (django-unfold)."""

from typing import Any

UNFOLD_SETTINGS: dict[str, Any] = {
    "SITE_TITLE": "CSMS",
    "SITE_HEADER": "CSMS",
    "SITE_SYMBOL": "ev_station",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
}
