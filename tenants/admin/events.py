"""The feed of events, to look through: by type, charge point and time, with what each one carried."""

import json
from datetime import date, datetime, time
from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter, TextFilter

from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.shown import short, shown_time
from tenants.delivery.feed import envelope
from tenants.event_schemas import first_sentence
from tenants.events import event_types
from tenants.models import OutboxEvent

LONGEST_SHOWN = 110


class TypeFilter(SimpleListFilter):
    """The types that there are: Django would look for those that occur, through every row."""

    title = _("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        known = sorted(event_types())
        kinds = sorted({name.partition(".")[0] for name in known})
        return [*((f"{kind}.", f"{kind}.*") for kind in kinds), *((name, name) for name in known)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxEvent]) -> QuerySet[OutboxEvent]:
        wanted = self.value()
        if not wanted:
            return queryset
        types = [name for name in event_types() if name == wanted or (wanted.endswith(".") and name.startswith(wanted))]
        return queryset.filter(event_type__in=types)


class ChargePointFilter(TextFilter):
    """Exactly this one, as its index has it."""

    title = _("charge point")
    parameter_name = "station"

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxEvent]) -> QuerySet[OutboxEvent]:
        wanted = (self.value() or "").strip().replace("\0", "")
        return queryset.filter(charge_point=wanted) if wanted else queryset


class LocalTimes(RangeDateTimeFilter):
    """From and to, in the time zone of the page. A time left out is the day's first or last; unfold's own are naive."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxEvent]) -> QuerySet[OutboxEvent] | None:
        bounds = {}
        for end, lookup, otherwise in (("from", "gte", time.min), ("to", "lte", time.max)):
            day, clock = (self.used_parameters.get(f"{self.parameter_name}_{end}_{part}") for part in (0, 1))
            if not day:
                continue
            try:
                moment = datetime.combine(date.fromisoformat(day), time.fromisoformat(clock) if clock else otherwise)
            except ValueError:
                return queryset.none()
            bounds[f"{self.parameter_name}__{lookup}"] = timezone.make_aware(moment.replace(tzinfo=None))
        return queryset.filter(**bounds)


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    """The events of the last seven days."""

    list_display = ["when", "event_type", "station", "shown_data"]
    list_display_links = ["when", "event_type"]
    list_filter = [TypeFilter, ChargePointFilter, ("created_at", LocalTimes)]
    list_filter_submit = True
    search_fields = ["event_id"]
    search_help_text = _("The id of an event, as receivers got it.")
    ordering = ["-id"]
    fields = ["event_type", "meaning", "station", "when", "event_id", "payload"]
    readonly_fields = fields

    def get_fields(self, request: HttpRequest, obj: OutboxEvent | None = None) -> list[str]:
        known = event_types().get(obj.event_type) if obj is not None else None
        said = known is not None and bool(first_sentence(known))
        return [name for name in self.fields if name != "meaning" or said]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OutboxEvent], search_term: str
    ) -> tuple[QuerySet[OutboxEvent], bool]:
        """By the id and nothing else: it has an index."""
        if not search_term:
            return queryset, False
        try:
            found = OutboxEvent._meta.get_field("event_id").to_python(search_term.strip())
        except Exception:
            return queryset.none(), False
        return queryset.filter(event_id=found), False

    @admin.display(description=_("At"))
    def when(self, row: OutboxEvent) -> SafeString | str:
        return shown_time(row.at)

    @admin.display(description=_("Charge point"))
    def station(self, row: OutboxEvent) -> str:
        return row.charge_point or "–"

    @admin.display(description=_("Data"))
    def shown_data(self, row: OutboxEvent) -> str:
        text = ", ".join(f"{name}: {_short(value)}" for name, value in row.data.items() if value not in (None, ""))
        return short(text, LONGEST_SHOWN)

    @admin.display(description=_("What it says"))
    def meaning(self, row: OutboxEvent) -> str:
        event = event_types().get(row.event_type)
        return first_sentence(event) if event is not None else "–"

    @admin.display(description=_("As receivers get it"))
    def payload(self, row: OutboxEvent) -> SafeString:
        body = json.dumps(envelope(row, row.tenant.slug), indent=2, ensure_ascii=False)
        return format_html('<pre class="json">{}</pre>', body)


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
