"""Settings of which a tenant has at most one row: there is nothing to choose from, so the list leads on to the form."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst

from tenants.admin.base import TenantModelAdmin

LOOKS = {"GET", "HEAD"}


class OneRowAdmin(TenantModelAdmin):
    """The form of the one row, or of a new one. Who may not make it sees the empty list, which says what holds instead.

    A second row is refused by the table's own constraint, which the form reports.
    """

    actions = None

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method in LOOKS and self.has_view_permission(request):
            if form := self._form_of_the_row(request):
                return HttpResponseRedirect(form)
            if self.has_add_permission(request):
                return HttpResponseRedirect(self._page("add"))
        return super().changelist_view(request, extra_context)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        looks = request.method in LOOKS and self.has_add_permission(request)
        if looks and (form := self._form_of_the_row(request)):
            return HttpResponseRedirect(form)
        return super().add_view(request, form_url, extra_context)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """There is no other to add; and what they are called is their title."""
        own = {"one_row": True, "title": capfirst(str(self.opts.verbose_name)), "subtitle": None}
        kept = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, {**context, **own, **kept}, *args, **kwargs)

    def _form_of_the_row(self, request: HttpRequest) -> str:
        """Its address; empty where there is no row yet."""
        pk = self.get_queryset(request).order_by("pk").values_list("pk", flat=True).first()
        return "" if pk is None else self._page("change", pk)

    def _page(self, name: str, *args: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)
