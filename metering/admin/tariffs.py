"""Tariffs: list, form, where they apply, and what a session would cost."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.forms import Script
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from metering.admin.cost_table import price_context
from metering.admin.tariff_example import PreviewForm, draft_view, first_example, sheet_view
from metering.admin.tariff_form import TariffForm
from metering.models import SessionTariff, Tariff, TariffAssignment
from metering.pricing.engine import price
from metering.pricing.tariff import TariffFaults, Terms, parse_terms
from metering.pricing.words import component_in_words, restrictions_in_words, terms_in_words
from tenants.admin.base import TenantModelAdmin, access_of, has_role
from tenants.admin.forms import TenantModelForm
from tenants.models import Role
from tenants.selectors import tenant_zone


@admin.register(Tariff)
class TariffAdmin(TenantModelAdmin):
    """Changed freely: sessions keep the tariff that they began with. One that was used is archived, not deleted."""

    form = TariffForm
    list_display = ["name", "in_words", "applies_to", "currency", "valid_from", "valid_to", "archived"]
    list_filter = ["archived", "currency"]
    search_fields = ["name"]
    change_form_outer_before_template = "office/tariff.html"
    change_form_after_template = "office/tariff_example.html"

    class Media:
        css = {"all": ["csms/tariff.css"]}
        js = [Script("csms/tariff_editor.js", defer=True)]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        # A heading stands for the label of the sheet, which is as wide as the page.
        rates = (_("Rates"), ["elements"]) if self._may_write(request) else (None, ["rates_in_words"])
        bounds = [("min_price", "max_price"), "valid_from", "valid_to", "archived"]
        return [
            (None, {"fields": [("name", "currency")]}),
            (rates[0], {"fields": rates[1]}),
            (_("Bounds, and when it is in force"), {"fields": bounds}),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tariff]:
        assigned = TariffAssignment.objects.select_related("id_tag", "charge_point", "site").order_by("pk")
        return super().get_queryset(request).prefetch_related(Prefetch("assignments", assigned))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        access = access_of(request)
        return {"currency": access.tenant.currency if access else "", **super().get_changeform_initial_data(request)}

    def get_actions(self, request: HttpRequest) -> Any:
        """None: deleting goes one by one, where it is known whether a tariff was used."""
        return {}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        used = obj is not None and SessionTariff.objects.filter(tariff=obj).exists()
        return super().has_delete_permission(request, obj) and not used

    @admin.display(description=_("Prices"))
    def in_words(self, row: Tariff) -> SafeString:
        return format_html_join("", '<div class="office-said">{}</div>', ((said,) for said in words_of(row)))

    @admin.display(description=_("Rates"))
    def rates_in_words(self, row: Tariff) -> SafeString:
        """For those who only read."""
        return render_to_string("office/tariff_rates.html", {"rates": rates_of(row)})

    @admin.display(description=_("Applies to"))
    def applies_to(self, row: Tariff) -> str:
        return ", ".join(target_of(assignment) for assignment in row.assignments.all()) or "–"

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        extra: dict[str, Any] = {**(extra_context or {})}
        tariff = self.get_object(request, object_id) if object_id else None
        if tariff is not None:
            extra["tariff"] = tariff
            extra["targets"] = [(one.pk, target_of(one)) for one in tariff.assignments.all()]
            extra["may_assign"] = has_role(request, Role.ADMIN)
        if self._may_write(request):
            extra["example"] = first_example(timezone.localtime())
            extra["zone"] = timezone.get_current_timezone_name()
        return super().changeform_view(request, object_id, form_url, extra)

    def get_urls(self) -> list[URLPattern]:
        asked = self.admin_site.admin_view
        return [
            path("<int:pk>/preview/", asked(self.preview_view), name="tariff_preview"),
            path("draft/", asked(self.draft_view), name="tariff_draft"),
            path("sheet/", asked(self.sheet_view), name="tariff_sheet"),
            *super().get_urls(),
        ]

    def draft_view(self, request: HttpRequest) -> HttpResponse:
        """The example beside the form, worked out while one types."""
        access = access_of(request)
        if access is None or not self._may_write(request):
            raise PermissionDenied
        return draft_view(request, tenant_zone(access.tenant))

    def sheet_view(self, request: HttpRequest) -> HttpResponse:
        """The rates as rows or as JSON: the other of the two."""
        if not self._may_write(request):
            raise PermissionDenied
        return sheet_view(request)

    def _may_write(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) or self.has_change_permission(request)

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What a session would cost."""
        tariff = Tariff.objects.filter(pk=pk).first()
        access = access_of(request)
        if tariff is None or access is None or not self.has_view_permission(request):
            raise Http404
        zone = tenant_zone(access.tenant)
        form = PreviewForm(request.GET or None, initial={"start": timezone.localtime().replace(second=0)})
        terms = terms_of_tariff(tariff)
        shown = {}
        if terms is not None and form.is_valid():
            shown = price_context(price(terms, form.usage(), zone), terms)
        context = {
            **self.admin_site.each_context(request),
            "title": _("What would it cost: %(name)s") % {"name": tariff.name},
            "opts": self.opts,
            "tariff": tariff,
            "words": words_of(tariff),
            "form": form,
            "zone": zone.key,
            "shown": shown,
        }
        return TemplateResponse(request, "office/tariff_preview.html", context)


