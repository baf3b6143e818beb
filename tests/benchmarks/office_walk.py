"""Every list of the back office, and what can be asked of it: filters, searches, orders, days, the last page."""

from collections.abc import Iterator
from typing import Any

# What people type into a search: a station, a part of many, somebody, nothing that there is.
SEARCHES = ["SIM-0042", "sim-00", "Novak", "zzzz-nobody"]
# Of a filter with many choices so many are tried.
CHOICES = 8
# Pages that are no list of a model.
OWN_PAGES = {
    "overview": ("index", ""),
    "overview tiles": ("overview_tiles", ""),
    "board page": ("board", ""),
    "messages": ("message_log", ""),
    "messages of a station": ("message_log", "station=SIM-0042"),
    "messages of an action": ("message_log", "action=StopTransaction"),
    "messages of an action that never came": ("message_log", "action=DataTransfer"),
    "messages by id": ("message_log", "message_id=nothing"),
    "configuration": ("tenant_configuration", ""),
    "configuration key": ("tenant_configuration_key", "key=HeartbeatInterval"),
    "usage": ("usage", ""),
}


def list_pages() -> Iterator[tuple[str, Any, str]]:
    """(name, its admin, address) of each registered list that belongs to tenants."""
    from django.contrib import admin
    from django.urls import reverse

    for model, page in sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label_lower):
        if not getattr(page, "platform_only", False):
            meta = model._meta
            yield meta.label_lower, page, reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")


def variants(page: Any, answer: Any) -> Iterator[tuple[str, str]]:
    """(what, query string) of all that a list offers; `answer` is its first page."""
    listed = getattr(answer, "context_data", {}).get("cl") if getattr(answer, "context_data", None) else None
    if listed is None:
        yield from ((f"search {term}", f"q={term}") for term in SEARCHES[:1] if page.search_fields)
        return
    for spec in listed.filter_specs:
        yield from ((f"filter {spec.title}: {said}", query) for said, query in _choices(spec, listed))
    if page.search_fields:
        yield from ((f"search {term}", f"q={term}") for term in SEARCHES)
    for number, name in enumerate(listed.list_display):
        if number in _sortable(listed):
            yield f"sort {name}", f"o={number}"
            yield f"sort -{name}", f"o=-{number}"
    if page.date_hierarchy:
        yield from _days(page)
    if listed.paginator.num_pages > 1:
        yield "last page", f"p={listed.paginator.num_pages}"


def _choices(spec: Any, listed: Any) -> Iterator[tuple[str, str]]:
    try:
        found = list(spec.choices(listed))
    except (AttributeError, TypeError):
        return
    shown = [one for one in found if isinstance(one, dict) and "query_string" in one and not one.get("selected")]
    for one in shown[:CHOICES]:
        yield str(one.get("display", "")), str(one["query_string"]).lstrip("?")


def _sortable(listed: Any) -> set[int]:
    from django.contrib.admin.templatetags.admin_list import result_headers

    return {number for number, header in enumerate(result_headers(listed)) if header.get("sortable")}


def _days(page: Any) -> Iterator[tuple[str, str]]:
    from django.utils import timezone

    field, today = page.date_hierarchy, timezone.localtime()
    year, month, day = (f"{field}__{part}={getattr(today, part)}" for part in ("year", "month", "day"))
    yield "this year", year
    yield "this month", f"{year}&{month}"
    yield "today", f"{year}&{month}&{day}"
    yield "last year", f"{field}__year={today.year - 1}"
