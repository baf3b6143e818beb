"""What the charts draw, as JSON: lines over time, and energy in bars. Viewers may read; wrong input is a 400.

Units are those that people read: kW, kWh, °C. Times are milliseconds since 1970.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from django import forms
from django.http import HttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from metering.admin.overlays import Overlay, OverlayQuery, overlays_of
from metering.charts import LONGEST, SHORTEST, Line, Lines, Point, lines, series_of
from metering.models import Series
from metering.readings import ENERGY, POWER

FIRST_YEAR = datetime(2010, 1, 1, tzinfo=UTC)
# Stored unit -> (shown unit, divisor).
SHOWN_UNITS = {
    "W": ("kW", 1000),
    "Wh": ("kWh", 1000),
    "VA": ("kVA", 1000),
    "var": ("kvar", 1000),
    "varh": ("kvarh", 1000),
    "Celsius": ("°C", 1),
    "Percent": ("%", 1),
}


@dataclass(frozen=True, slots=True)
class Chart:
    """Measurands that are drawn together; the first needs no name. `right`: on a second axis.

    `overlaid`: what other apps know in its unit is drawn over it (`metering.admin.overlays`).
    """

    title: str | Promise
    measurands: tuple[str, ...]
    unit: str
    right: tuple[str, str] | None = None
    overlaid: bool = False


CHARTS = {
    "power": Chart(gettext_lazy("Power"), (POWER, "Power.Active.Export", "Power.Offered"), "W", overlaid=True),
    "current": Chart(
        gettext_lazy("Current"), ("Current.Import", "Current.Export", "Current.Offered"), "A", overlaid=True
    ),
    "voltage": Chart(gettext_lazy("Voltage"), ("Voltage",), "V"),
    "soc": Chart(gettext_lazy("State of charge"), ("SoC",), "Percent"),
    "temperature": Chart(gettext_lazy("Temperature"), ("Temperature",), "Celsius"),
    "energy": Chart(gettext_lazy("Energy register"), (ENERGY, "Energy.Active.Export.Register"), "Wh"),
}
SESSION_CHARTS = {
    "curve": Chart(
        gettext_lazy("Charging curve"), (POWER, "Power.Offered", "SoC"), "W", ("SoC", "Percent"), overlaid=True
    ),
    "energy": Chart(gettext_lazy("Energy delivered"), (ENERGY,), "Wh"),
    "current": CHARTS["current"],
    "voltage": CHARTS["voltage"],
    "temperature": CHARTS["temperature"],
}
# The rest, one chart for each measurand, is asked for by name.
OTHER = "other"
NAMES = {
    POWER: gettext_lazy("Import"),
    "Power.Active.Export": gettext_lazy("Export"),
    "Power.Offered": gettext_lazy("Offered"),
    "Current.Import": gettext_lazy("Import"),
    "Current.Export": gettext_lazy("Export"),
    "Current.Offered": gettext_lazy("Offered"),
    ENERGY: gettext_lazy("Import"),
    "Energy.Active.Export.Register": gettext_lazy("Export"),
    "SoC": gettext_lazy("State of charge"),
    "Voltage": gettext_lazy("Voltage"),
    "Temperature": gettext_lazy("Temperature"),
}
HOURS = int(LONGEST / timedelta(hours=1))


class StrictForm(forms.Form):
    """Refuses parameters that it doesn't know."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for name in sorted(set(self.data) - set(self.fields)):
            self.add_error(None, _("Unknown parameter: %(name)s.") % {"name": name[:50]})
        return cleaned