class AssignmentForm(TenantModelForm):
    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if sum(given.get(name) is not None for name in ("id_tag", "charge_point", "site")) > 1:
            raise forms.ValidationError(_("At most one of id tag, charge point and site; none of them: everywhere."))
        return given


@admin.register(TariffAssignment)
class AssignmentAdmin(TenantModelAdmin):
    """Where tariffs apply. The first found counts: id tag, its parent, charge point, site, everywhere."""

    form = AssignmentForm
    list_display = ["shown_target", "tariff", "shown_kind"]
    list_filter = ["tariff"]
    list_select_related = ["tariff", "id_tag", "charge_point", "site"]
    search_fields = ["tariff__name", "id_tag__token_key", "charge_point__identity_key", "site__name"]
    autocomplete_fields = ["tariff", "id_tag", "charge_point", "site"]
    fieldsets = [
        (
            None,
            {
                "description": _(
                    "Choose one of id tag, charge point and site; with none of them the tariff applies everywhere. The "
                    "first that fits a session counts: its tag, the tag's parent, the charge point, the site, everywhere."
                ),
                "fields": ["tariff", "id_tag", "charge_point", "site"],
            },
        )
    ]

    @admin.display(description=_("Applies to"))
    def shown_target(self, row: TariffAssignment) -> str:
        return target_of(row)

    @admin.display(description=_("What"))
    def shown_kind(self, row: TariffAssignment) -> str:
        kinds = (
            (row.id_tag_id, _("Id tag or its group")),
            (row.charge_point_id, _("Charge point")),
            (row.site_id, _("Site")),
        )
        return str(next((kind for key, kind in kinds if key is not None), _("Everything")))


def terms_of_tariff(tariff: Tariff) -> Terms | None:
    try:
        return parse_terms(
            currency=tariff.currency,
            elements=tariff.elements,
            min_price=tariff.min_price,
            max_price=tariff.max_price,
        )
    except TariffFaults:
        return None


def words_of(tariff: Tariff) -> list[str]:
    terms = terms_of_tariff(tariff)
    return terms_in_words(terms) if terms else [str(_("This tariff can't be read."))]


def rates_of(tariff: Tariff) -> list[tuple[list[str], str]]:
    """(its prices, when it holds) of each element, in words; empty: it can't be read."""
    terms = terms_of_tariff(tariff)
    if terms is None:
        return []
    said = [[component_in_words(one, terms.currency) for one in element.components] for element in terms.elements]
    return list(zip(said, [restrictions_in_words(one.restrictions) for one in terms.elements], strict=True))


def target_of(assignment: TariffAssignment) -> str:
    return str(assignment.id_tag or assignment.charge_point or assignment.site or _("everywhere"))
