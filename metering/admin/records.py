"""Charge detail records: read, printed and downloaded as receipts, corrected."""

from fractions import Fraction
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from metering.admin.cost_table import price_context, terms_of
from metering.models import ChargeDetailRecord, Tariff
from metering.pricing.cost import price_of
from metering.pricing.lines import priced_line
from metering.pricing.money import half_up, shown_amount
from metering.pricing.receipt import receipt_pdf
from metering.pricing.receipt_content import receipt_of
from metering.pricing.records import Superseded, correct_record
from tenants.admin.base import ReadOnlyAdmin, has_role
from tenants.admin.filters import KnownFilter
from tenants.models import Role

Record = ChargeDetailRecord


class CorrectionForm(forms.Form):
    """What is charged instead."""

    reason = forms.CharField(label=_("Reason"), max_length=240)
    what = forms.ChoiceField(
        label=_("What is charged"),
        choices=[
            ("", _("Choose …")),
            ("nothing", _("Nothing")),
            ("energy", _("By the tariff, for another energy")),
            ("amount", _("An amount of your own")),
            ("again", _("Reckoned again from the readings")),
        ],
    )
    kwh = forms.DecimalField(label=_("Energy (kWh)"), min_value=0, max_value=10**6, decimal_places=6, required=False)
    amount = forms.DecimalField(label=_("Amount before tax"), max_digits=12, decimal_places=4, required=False)
    vat = forms.DecimalField(
        label=_("Tax (%)"), min_value=0, max_value=100, max_digits=7, decimal_places=4, required=False
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        needed = {"energy": "kwh", "amount": "amount"}.get(given.get("what", ""))
        if needed and given.get(needed) is None and needed not in self.errors:
            self.add_error(needed, _("This field is required."))
        return given

    def wanted(self) -> dict[str, Any]:
        """Arguments of `correct_record`."""
        given = self.cleaned_data
        match given["what"]:
            case "nothing":
                return {"lines": []}
            case "energy":
                return {"energy_wh": half_up(given["kwh"] * 1000, 3)}
            case "amount":
                line = priced_line("CORRECTION", Fraction(1), given["amount"], given["vat"], text=given["reason"])
                return {"lines": [line]}
        return {}


class CurrencyFilter(KnownFilter):
    """Those that the tariffs are in: the records are too many to be asked."""

    title = _("currency")
    parameter_name = "currency"

    def words(self) -> list[tuple[str, Any]]:
        found = Tariff.objects.order_by("currency").values_list("currency", flat=True).distinct()
        return [(currency, currency) for currency in found]


@admin.register(Record)
class RecordAdmin(ReadOnlyAdmin):
    list_display = [
        *("number", "shown_state", "charge_point", "connector", "id_tag", "stopped_at", "energy", "total", "receipt"),
    ]
    list_filter = [CurrencyFilter]
    list_filter_submit = True
    search_fields = [
        *("=number", "^transaction__protocol_id", "transaction__charge_point__identity_key"),
        *("transaction__id_tag_row__token_key", "transaction__id_tag_row__holder"),
    ]
    # As the index has them; a correction stands beside what it corrects.
    ordering = ["-stopped_at", "-pk"]
    date_hierarchy = "stopped_at"
    change_form_outer_before_template = "office/record.html"
    fields = [
        *("number", "revision", "corrects", "reason", "transaction", "charge_point", "connector", "id_tag"),
        *("started_at", "stopped_at", "meter_start_wh", "meter_stop_wh", "energy", "tariff_name", "created_at"),
        "created_by",
    ]
    readonly_fields = ["energy", "tariff_name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Record]:
        later = Record.objects.filter(corrects=OuterRef("pk"))
        return super().get_queryset(request).annotate(replaced=Exists(later))

    @admin.display(description=_("State"))
    def shown_state(self, row: Record) -> SafeString:
        if getattr(row, "replaced", False):
            return pill("off", str(_("Replaced")))
        return pill("accepted", str(_("Corrected") if row.corrects_id else _("Holds")))

    @admin.display(description=_("Energy"), ordering="energy_wh")
    def energy(self, row: Record) -> str:
        return f"{number_format(half_up(row.energy_wh / 1000, 3), 3, force_grouping=True)} kWh"

    @admin.display(description=_("Total"), ordering="total_incl_tax")
    def total(self, row: Record) -> str:
        return shown_amount(row.total_incl_tax, row.currency)

    @admin.display(description=_("Tariff"))
    def tariff_name(self, row: Record) -> str:
        return str(row.tariff.get("name", "")) if row.tariff else "–"

    @admin.display(description=_("Receipt"))
    def receipt(self, row: Record) -> SafeString:
        url = reverse("admin:charge_record_receipt", args=[row.pk])
        page = reverse("admin:charge_record_print", args=[row.pk])
        text = '<a class="office-link" href="{}">{}</a> <a class="office-link" href="{}">PDF</a>'
        return format_html(text, page, _("Page"), url)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        record = self.get_object(request, object_id)
        extra: dict[str, Any] = {}
        if isinstance(record, Record):
            extra = {
                "record": record,
                "later": record.corrections.first(),
                "shown": price_context(price_of(record), terms_of(record.tariff)),
                "may_correct": has_role(request, Role.ADMIN),
            }
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/receipt/", wrap(self.receipt_view), name="charge_record_receipt"),
            path("<int:pk>/receipt/page/", wrap(self.print_view), name="charge_record_print"),
            path("<int:pk>/correct/", wrap(self.correct_view), name="charge_record_correct"),
        ]
        return [*own, *super().get_urls()]

    def receipt_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """PDF."""
        record = self._record(request, pk, Role.VIEWER)
        response = HttpResponse(receipt_pdf(record), content_type="application/pdf")
        response["Content-Disposition"] = f'inline; filename="receipt-{record.number}.pdf"'
        response["Cache-Control"] = "no-store"
        return response

    def print_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The same as a page, to be read or printed."""
        record = self._record(request, pk, Role.VIEWER)
        context = {"receipt": receipt_of(record), "record": record}
        response = TemplateResponse(request, "office/receipt.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def correct_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A correction: a new record."""
        record = self._record(request, pk, Role.ADMIN)
        initial = {"kwh": f"{(record.energy_wh / 1000).normalize():f}"}
        form = CorrectionForm(request.POST or None, initial=initial)
        if request.method != "POST" or not form.is_valid():
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": _("Correct %(number)s") % {"number": record.number},
                "consequence": _(
                    "The record stays as it is; a new one with the next number says the whole session anew, "
                    "and holds from now on."
                ),
                "button": _("Make the correction"),
                "back": reverse("admin:metering_chargedetailrecord_change", args=[record.pk]),
                "form": form,
            }
            return TemplateResponse(request, "office/confirm.html", context)
        try:
            made = correct_record(
                record=record,
                reason=form.cleaned_data["reason"],
                actor=request.user.get_username(),
                origin="admin",
                **form.wanted(),
            )
        except Superseded:
            messages.warning(request, _("This record was corrected already: correct the one that holds."))
            made = record
        return HttpResponseRedirect(reverse("admin:metering_chargedetailrecord_change", args=[made.pk]))

    def _record(self, request: HttpRequest, pk: int, role: str) -> Record:
        rows = Record.objects.select_related("tenant", "corrects", "transaction__charge_point__site")
        record = rows.filter(pk=pk).first()
        if record is None or not has_role(request, role):
            raise Http404
        return record
