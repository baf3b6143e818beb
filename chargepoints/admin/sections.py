"""What higher apps add to the pages of a charge point and of a session.

This app can't import them, so they register here when the back office is discovered (in their `admin` modules):
sections that stand on a page, and views below its address. A view with a title is a tab beside the page. Figures of
connectors stand at each connector of a charge point.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chargepoints.models import ChargePoint, Transaction
from tenants.admin.base import has_role
from tenants.models import Role

Page = Literal["charge_point", "transaction"]
# Safe HTML for the row; empty: nothing to show.
Render = Callable[[HttpRequest, Any], str]
View = Callable[[HttpRequest, Any], HttpResponseBase]
# (request, charge point, the session that runs on each connector or None, by EVSE number) -> safe HTML by EVSE number.
# For all connectors at once: as many queries for ten as for one.
Figures = Callable[[HttpRequest, ChargePoint, Mapping[int, Transaction | None]], Mapping[int, str]]
Text = str | Promise

HOME: dict[Page, tuple[str, Text]] = {
    "charge_point": ("admin:chargepoints_chargepoint_change", _("Overview")),
    "transaction": ("admin:chargepoints_transaction_change", _("Session")),
}


@dataclass(frozen=True, slots=True)
class PageView:
    """A view of one row: `path` below the row's address, `name` in the admin's URL names."""

    path: str
    name: str
    view: View
    title: Text | None
    order: int
    role: str


@dataclass(frozen=True, slots=True)
class Tab:
    """A link of the row of tabs."""

    title: Text
    url: str
    active: bool


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page; `below` the row's own fields, or above them."""

    render: Render
    order: int
    below: bool


@dataclass(frozen=True, slots=True)
class ConnectorFigure:
    """What is shown of each connector under `title`."""

    title: Text
    figures: Figures
    order: int


_sections: defaultdict[Page, dict[str, Section]] = defaultdict(dict)
_views: defaultdict[Page, dict[str, PageView]] = defaultdict(dict)
_figures: dict[str, ConnectorFigure] = {}


def register_section(page: Page, name: str, *, order: int = 100, below: bool = False) -> Callable[[Render], Render]:
    """Decorator: `render(request, row)` stands above or below the row's own fields; lower `order` comes first."""

    def register(render: Render) -> Render:
        if name in _sections[page]:
            raise ValueError(f"the page {page} has a section {name} already")
        _sections[page][name] = Section(render, order, below)
        return render

    return register


def register_view(
    page: Page, path: str, *, name: str, title: Text | None = None, order: int = 100, role: str = Role.VIEWER
) -> Callable[[View], View]:
    """Decorator: `view(request, row)` answers `path`; without the role the page doesn't exist."""

    def register(view: View) -> View:
        if name in _views[page]:
            raise ValueError(f"the page {page} has a view {name} already")
        _views[page][name] = PageView(path, name, view, title, order, role)
        return view

    return register


def register_connector_figure(name: str, *, title: Text, order: int = 100) -> Callable[[Figures], Figures]:
    """Decorator: what `figures` gives stands at the connectors of a charge point; lower `order` comes first."""

    def register(figures: Figures) -> Figures:
        if name in _figures:
            raise ValueError(f"connectors have a figure {name} already")
        _figures[name] = ConnectorFigure(title, figures, order)
        return figures

    return register


def connector_figures(
    request: HttpRequest, station: ChargePoint, sessions: Mapping[int, Transaction | None]
) -> dict[int, list[tuple[Text, str]]]:
    """(title, HTML) of what is known of each connector, by EVSE number."""
    shown: dict[int, list[tuple[Text, str]]] = {number: [] for number in sessions}
    for one in sorted(_figures.values(), key=lambda figure: figure.order):
        for number, html in one.figures(request, station, sessions).items():
            shown[number].append((one.title, html))
    return shown


def sections_of(page: Page, request: HttpRequest, row: Any) -> dict[str, list[str]]:
    """For the page's context: what the registered sections show of the row, in order, the empty ones left out."""
    shown: dict[str, list[str]] = {"sections_above": [], "sections_below": []}
    for section in sorted(_sections[page].values(), key=lambda one: one.order):
        if html := section.render(request, row):
            shown["sections_below" if section.below else "sections_above"].append(html)
    return shown


def tabs_of(page: Page, request: HttpRequest, pk: int, active: str = "") -> list[Tab]:
    """The page itself and the views with a title that the person may see; none where there is only the page."""
    home, title = HOME[page]
    shown = [one for one in _views[page].values() if one.title is not None and has_role(request, one.role)]
    tabs = [Tab(title, reverse(home, args=[pk]), active == "")]
    for view in sorted(shown, key=lambda one: one.order):
        tabs.append(Tab(view.title or "", reverse(f"admin:{view.name}", args=[pk]), active == view.name))
    return tabs if len(tabs) > 1 else []


def urls_of(page: Page, find: Callable[[HttpRequest, int], Any | None], wrap: Callable[[Any], Any]) -> list[URLPattern]:
    """Routes of the registered views; `find` gives the row in the person's scope, or None."""

    def routed(one: PageView) -> URLPattern:
        def view(request: HttpRequest, pk: int) -> HttpResponseBase:
            row = find(request, pk) if has_role(request, one.role) else None
            if row is None:
                raise Http404
            return one.view(request, row)

        return path(f"<int:pk>/{one.path}", wrap(view), name=one.name)

    return [routed(one) for one in _views[page].values()]
