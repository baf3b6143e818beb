"""Energy in bars, as JSON: labels in the tenant's calendar and the person's language, energy in kWh, power in kW."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from metering.admin.charts import evse_name
from metering.energy_bars import Bar, energy_bars, neighbour_days
from metering.models import EnergySource, Period

WITH_OFFSET = r"H:i (\U\T\CO)"


def bars_json(
    charge_point_id: int, *, evse_number: int | None, period: Period, day: date, zone: ZoneInfo, now: datetime
) -> dict[str, Any]:
    """`{title, day, previous, next (null: the future), evses: [{number, label}], bars: [...]}`.

    A bar is `{label, name, energy: [kWh by EVSE], total, maxPower, meanPower, samples, source, estimated,
    provisional}`; a total of null: nothing is known.
    """
    bars = energy_bars(charge_point_id, evse_number=evse_number, period=period, day=day, zone=zone, now=now)
    evses = sorted({number for bar in bars for number in bar.energy_wh})
    before, after = neighbour_days(period, day)
    return {
        "title": _title(bars, period, zone),
        "day": day.isoformat(),
        "previous": before.isoformat(),
        "next": after.isoformat() if bars[-1].end <= now else None,
        "evses": [{"number": number, "label": evse_name(number)} for number in evses],
        "bars": [_bar(bar, evses, period, zone) for bar in bars],
    }


def _bar(bar: Bar, evses: list[int], period: Period, zone: ZoneInfo) -> dict[str, Any]:
    label, name = _names(bar, period, zone)
    sources = dict(EnergySource.choices)
    return {
        "label": label,
        "name": name,
        "energy": [_thousandth(bar.energy_wh.get(number)) for number in evses],
        "total": _thousandth(sum(bar.energy_wh.values(), Decimal(0))) if bar.energy_wh else None,
        "maxPower": _thousandth(bar.max_power_w),
        "meanPower": _thousandth(bar.mean_power_w),
        "samples": bar.sample_count,
        "source": ", ".join(str(sources.get(source, source)) for source in sorted(bar.sources)),
        "estimated": bar.estimated,
        "provisional": bar.provisional,
    }


def _names(bar: Bar, period: Period, zone: ZoneInfo) -> tuple[str, str]:
    """A short label for the axis, and the period in full."""
    start, end = bar.start.astimezone(zone), bar.end.astimezone(zone)
    if period == Period.HOUR:
        # With the offset: one night of the year has the same hour twice.
        return date_format(start, "H:i"), f"{date_format(start, 'D j M, H:i')} – {date_format(end, WITH_OFFSET)}"
    if period == Period.DAY:
        return date_format(start, "j"), date_format(start, "l, j F Y")
    if period == Period.WEEK:
        year, week, _day = start.isocalendar()
        return _("W%(week)s") % {"week": week}, _("Week %(week)s of %(year)s, from %(day)s") % {
            "week": week,
            "year": year,
            "day": date_format(start, "j F"),
        }
    return date_format(start, "M"), date_format(start, "F Y")


def _title(bars: list[Bar], period: Period, zone: ZoneInfo) -> str:
    start, last = bars[0].start.astimezone(zone), bars[-1].start.astimezone(zone)
    if period == Period.HOUR:
        return date_format(start, "l, j F Y")
    if period == Period.DAY:
        return date_format(start, "F Y")
    if period == Period.MONTH:
        return date_format(start, "Y")
    return f"{date_format(start, 'j M Y')} – {date_format(last, 'j M Y')}"


def _thousandth(value: Decimal | None) -> float | None:
    return None if value is None else round(float(value / 1000), 3)
