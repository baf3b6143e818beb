"""The page of a charge point's readings: charts, energy in bars, live statistics, the last readings, CSV."""

from datetime import date, datetime, timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.request import Request

from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.models import ChargePoint, Evse, Transaction
from metering.admin.chart_page import CHART_TEXTS, quantity, reading_rows
from metering.admin.charts import CHARTS, RangeForm, StrictForm, charts_json, evse_name, json_response, name_of, refused
from metering.admin.energy import bars_json
from metering.api.reading_export import export_readings
from metering.live import live_statistics
from metering.models import Period, Series
from metering.reading_pages import ReadingQuery, read_page, series_of
from tenants.admin.base import access_of
from tenants.models import Tenant
from tenants.selectors import tenant_zone

PAGE: Final = "charge_point"
DAY = timedelta(days=1)
LAST_READINGS = 25
# Kinds of readings, connectors, rows: a station may invent them without end.
MOST = 200
RANGES = [(1, "1 h"), (6, "6 h"), (24, "24 h"), (7 * 24, "7 d"), (30 * 24, "30 d")]
PERIODS = {period.name.lower(): period for period in Period}
CHART_OF = {measurand: key for key, chart in CHARTS.items() for measurand in chart.measurands}


class BarsForm(StrictForm):
    """Which window of bars; without a day the present one."""

    connector = forms.IntegerField(min_value=0, max_value=1000, required=False)
    period = forms.ChoiceField(choices=[(name, name) for name in PERIODS])
    day = forms.DateField(required=False, input_formats=["%Y-%m-%d"])

    def clean_day(self) -> date | None:
        day: date | None = self.cleaned_data["day"]
        if day is not None and not 2010 <= day.year <= timezone.now().year + 1:
            raise forms.ValidationError(_("Between 2010 and a year from now."))
        return day


class ConnectorForm(StrictForm):
    connector = forms.IntegerField(min_value=0, max_value=1000, required=False)


@register_view(PAGE, "readings/", name="charge_point_readings", title=gettext_lazy("Readings"), order=20)
def readings_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """Charts of one connector (`?connector=`; `all`), in the range that the address names."""
    known = list(
        Series.objects.filter(charge_point=station)
        .order_by("evse_number", "measurand")
        .values_list("evse_number", "measurand")
        .distinct()[:MOST]
    )
    reported = Evse.objects.filter(charge_point=station).order_by("number").values_list("number", flat=True)[:MOST]
    numbers = sorted({*reported, *(number for number, _measurand in known)})[:MOST]
    chosen = _chosen(request, station, numbers)
    measured = {measurand for number, measurand in known if chosen in (None, number)}
    addresses = {
        "data": reverse("admin:charge_point_readings_data", args=[station.pk]),
        "energy": reverse("admin:charge_point_readings_energy", args=[station.pk]),
    }
    zone = tenant_zone(_tenant(request))
    context = {
        **admin.site.each_context(request),
        "title": station.identity,
        "subtitle": station.name,
        "station": station,
        "tabs": tabs_of(PAGE, request, station.pk, "charge_point_readings"),
        "connectors": _switch(numbers, chosen),
        "query": f"?connector={chosen}" if chosen is not None else "",
        "cards": [(key, chart.title) for key, chart in CHARTS.items() if measured & {*chart.measurands}],
        "others": sorted(measured - CHART_OF.keys()),
        "ranges": RANGES,
        "any_readings": bool(known),
        "config": {
            "urls": addresses,
            "zone": str(zone),
            "connector": chosen,
            **_asked_range(request),
            "texts": {name: str(text) for name, text in CHART_TEXTS.items()},
        },
    }
    return TemplateResponse(request, "office/readings.html", context)


