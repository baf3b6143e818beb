"""Filters of the list of sessions: each of them asks an index, none looks through millions of rows for its choices."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from chargepoints.admin.session_words import STOP_REASONS
from chargepoints.models import ChargePoint, Transaction

Sessions = QuerySet[Transaction]


class _Text(TextFilter):
    """What somebody writes into a field."""

    def wanted(self) -> str:
        return (self.value() or "").strip().replace("\0", "")


class StationFilter(_Text):
    title = _("charge point")
    parameter_name = "station"

    def queryset(self, request: HttpRequest, queryset: Sessions) -> Sessions:
        wanted = self.wanted()
        if not wanted:
            return queryset
        return queryset.filter(charge_point__in=ChargePoint.objects.filter(identity_key=wanted.lower()))


class TagFilter(_Text):
    """Stations spell the same tag in capitals or not: the usual spellings are looked for, each in the index."""

    title = _("id tag")
    parameter_name = "tag"

    def queryset(self, request: HttpRequest, queryset: Sessions) -> Sessions:
        wanted = self.wanted()
        return queryset.filter(id_tag__in={wanted, wanted.lower(), wanted.upper()}) if wanted else queryset


class SiteFilter(_Text):
    """By a part of its name: there may be thousands, too many for a list."""

    title = _("site (part of its name)")
    parameter_name = "site"

    def queryset(self, request: HttpRequest, queryset: Sessions) -> Sessions:
        wanted = self.wanted()
        if not wanted:
            return queryset
        # Fetched: the planner then knows how many they are, and reads by time where they are many.
        there = ChargePoint.objects.filter(site__name__icontains=wanted).order_by().values_list("pk", flat=True)
        return queryset.filter(charge_point__in=list(there))


class StateFilter(DropdownFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Transaction.State.choices]

    def queryset(self, request: HttpRequest, queryset: Sessions) -> Sessions:
        wanted = (self.value() or "").replace("\0", "")
        return queryset.filter(state=wanted) if wanted else queryset


class ReasonFilter(DropdownFilter):
    """The standard's reasons: Django would look for those that occur, through every row."""

    title = _("why it ended")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(reason, str(text)) for reason, text in STOP_REASONS.items()]

    def queryset(self, request: HttpRequest, queryset: Sessions) -> Sessions:
        wanted = (self.value() or "").replace("\0", "")
        return queryset.filter(stop_reason=wanted) if wanted else queryset


class VerdictFilter(DropdownFilter):
    title = _("tag was")
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("accepted", str(_("accepted"))), ("refused", str(_("refused")))]

    def queryset(self, request: HttpRequest, queryset: Sessions) -> Sessions:
        if not self.value():
            return queryset
        if self.value() == "accepted":
            return queryset.filter(verdict="Accepted")
        return queryset.exclude(verdict="Accepted") if self.value() == "refused" else queryset.none()
