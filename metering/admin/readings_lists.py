"""Readings that stand apart: those with impossible times, and signed ones."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.commands import pretty
from metering.models import QuarantinedReading, SignedReading
from tenants.admin.base import ReadOnlyAdmin

SHORT = 40


class StationReadingAdmin(ReadOnlyAdmin):
    """Found by the station's identity."""

    list_select_related = ["charge_point"]
    search_fields = ["charge_point__identity_key"]
    date_hierarchy = "received_at"

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_term.lower())

    @admin.display(description=_("Charge point"), ordering="charge_point__identity_key")
    def station(self, row: Any) -> SafeString:
        url = reverse("admin:chargepoints_chargepoint_change", args=[row.charge_point_id])
        return format_html('<a class="office-link" href="{}">{}</a>', url, row.charge_point.identity)


@admin.register(QuarantinedReading)
class QuarantinedReadingAdmin(StationReadingAdmin):
    list_display = ["received_at", "station", "evse_number", "reason", "content"]
    list_filter = ["reason", "received_at"]
    fields = ["station", "evse_number", "reason", "received_at", "reading_shown"]
    readonly_fields = ["station", "reading_shown"]

    @admin.display(description=_("Reading"))
    def content(self, row: QuarantinedReading) -> str:
        reading = row.reading if isinstance(row.reading, dict) else {}
        parts = [reading.get(name) for name in ("at", "measurand", "phase", "value", "unit")]
        return " ".join(str(part) for part in parts if part)[:120]

    @admin.display(description=_("Reading"))
    def reading_shown(self, row: QuarantinedReading) -> SafeString:
        return pretty(row.reading)


@admin.register(SignedReading)
class SignedReadingAdmin(StationReadingAdmin):
    list_display = ["at", "station", "evse_number", "session", "measurand", "phase", "context", "begins_with"]
    list_filter = ["context", "received_at"]
    fields = [
        *("station", "evse_number", "session", "at", "context", "measurand", "phase", "location", "unit"),
        *("received_at", "verbatim"),
    ]
    readonly_fields = ["station", "session", "verbatim"]

    @admin.display(description=_("Session"))
    def session(self, row: SignedReading) -> SafeString | str:
        if row.transaction_id is None:
            return "–"
        url = reverse("admin:chargepoints_transaction_change", args=[row.transaction_id])
        return format_html('<a class="office-link" href="{}">{}</a>', url, _("Session"))

    @admin.display(description=_("Signed data"))
    def begins_with(self, row: SignedReading) -> str:
        return row.content if len(row.content) <= SHORT else f"{row.content[:SHORT]}…"

    @admin.display(description=_("Signed data, verbatim"))
    def verbatim(self, row: SignedReading) -> SafeString:
        return format_html('<pre class="json">{}</pre>', row.content)
