"""Where the overview's pages and answers are."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from csms.dashboard import all_tenants_page, views


def overview_urls(wrap: Callable[..., Any]) -> list[URLPattern]:
    """`wrap` is the site's `admin_view`."""
    return [
        path("tiles/", wrap(views.tiles), name="overview_tiles"),
        path("overview/charts/", wrap(views.charts), name="overview_charts"),
        path("overview/uptime/", wrap(views.uptime), name="overview_uptime"),
        path("overview/steps/dismiss/", wrap(views.dismiss_steps), name="dismiss_first_steps"),
        path("all-tenants/", wrap(all_tenants_page.all_tenants), name="all_tenants"),
        path("all-tenants/rows/", wrap(all_tenants_page.all_tenants_rows), name="all_tenants_rows"),
    ]
