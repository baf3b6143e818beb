"""What a session would cost: by a tariff that there is, and by one that is still being written.

The figures are the price engine's, as those of real sessions.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from metering.admin.cost_table import price_context
from metering.admin.rate_sheet import MOST_ROWS, RateSheet
from metering.pricing.engine import Segment, price
from metering.pricing.tariff import Fault, TariffFaults, Terms, parse_terms
from metering.pricing.words import terms_in_words

PREFIX = "example"
TUESDAY = 1


class PreviewForm(forms.Form):
    """A session as one imagines it: charging evenly, then parked. Times are the tenant's."""

    kwh = forms.DecimalField(
        label=gettext_lazy("Energy (kWh)"), min_value=0, max_value=100_000, decimal_places=3, initial=20
    )
    start = forms.DateTimeField(
        label=gettext_lazy("Begin"), widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    charging = forms.IntegerField(label=gettext_lazy("Charging (minutes)"), min_value=0, max_value=44_640, initial=120)
    parked = forms.IntegerField(label=gettext_lazy("Then parked (minutes)"), min_value=0, max_value=44_640, initial=0)

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


def first_example(now: datetime) -> PreviewForm:
    """What the page of a tariff begins with: 22 kWh in 2 h, on the next Tuesday at 18:00 (local, as `now`)."""
    days = (TUESDAY - now.weekday() - 1) % 7 + 1
    start = (now + timedelta(days=days)).replace(hour=18, minute=0, second=0, microsecond=0)
    return PreviewForm(prefix=PREFIX, label_suffix="", initial={"kwh": 22, "charging": 120, "start": start})


def draft_view(request: HttpRequest, zone: ZoneInfo) -> HttpResponse:
    """POST: the tariff's form with the example's fields. The example's cost, the rates in words, what is wrong."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    sheet = RateSheet.posted(request.POST)
    terms, elsewhere = _terms_of(request.POST, sheet)
    example = PreviewForm(request.POST, prefix=PREFIX)
    shown: dict[str, Any] = {}
    if terms is not None and example.is_valid():
        shown = price_context(price(terms, example.usage(), zone), terms)
    wrong = [{"row": "", "slot": f"{PREFIX}-{name}", "texts": list(texts)} for name, texts in example.errors.items()]
    total = _("This session costs %(total)s with tax.") % {"total": shown["total"]} if shown else ""
    context = {
        "words": terms_in_words(terms) if terms is not None else [],
        "shown": shown,
        "elsewhere": elsewhere,
        "answer": {"faults": [*sheet.placed, *wrong], "total": total},
    }
    return render(request, "office/tariff_draft.html", context)


def sheet_view(request: HttpRequest) -> HttpResponse:
    """POST: the tariff's form. Its rates in the other of the two ways to edit them; JSON that is faulty stays JSON."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    sheet = RateSheet.posted(request.POST)
    if sheet.text is None:
        sheet = RateSheet.as_json(sheet.elements)
    elif not sheet.is_faulty:
        _terms_of({"currency": "EUR"}, sheet)
        if not (sheet.is_faulty and sheet.elements):
            sheet = RateSheet.of(sheet.elements)
            if sheet.text is not None:
                said = _("More than %(most)s rates are edited as JSON.")
                sheet.faults.append(said % {"most": MOST_ROWS})
    return render(request, "office/tariff_sheet.html", {"sheet": sheet, "moved": True})


def _terms_of(data: Any, sheet: RateSheet) -> tuple[Terms | None, list[Fault]]:
    """The draft's terms, or None; faults of the rates go to the sheet, the others are returned."""
    if sheet.is_faulty:
        return None, []
    try:
        terms = parse_terms(
            currency=data.get("currency", "").strip().upper(),
            elements=sheet.elements,
            min_price=data.get("min_price") or None,
            max_price=data.get("max_price") or None,
        )
    except TariffFaults as error:
        return None, [fault for fault in error.faults if not sheet.place(fault)]
    return terms, []
