"""Energy prices: the list, today's and tomorrow's drawn, and a file of new ones."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from smartcharging.admin.pictures import line, milliseconds, picture, texts
from smartcharging.admin.zones import zone_of_tenant
from smartcharging.models import Circuit, EnergyPrice
from smartcharging.price_table import COLUMNS, MOST_BYTES, PER, Fault, read_prices
from smartcharging.services.prices import PricesRefused, Stored, prices_between, store_prices
from tenants.admin.base import ReadOnlyAdmin, access_of, has_role
from tenants.api.serializers import plain_decimal
from tenants.models import Role, Tenant

DAYS = 2
LISTED = "admin:smartcharging_energyprice_changelist"


class UploadForm(forms.Form):
    """A file of prices, and of which zone and currency they are."""

    file = forms.FileField(label=_("CSV file"), widget=forms.FileInput({"accept": ".csv,text/csv"}))
    zone = forms.CharField(
        label=_("Price zone"),
        max_length=40,
        required=False,
        widget=forms.TextInput({"list": "price-zones"}),
        help_text=_("As the circuits name it. Empty: the only one."),
    )
    per = forms.ChoiceField(
        label=_("Prices are for a"), choices=[(unit, unit) for unit in PER], help_text=_("Exchanges quote a MWh.")
    )
    currency = forms.RegexField(label=_("Currency"), regex=r"^[A-Z]{3}$", max_length=3)
    replace = forms.BooleanField(
        label=_("Take the place of all stored prices in its time"),
        required=False,
        help_text=_("For another step: quarters in place of hours. Prices that begin alike are always replaced."),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("At most %(most)s MiB.") % {"most": MOST_BYTES // 1024 // 1024})
        return file


@admin.register(EnergyPrice)
class EnergyPriceAdmin(ReadOnlyAdmin):
    list_display = ["start_at", "end_at", "zone_shown", "price_shown", "uploaded_by", "uploaded_at"]
    list_filter = ["zone", ("start_at", admin.DateFieldListFilter)]
    ordering = ["-start_at", "zone"]
    list_before_template = "office/prices.html"
    fields = ["zone", "start_at", "end_at", "price", "currency", "uploaded_by", "uploaded_at"]

    @admin.display(description=_("Price zone"), ordering="zone")
    def zone_shown(self, row: EnergyPrice) -> str:
        return row.zone or "–"

    @admin.display(description=_("Price for a kWh"), ordering="price")
    def price_shown(self, row: EnergyPrice) -> str:
        return f"{number_format(plain_decimal(row.price))} {row.currency}"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {**_drawn(request), "may_upload": has_role(request, Role.OPERATOR), **(extra_context or {})}
        return cast(HttpResponse, super().changelist_view(request, context))

    def get_urls(self) -> list[URLPattern]:
        own = path("upload/", self.admin_site.admin_view(upload_page), name="energy_prices_upload")
        return [own, *super().get_urls()]


def upload_page(request: HttpRequest) -> HttpResponse:
    """A file is stored as a whole, or refused with what is wrong by line."""
    access = access_of(request)
    if access is None or not has_role(request, Role.OPERATOR):
        raise PermissionDenied
    tenant, faults = access.tenant, list[Fault]()
    given = (request.POST, request.FILES) if request.method == "POST" else ()
    form = UploadForm(*given, initial={"currency": tenant.currency, "zone": request.GET.get("zone", "")})
    if request.method == "POST" and form.is_valid():
        stored, faults = _store(request, tenant, form)
        if stored is not None:
            said = _("Stored: %(created)s new, %(replaced)s replaced, %(removed)s removed.")
            counts = {"created": stored.created, "replaced": stored.replaced, "removed": stored.removed}
            messages.success(request, said % counts)
            return HttpResponseRedirect(reverse(LISTED))
    context = {
        **admin.site.each_context(request),
        "title": _("Upload energy prices"),
        "form": form,
        "faults": faults,
        "zones": _zones(),
        "columns": ",".join(COLUMNS),
        "back": reverse(LISTED),
    }
    return TemplateResponse(request, "office/price_upload.html", context)


def _store(request: HttpRequest, tenant: Tenant, form: UploadForm) -> tuple[Stored | None, list[Fault]]:
    """What was stored, or every fault by line and nothing stored."""
    table = read_prices(form.cleaned_data["file"].read(), per=form.cleaned_data["per"])
    if table.faults:
        return None, table.faults
    try:
        stored = store_prices(
            tenant=tenant,
            zone=form.cleaned_data["zone"],
            currency=form.cleaned_data["currency"],
            prices=table.prices,
            actor=request.user.get_username(),
            origin="admin",
            replace=form.cleaned_data["replace"],
        )
    except PricesRefused as error:
        columns = {"start_at": COLUMNS[0], "end_at": COLUMNS[1], "price": COLUMNS[2]}
        return None, [
            Fault(table.lines[fault.index] if fault.index >= 0 else 1, columns.get(fault.field, ""), fault.sentence)
            for fault in error.faults[:200]
        ]
    return stored, []


def _zones() -> list[str]:
    """Those that circuits name, and those that there are prices of."""
    named = Circuit.objects.filter(parent=None).values_list("price_zone", flat=True)
    priced = EnergyPrice.objects.order_by().values_list("zone", flat=True).distinct()
    return sorted({*named, *priced})


def _drawn(request: HttpRequest) -> dict[str, Any]:
    """Today's and tomorrow's prices of the zone that is filtered for, else of the first that has any."""
    clock = zone_of_tenant(request)
    today = timezone.now().astimezone(clock).date()
    start, end = (datetime.combine(today + timedelta(days=days), time(), clock).astimezone(UTC) for days in (0, DAYS))
    there = EnergyPrice.objects.filter(end_at__gt=start, start_at__lt=end).order_by("zone", "start_at")
    first = there.values_list("zone", "currency").first()
    asked = request.GET.get("zone__exact", request.GET.get("zone"))
    # No text column holds a NUL.
    zone = asked.replace("\0", "") if asked is not None else first[0] if first else ""
    unit = there.filter(zone=zone).values_list("currency", flat=True).first() or (first[1] if first else "")
    points: list[list[float] | None] = []
    for price in prices_between(zone, start, end):
        if points and points[-1] is not None and points[-1][0] != milliseconds(price.start_at):
            points.append(None)
        points += [[milliseconds(at), price.price] for at in (price.start_at, price.end_at)]
    drawn = picture([line(str(_("Price")), points, f"{unit}/kWh")], start=start, end=end, unit=f"{unit}/kWh")
    shown = {"empty": str(_("No prices for today and tomorrow."))}
    return {
        "price_zone": zone,
        "has_prices": bool(points),
        "config": {
            "zone": clock.key,
            "unit": "price",
            "texts": {**texts(), **shown},
            "charts": {"prices": {"price": drawn}},
        },
    }
