"""The log of every limit that load management sent, and why; as a list, and as a file."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from smartcharging.admin.circuit_page import result_pill
from smartcharging.admin.load_bars import amps_said
from smartcharging.admin.profile_words import detail_words
from smartcharging.admin.shared import number_asked
from smartcharging.circuit_selectors import limits_sent_to
from smartcharging.models import Circuit, LimitSent
from smartcharging.models.profile import Purpose
from smartcharging.reason_words import cause_in_words, reason_in_words
from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.filters import KnownFilter


class CircuitFilter(DropdownFilter):  # type: ignore[misc]
    """A circuit with all below it."""

    title, parameter_name = _("circuit"), "circuit"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = Circuit.objects.order_by("name").values_list("pk", "name")[:500]
        return [(str(pk), name) for pk, name in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LimitSent]) -> QuerySet[LimitSent]:
        pk = number_asked(self.value() or "")
        circuit = Circuit.objects.filter(pk=pk).first() if pk is not None else None
        if self.value() is None:
            return queryset
        return queryset.none() if circuit is None else queryset & limits_sent_to(circuit)


class PurposeFilter(KnownFilter):
    title, parameter_name = _("purpose"), "purpose"

    def words(self) -> list[tuple[str, Any]]:
        return [(value, label) for value, label in Purpose.choices if value != Purpose.STATION_MAX]


@admin.register(LimitSent)
class LimitSentAdmin(ReadOnlyAdmin):
    list_display = [
        *("at", "place", "limit_shown", "previous_shown", "reason_shown", "cause_shown", "result_shown"),
        *("result_at", "detail_shown"),
    ]
    list_filter = [CircuitFilter, ("result", ChoicesDropdownFilter), PurposeFilter, ("at", admin.DateFieldListFilter)]
    list_filter_submit = True
    search_fields = ["charge_point__identity_key"]
    search_help_text = _("Charge point")
    list_select_related = ["charge_point"]
    date_hierarchy = "at"
    fields = [
        *("circuit", "charge_point", "evse_number", "transaction_id", "at", "purpose", "limit_a", "previous_a"),
        *("reason_shown", "cause_shown", "detail_shown", "result_shown", "result_at", "command"),
    ]
    readonly_fields = ["reason_shown", "cause_shown", "detail_shown", "result_shown"]

    @admin.display(description=_("Connector"), ordering="charge_point__identity_key")
    def place(self, row: LimitSent) -> str:
        return f"{row.charge_point.identity} / {row.evse_number}"

    @admin.display(description=_("Limit"), ordering="limit_a")
    def limit_shown(self, row: LimitSent) -> str:
        return amps_said(row.limit_a)

    @admin.display(description=_("Before"), ordering="previous_a")
    def previous_shown(self, row: LimitSent) -> str:
        return amps_said(row.previous_a)

    @admin.display(description=_("Detail"), ordering="detail")
    def detail_shown(self, row: LimitSent) -> str:
        return detail_words(row.detail)

    @admin.display(description=_("Why"), ordering="reason")
    def reason_shown(self, row: LimitSent) -> str:
        return reason_in_words(row.reason)

    @admin.display(description=_("Set off by"), ordering="cause")
    def cause_shown(self, row: LimitSent) -> str:
        return cause_in_words(row.cause) if row.cause else "–"

    @admin.display(description=_("Result"), ordering="result")
    def result_shown(self, row: LimitSent) -> SafeString:
        return result_pill(row)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_term.lower())