@register_view(PAGE, "readings/data/", name="charge_point_readings_data")
def readings_data(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """Lines of all charts (see `charts_json`)."""
    form = RangeForm(request.GET)
    if not form.is_valid():
        return refused(form)
    now = timezone.now()
    start, end = form.range(now, (now - DAY, now))
    connector, other = form.cleaned_data["connector"], form.cleaned_data["other"]
    return json_response(
        charts_json(station.pk, CHARTS, evse_number=connector, start=start, end=end, now=now, other=other)
    )


@register_view(PAGE, "readings/energy/", name="charge_point_readings_energy")
def readings_energy(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """Energy in bars (see `bars_json`)."""
    form = BarsForm(request.GET)
    if not form.is_valid():
        return refused(form)
    now, zone = timezone.now(), tenant_zone(_tenant(request))
    day: date = form.cleaned_data["day"] or now.astimezone(zone).date()
    period = PERIODS[form.cleaned_data["period"]]
    return json_response(
        bars_json(station.pk, evse_number=form.cleaned_data["connector"], period=period, day=day, zone=zone, now=now)
    )


@register_view(PAGE, "readings/live/", name="charge_point_readings_live")
def readings_live(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """The part of the page that refreshes itself: live statistics and the last readings."""
    form = ConnectorForm(request.GET)
    if not form.is_valid():
        return refused(form)
    connector = form.cleaned_data["connector"]
    query = ReadingQuery(series=series_of(station.pk, evse_number=connector))
    rows = read_page(query, after=None, limit=LAST_READINGS, newest_first=True)
    live = [row for row in live_statistics(station.pk) if connector in (None, row["connectorId"])]
    context = {
        "statistics": [_statistics(row) for row in live[:MOST]],
        "readings": reading_rows(rows),
        "any_connector": connector is None,
    }
    return render(request, "office/readings_live.html", context)


@register_view(PAGE, "readings/csv/", name="charge_point_readings_csv")
def readings_csv(request: HttpRequest, station: ChargePoint) -> HttpResponseBase:
    """The range's readings as a file, streamed."""
    form = RangeForm(request.GET)
    if not form.is_valid():
        return refused(form)
    now = timezone.now()
    start, end = form.range(now, (now - DAY, now))
    query = ReadingQuery(
        series=series_of(
            station.pk, evse_number=form.cleaned_data["connector"], measurand=form.cleaned_data["other"] or None
        ),
        start=start,
        end=end,
    )
    return export_readings(
        Request(request),
        tenant_id=station.tenant_id,
        query=query,
        identity=station.identity,
        filename=f"readings-{station.identity}-{_stamp(start)}-{_stamp(end)}.csv",
    )


def _asked_range(request: HttpRequest) -> dict[str, str]:
    """What the address says of the range; the last day where that is nothing, or nonsense."""
    names = [name for name in ("hours", "start", "end") if request.GET.get(name)]
    asked = {name: request.GET[name] for name in names}
    return asked if asked and RangeForm(asked).is_valid() else {"hours": "24"}


def _chosen(request: HttpRequest, station: ChargePoint, numbers: list[int]) -> int | None:
    """The connector to show: the one asked for, else one that charges, else the first; None: all."""
    asked = request.GET.get("connector", "")
    if asked == "all" and len(numbers) > 1:
        return None
    if asked.isascii() and asked.isdigit() and len(asked) < 6 and int(asked) in numbers:
        return int(asked)
    charging = Transaction.objects.filter(charge_point=station, state=Transaction.State.ACTIVE)
    busy = charging.values_list("evse__number", flat=True).first()
    return busy if busy is not None else next((number for number in numbers if number > 0), next(iter(numbers), None))


def _switch(numbers: list[int], chosen: int | None) -> list[tuple[str, str, bool]]:
    """(value, label, whether it is shown)."""
    if len(numbers) < 2:
        return []
    shown = [(str(number), evse_name(number), number == chosen) for number in numbers]
    # The main meter last.
    shown = [*shown[1:], shown[0]] if numbers[0] == 0 else shown
    return [*shown, ("all", _("All"), chosen is None)]


def _statistics(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the table of live statistics."""
    values = {name: quantity(row[name], row["unit"]) for name in ("min", "avg", "max", "lastValue")}
    return {**row, **values, "name": name_of(row["measurand"]), "measurand": row["measurand"]}


def _tenant(request: HttpRequest) -> Tenant:
    access = access_of(request)
    assert access is not None  # noqa: S101 (the site lets nobody else in)
    return access.tenant


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%SZ")
