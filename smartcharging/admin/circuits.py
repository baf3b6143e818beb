"""Circuits: the list as trees with load bars, and the page of one, both refreshing themselves."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from metering.admin.charts import RangeForm, json_response, refused
from smartcharging.admin.circuit_chart import chart_data
from smartcharging.admin.circuit_edit import delete_page, edit_page
from smartcharging.admin.circuit_members import add_members_page, member_page, remove_member_page
from smartcharging.admin.circuit_page import live_of, page_of
from smartcharging.admin.circuit_signals import cancel_signal_page, signal_page
from smartcharging.admin.load_bars import node_bars
from smartcharging.admin.shared import search_asked
from smartcharging.admin.zones import zone_of_site
from smartcharging.circuit_overview import trees_with_load
from smartcharging.circuit_selectors import root_of, roots_by_circuit
from smartcharging.models import Circuit
from tenants.admin.base import TenantModelAdmin, has_role
from tenants.models import Role

TREES_ON_A_PAGE = 20
DAY = timedelta(days=1)


@admin.register(Circuit)
class CircuitAdmin(TenantModelAdmin):
    """Django's own pages are replaced by ours; roles and the site's search remain."""

    search_fields = ["name", "site__name"]
    actions = None

    def get_urls(self) -> list[URLPattern]:
        def of_circuit(view: Any, role: str) -> Any:
            def found(request: HttpRequest, pk: int, **more: int) -> HttpResponse:
                circuit = self._find(pk)
                if circuit is None or not has_role(request, role):
                    raise Http404
                answer: HttpResponse = view(request, circuit, **more)
                return answer

            return self.admin_site.admin_view(found)

        own = [
            path("live/", self.admin_site.admin_view(self.list_live_view), name="circuits_live"),
            path("<int:pk>/live/", of_circuit(live_view, Role.VIEWER), name="circuit_live"),
            path("<int:pk>/chart/", of_circuit(chart_view, Role.VIEWER), name="circuit_chart"),
            path("<int:pk>/edit/", of_circuit(edit_page, Role.ADMIN), name="circuit_edit"),
            path("<int:pk>/members/add/", of_circuit(add_members_page, Role.ADMIN), name="circuit_members_add"),
            path("<int:pk>/members/<int:member_id>/", of_circuit(member_page, Role.ADMIN), name="circuit_member"),
            path(
                "<int:pk>/members/<int:member_id>/remove/",
                of_circuit(remove_member_page, Role.ADMIN),
                name="circuit_member_remove",
            ),
            path("<int:pk>/limit/", of_circuit(signal_page, Role.OPERATOR), name="circuit_limit"),
            path(
                "<int:pk>/limit/<int:limit_id>/cancel/",
                of_circuit(cancel_signal_page, Role.OPERATOR),
                name="circuit_limit_cancel",
            ),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("Circuits"),
            "may_administer": self.has_add_permission(request),
            "q": search_asked(request),
            **_trees(request),
        }
        return render(request, "office/circuits.html", context)

    def list_live_view(self, request: HttpRequest) -> HttpResponse:
        """The part of the list that refreshes itself."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return render(request, "office/circuit_trees.html", _trees(request))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return edit_page(request, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page; what is changed is changed on pages of their own."""
        circuit = self.get_object(request, object_id)
        if circuit is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if request.method == "POST" or not self.has_view_permission(request, circuit):
            raise PermissionDenied
        with timezone.override(zone_of_site(request, circuit.site)):
            context = {
                **self.admin_site.each_context(request),
                "title": circuit.name,
                "subtitle": circuit.get_kind_display(),
                **page_of(request, circuit),
            }
            return render(request, "office/circuit.html", context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        circuit = self.get_object(request, object_id)
        if not self.has_delete_permission(request, circuit):
            raise PermissionDenied
        if circuit is None:
            raise Http404
        return delete_page(request, circuit)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("site", "parent")

    def _find(self, pk: int) -> Circuit | None:
        found: Circuit | None = Circuit.objects.select_related("site", "parent").filter(pk=pk).first()
        return found


def live_view(request: HttpRequest, circuit: Circuit) -> HttpResponse:
    """The part of the page that refreshes itself."""
    with timezone.override(zone_of_site(request, circuit.site)):
        return render(request, "office/circuit_live.html", live_of(request, circuit))


def chart_view(request: HttpRequest, circuit: Circuit) -> HttpResponse:
    """Lines of the tree's rounds (see `chart_data`)."""
    form = RangeForm(request.GET)
    if not form.is_valid():
        return refused(form)
    now = timezone.now()
    start, end = form.range(now, (now - DAY, now))
    return json_response(chart_data(root_of(circuit), start=start, end=end, now=now))


def _trees(request: HttpRequest) -> dict[str, Any]:
    """A page of trees; with a search those in which a circuit, or its site, has such a name."""
    searched = search_asked(request)
    roots = Circuit.objects.filter(parent=None).order_by("name", "id")
    if searched:
        named = Circuit.objects.filter(name__icontains=searched) | Circuit.objects.filter(
            site__name__icontains=searched
        )
        by_circuit = roots_by_circuit()
        roots = roots.filter(pk__in={by_circuit[pk] for pk in named.values_list("pk", flat=True)})
    page = Paginator(roots.values_list("pk", flat=True), TREES_ON_A_PAGE).get_page(request.GET.get("p"))
    trees = trees_with_load(list(page.object_list), timezone.now())
    return {
        "trees": [[node_bars(node) for node in tree] for tree in trees if tree],
        "page": page,
        "searched": searched,
        "query": request.GET.urlencode(),
    }
