"""What the pages with charts share: texts for the scripts, numbers with their unit, readings as rows."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from metering.admin.charts import name_of, shown_unit
from metering.models import Sample
from tenants.api.serializers import plain_decimal

# For lines.js, readings.js and bars.js: `{name}` is filled in there.
CHART_TEXTS = {
    "empty": _("No readings in this range."),
    "failed": _("The data could not be fetched; trying again …"),
    "live": _("live"),
    "still": _("not refreshing: an earlier range is shown"),
    "time": _("Time"),
    "mean": _("lowest {low}, highest {high}"),
    "summary": _("{label}: last {value}, from {low} to {high}."),
    "table": _("Data as a table"),
    "more": _("The newest {count} of {all}: the CSV file has all readings."),
    "resolution": _("A point stands for {step}; the band shows its lowest and highest value."),
    "single": _("Each point is a reading."),
    "period": _("Period"),
    "energy": _("Energy"),
    "maxPower": _("Highest power"),
    "meanPower": _("Mean power"),
    "samples": _("Readings"),
    "source": _("Energy from"),
    "remark": _("Remark"),
    "estimated": _("estimated"),
    "provisional": _("still running"),
    "total": _("Total"),
    "noEnergy": _("Nothing was summed up for this time."),
}
DIGITS = 3


def quantity(value: Decimal | float | None, unit: str) -> str:
    """`7.36 kW`: in the unit that people read, at most three decimals."""
    if value is None:
        return "–"
    unit, divisor = shown_unit(unit)
    shown = plain_decimal(round(Decimal(str(value)) / divisor, DIGITS))
    return f"{number_format(shown)} {unit}".strip()


def reading_rows(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Exact values in the stored unit; what the station sent where that differs."""
    return [
        {
            "at": sample.at,
            "connector": sample.series.evse_number,
            "name": name_of(sample.series.measurand),
            "measurand": sample.series.measurand,
            "phase": sample.series.phase,
            "location": sample.series.location,
            "context": sample.get_context_display(),
            "value": f"{number_format(plain_decimal(sample.value))} {_symbol(sample.series.unit)}".strip(),
            "sent": f"{sample.raw_value} {sample.raw_unit}" if sample.raw_unit else "",
        }
        for sample in samples
    ]


def _symbol(unit: str) -> str:
    """How people write the stored unit."""
    shown, divisor = shown_unit(unit)
    return shown if divisor == 1 else unit