class RangeForm(StrictForm):
    """`hours` up to now, or `start` and `end`; `range()` says which. Neither: the default."""

    connector = forms.IntegerField(min_value=0, max_value=1000, required=False)
    hours = forms.IntegerField(min_value=1, max_value=HOURS, required=False)
    start = forms.DateTimeField(required=False)
    end = forms.DateTimeField(required=False)
    other = forms.CharField(max_length=50, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        start, end = cleaned.get("start"), cleaned.get("end")
        if self.errors:
            return cleaned
        if (start is None) != (end is None):
            self.add_error("end" if end is None else "start", _("Start and end belong together."))
        elif start is not None and end is not None:
            if cleaned.get("hours"):
                self.add_error("hours", _("Either hours, or start and end."))
            if not FIRST_YEAR <= start < end or end > timezone.now() + LONGEST:
                self.add_error("start", _("A start before the end, between 2010 and a year from now."))
            elif not SHORTEST <= end - start <= LONGEST:
                text = _("From %(seconds)s seconds to %(days)s days.")
                self.add_error("end", text % {"seconds": SHORTEST.seconds, "days": LONGEST.days})
        return cleaned

    def range(self, now: datetime, default: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
        """(start, end) in UTC."""
        given = self.cleaned_data
        if given["hours"]:
            return now - timedelta(hours=given["hours"]), now
        if given["start"]:
            return given["start"].astimezone(UTC), given["end"].astimezone(UTC)
        return default


def refused(form: forms.Form) -> HttpResponse:
    """400 with the reasons by field."""
    return json_response({"errors": {name: list(found) for name, found in form.errors.items()}}, status=400)


def json_response(data: Any, status: int = 200) -> HttpResponse:
    answer = HttpResponse(orjson.dumps(data), content_type="application/json", status=status)
    answer["Cache-Control"] = "private, no-store"
    return answer


def charts_json(
    charge_point_id: int,
    charts: dict[str, Chart],
    *,
    evse_number: int | None,
    start: datetime,
    end: datetime,
    now: datetime,
    other: str = "",
    register_from: Decimal | None = None,
) -> dict[str, Any]:
    """`{start, end, now, step (s, 0: single readings), charts: {key: {unit, right, lines}}}`.

    `register_from`: energy is counted from this register value (Wh) on.
    """
    wanted = {measurand for chart in charts.values() for measurand in chart.measurands} | ({other} if other else set())
    drawn = lines(series_of(charge_point_id, evse_number=evse_number, measurands=wanted), start=start, end=end, now=now)
    shown = dict(charts)
    if other:
        shown[OTHER] = Chart(other, (other,), _unit_of(drawn, other))
    overlays = overlays_of(OverlayQuery(charge_point_id, evse_number, start, end, now))
    return {
        "start": _milliseconds(start),
        "end": _milliseconds(end),
        "now": _milliseconds(now),
        "step": drawn.step.total_seconds() if drawn.step else 0,
        "charts": {key: _chart(chart, drawn, evse_number, register_from, overlays) for key, chart in shown.items()},
    }


def name_of(measurand: str) -> str:
    """For people; the standard's name where we have none."""
    return str(NAMES.get(measurand, measurand))


def evse_name(number: int) -> str:
    """`Connector 2`; EVSE 0 is the station's main meter."""
    return _("Main meter") if number == 0 else _("Connector %(number)s") % {"number": number}


def shown_unit(unit: str) -> tuple[str, int]:
    """(unit for people, divisor)."""
    return SHOWN_UNITS.get(unit, (unit, 1))


def _chart(
    chart: Chart, drawn: Lines, evse_number: int | None, register_from: Decimal | None, overlays: list[Overlay]
) -> dict[str, Any]:
    own = [line for line in drawn.lines if line.series.measurand in chart.measurands]
    right = chart.right
    left = [
        line for line in own if line.series.unit == chart.unit and not (right and line.series.measurand == right[0])
    ]
    others = [line for line in own if right and (line.series.measurand, line.series.unit) == right]
    left.sort(key=lambda line: chart.measurands.index(line.series.measurand))
    found = [_line(line, "left", evse_number, register_from) for line in left]
    found += [_line(line, "right", evse_number, register_from) for line in others]
    found += [_overlay(one) for one in overlays if chart.overlaid and one.unit == chart.unit and any(one.points)]
    return {
        "unit": shown_unit(chart.unit)[0],
        "right": shown_unit(right[1])[0] if right and others else "",
        "lines": [line for line in found if line["points"]],
    }


def _line(line: Line, axis: str, evse_number: int | None, register_from: Decimal | None) -> dict[str, Any]:
    unit, divisor = shown_unit(line.series.unit)
    base = Decimal(0) if register_from is None else _base(line, register_from)
    return {
        "label": _label(line.series, evse_number),
        "axis": axis,
        "unit": unit,
        "points": [_point(point, base, divisor) for point in line.points],
    }


def _overlay(overlay: Overlay) -> dict[str, Any]:
    unit, divisor = shown_unit(overlay.unit)
    points = [point and [_milliseconds(point[0]), round(point[1] / divisor, 4)] for point in overlay.points]
    return {"label": overlay.label, "axis": "left", "unit": unit, "step": True, "points": points}


def _base(line: Line, register_from: Decimal) -> Decimal:
    """Where the counting begins: phases, and meters elsewhere, at their own first reading."""
    if line.series.measurand != ENERGY:
        return Decimal(0)
    if (line.series.location, line.series.phase) == ("Outlet", ""):
        return register_from
    return next((point.value for point in line.points if point), Decimal(0))


def _label(series: Series, evse_number: int | None) -> str:
    parts = [evse_name(series.evse_number)] if evse_number is None else []
    parts += [name_of(series.measurand), series.phase]
    if series.location != "Outlet" and (series.measurand, series.location) != ("SoC", "EV"):
        parts.append(f"({series.location})")
    return " ".join(part for part in parts if part)


def _point(point: Point | None, base: Decimal, divisor: int) -> list[float | int] | None:
    """[time, value], and [.., lowest, highest] where they differ; None: a gap."""
    if point is None:
        return None
    value, low, high = (round(float((number - base) / divisor), 4) for number in point[1:])
    at = _milliseconds(point.at)
    return [at, value] if low == high else [at, value, low, high]


def _unit_of(drawn: Lines, measurand: str) -> str:
    return next((line.series.unit for line in drawn.lines if line.series.measurand == measurand), "")


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
