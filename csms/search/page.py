"""`/admin/search/?q=`: what the palette shows, as JSON. In the person's tenant; of what their role may look at."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from csms.search.found import KINDS, LONGEST, MOST, Hit, Kind


def answer_search(request: HttpRequest, site: Any, menu: list[dict[str, Any]]) -> JsonResponse:
    """`{"term", "groups": [{"title", "icon", "hits": [{"title", "text", "url"}], "more"}]}`; groups without hits are left out.

    `menu`: the groups of the sidebar as the person sees them. `more`: the list that has all others; empty where there is none.
    """
    term = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST]
    groups = [] if not term else [*_things(request, site, term), *_pages(menu, term)]
    return JsonResponse({"term": term, "groups": groups})


def _things(request: HttpRequest, site: Any, term: str) -> list[dict[str, Any]]:
    seen = [kind for kind in KINDS if site._registry[kind.model].has_view_permission(request)]
    found = [(kind, kind.find(term)) for kind in seen]
    return [_group(str(kind.title), kind.icon, hits, _list_of(kind, term, hits)) for kind, hits in found if hits]


def _pages(menu: list[dict[str, Any]], term: str) -> list[dict[str, Any]]:
    """Pages of the menu whose name has the term in it."""
    wanted = term.casefold()
    hits = [
        Hit(str(item["title"]), str(group["title"]), str(item["link"]))
        for group in menu
        for item in group["items"]
        if item.get("has_permission") and wanted in str(item["title"]).casefold()
    ]
    return [_group(_("Pages"), "menu", hits[:MOST], "")] if hits else []


def _group(title: str, icon: str, hits: list[Hit], more: str) -> dict[str, Any]:
    shown = [{"title": hit.title, "text": hit.text, "url": hit.url} for hit in hits]
    return {"title": title, "icon": icon, "hits": shown, "more": more}


def _list_of(kind: Kind, term: str, hits: list[Hit]) -> str:
    if not kind.more or len(hits) < MOST:
        return ""
    options = kind.model._meta
    return f"{reverse(f'admin:{options.app_label}_{options.model_name}_changelist')}?{urlencode({'q': term})}"
