"""What can be done with many charge points from their list, ticked or all that match; and bringing them from a file.

Higher apps add theirs to STATION_ACTIONS.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.bulk import choose_page, form_page
from chargepoints.admin.bulk_choice import MOST_STATIONS, ids_of, stations_in
from chargepoints.admin.bulk_stations import (
    keys_page,
    keys_view,
    labels_page,
    labels_view,
    lists_page,
    lists_view,
)
from chargepoints.admin.rollouts import rollout_page
from chargepoints.admin.station_deletion import what_goes
from chargepoints.admin.station_files import blank_view, import_view, imported_view
from chargepoints.models import ChargePoint
from tenants.admin.base import TenantModelAdmin
from tenants.admin.paging import WorkedOnPaginator
from tenants.models import Role

Stations = QuerySet[ChargePoint]
Act = Callable[[Any, HttpRequest, Stations], HttpResponse | None]
# In the order of the list's menu; nothing is sent before a page has asked.
STATION_ACTIONS: list[str | Act] = [
    *("reset_many", "availability_of_many", "configure_many", "roll_out_to_many", "send_lists", "label_many"),
    "send_to_many",
]


def begin(
    request: HttpRequest, queryset: Stations, work: Callable[[HttpRequest, Stations], HttpResponse]
) -> HttpResponse | None:
    """`work` on those of the list, each once: its filters may name one several times. With `online`."""
    if queryset.order_by()[: MOST_STATIONS + 1].count() > MOST_STATIONS:
        # Their numbers are carried from page to page: a form that holds more can't be sent back.
        messages.error(request, _("At most %(most)s at once: filter the list first.") % {"most": MOST_STATIONS})
        return None
    stations = stations_in(ids_of(queryset))
    if not stations.exists():
        messages.warning(request, _("None of these charge points is there any more."))
        return None
    return work(request, stations)


class WorkOnMany(TenantModelAdmin):
    """Of the list of charge points."""

    # Sending commands; Django's deletion asks for its own role.
    action_role = Role.OPERATOR
    actions = STATION_ACTIONS
    paginator = WorkedOnPaginator
    list_before_template = "office/station_buttons.html"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("import/", wrap(import_view), name="station_import"),
            path("import/blank.csv", wrap(blank_view), name="station_import_blank"),
            path("import/done/", wrap(imported_view), name="station_imported"),
            path("labels/", wrap(labels_view), name="bulk_labels"),
            path("configure/", wrap(keys_view), name="bulk_keys"),
            path("local-lists/", wrap(lists_view), name="bulk_lists"),
        ]
        return [*own, *super().get_urls()]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        names, counts, kept = what_goes(objs)
        return names, counts, set(), kept

    @admin.action(description=_("Reset …"))
    def reset_many(self, request: HttpRequest, queryset: Stations) -> HttpResponse | None:
        return begin(request, queryset, partial(form_page, action="Reset"))

    @admin.action(description=_("Change availability …"))
    def availability_of_many(self, request: HttpRequest, queryset: Stations) -> HttpResponse | None:
        return begin(request, queryset, partial(form_page, action="ChangeAvailability"))

    @admin.action(description=_("Set configuration keys …"))
    def configure_many(self, request: HttpRequest, queryset: Stations) -> HttpResponse | None:
        return begin(request, queryset, keys_page)

    @admin.action(description=_("Roll out a firmware …"))
    def roll_out_to_many(self, request: HttpRequest, queryset: Stations) -> HttpResponse | None:
        return begin(request, queryset, rollout_page)

    @admin.action(description=_("Send the local list …"))
    def send_lists(self, request: HttpRequest, queryset: Stations) -> HttpResponse | None:
        return begin(request, queryset, lists_page)

    @admin.action(description=_("Add or take away labels …"))
    def label_many(self, request: HttpRequest, queryset: Stations) -> HttpResponse | None:
        return begin(request, queryset, labels_page)

    @admin.action(description=_("Send another command …"))
    def send_to_many(self, request: HttpRequest, queryset: Stations) -> HttpResponse | None:
        """Choose, fill in, confirm."""
        return begin(request, queryset, choose_page)
