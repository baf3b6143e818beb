"""Tariffs: list, form, where they apply, and what a session would cost."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.forms.fields import InvalidJSONInput
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from metering.admin.cost_table import price_context
from metering.models import SessionTariff, Tariff, TariffAssignment
from metering.pricing.catalogue import check_tariff
from metering.pricing.engine import Segment, price
from metering.pricing.tariff import TariffFaults, Terms, parse_terms
from metering.pricing.words import terms_in_words
from tenants.admin.base import TenantModelAdmin, access_of, has_role
from tenants.admin.forms import TenantModelForm
from tenants.models import Role
from tenants.selectors import tenant_zone

EXAMPLE = """[
  {"price_components": [{"type": "ENERGY", "price": 0.45, "vat": 19, "step_size": 1}]}
]"""


class Indented(json.JSONEncoder):
    """As people read it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "indent": 2})


class TariffForm(TenantModelForm):
    """Every fault of the elements is named by its path."""

    class Meta:
        help_texts = {
            "elements": _(
                "OCPI 2.2.1 tariff elements: a list of price_components (ENERGY, TIME, PARKING_TIME, FLAT) with "
                "restrictions. Per dimension the first element whose restrictions all hold sets the price."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("elements")
        if isinstance(field, forms.JSONField):
            field.encoder = Indented
            field.widget.attrs |= {"rows": 18, "spellcheck": "false", "placeholder": EXAMPLE}
            field.widget.attrs["class"] = f"{field.widget.attrs.get('class', '')} font-mono"
            if self.initial.get("elements") is None:
                # An empty box shows the example; Django would write "null" into it.
                self.initial["elements"] = InvalidJSONInput("")

    def clean(self) -> dict[str, Any] | None:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "elements" in cleaned and "currency" in cleaned:
            cleaned["currency"] = cleaned["currency"].upper()
            draft = Tariff(**{name: cleaned.get(name) for name in cleaned}, pk=self.instance.pk)
            try:
                check_tariff(draft)
            except TariffFaults as error:
                for fault in error.faults:
                    field = fault.path.partition(".")[0]
                    self.add_error(field, f"{fault.path}: {fault.text}" if "." in fault.path else fault.text)
            except ValidationError as error:
                self.add_error(None, error)
        return cleaned


@admin.register(Tariff)
class TariffAdmin(TenantModelAdmin):
    """Changed freely: sessions keep the tariff that they began with. One that was used is archived, not deleted."""

    form = TariffForm
    list_display = ["name", "in_words", "applies_to", "currency", "valid_from", "valid_to", "archived"]
    list_filter = ["archived", "currency"]
    search_fields = ["name"]
    fields = [
        *("name", "currency", "elements", "min_price", "max_price", "valid_from", "valid_to", "archived"),
    ]
    change_form_outer_before_template = "office/tariff.html"

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

    @admin.display(description=_("Applies to"))
    def applies_to(self, row: Tariff) -> str:
        return ", ".join(target_of(assignment) for assignment in row.assignments.all()) or "–"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        tariff = self.get_object(request, object_id)
        extra: dict[str, Any] = {}
        if isinstance(tariff, Tariff):
            extra = {
                "tariff": tariff,
                "words": words_of(tariff),
                "targets": [(one.pk, target_of(one)) for one in tariff.assignments.all()],
                "may_assign": has_role(request, Role.ADMIN),
            }
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        own = path("<int:pk>/preview/", self.admin_site.admin_view(self.preview_view), name="tariff_preview")
        return [own, *super().get_urls()]

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


class PreviewForm(forms.Form):
    """A session as one imagines it: charging evenly, then parked. Times are the tenant's."""

    kwh = forms.DecimalField(label=_("Energy (kWh)"), min_value=0, max_value=100_000, decimal_places=3, initial=20)
    start = forms.DateTimeField(
        label=_("Begin"), widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    charging = forms.IntegerField(label=_("Charging (minutes)"), min_value=0, max_value=44_640, initial=120)
    parked = forms.IntegerField(label=_("Then parked (minutes)"), min_value=0, max_value=44_640, initial=0)

    def clean_start(self) -> datetime:
        start: datetime = self.cleaned_data["start"]
        if not 2000 <= start.year <= 2100:
            raise forms.ValidationError(_("A year from 2000 to 2100."))
        return start

    def usage(self) -> list[Segment]:
        given = self.cleaned_data
        full = given["start"] + timedelta(minutes=given["charging"])
        parts = [Segment(given["start"], full, given["kwh"] * 1000, True)]
        if given["parked"]:
            parts.append(Segment(full, full + timedelta(minutes=given["parked"]), Decimal(0), False))
        return parts


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


def target_of(assignment: TariffAssignment) -> str:
    return str(assignment.id_tag or assignment.charge_point or assignment.site or _("everywhere"))
