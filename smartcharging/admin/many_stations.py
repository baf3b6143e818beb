"""What this app adds to the work on many charge points from their list."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.bulk_actions import STATION_ACTIONS, Stations, begin
from smartcharging.admin.profiles_to_many import choose_template_page


@admin.action(description=_("Send a charging profile …"))
def profile_to_many(page: Any, request: HttpRequest, queryset: Stations) -> HttpResponse | None:
    """Which template, where, then who is meant."""
    return begin(request, queryset, choose_template_page)


# Before "another command", which stands last.
STATION_ACTIONS.insert(len(STATION_ACTIONS) - 1, profile_to_many)
