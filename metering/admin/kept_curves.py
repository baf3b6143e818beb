"""The charging curve of a session whose readings have gone: as it was worked out at its end, in place of hourly values."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from metering.admin.charts import Chart, name_of, shown_unit
from metering.readings import ENERGY, POWER
from metering.sessions.analytics import SOC, Point

Lines = list[dict[str, Any]]


def put_kept_curve(data: dict[str, Any], curve: list[Point], charts: dict[str, Chart]) -> dict[str, Any]:
    """`data` of `charts_json` with the curve and the energy of `curve`; limits drawn over them stay. Empty: as it is."""
    if not curve:
        return data
    soc = _line(SOC, "Percent", "right", [(point.at, point.soc) for point in curve])
    power = _line(POWER, "W", "left", [(point.at, point.power_w) for point in curve])
    energy = _line(ENERGY, "Wh", "left", [(point.at, point.energy_wh) for point in curve])
    over = [line for line in data["charts"]["curve"]["lines"] if line.get("step")]
    right = charts["curve"].right
    data["charts"]["curve"] |= {
        "lines": [*power, *soc, *over],
        "right": shown_unit(right[1])[0] if right is not None and soc else "",
    }
    data["charts"]["energy"] |= {"lines": energy}
    # Each point is what was measured, not an hour's mean.
    return data | {"step": 0}


def _line(measurand: str, unit: str, axis: str, values: list[tuple[datetime, Decimal | None]]) -> Lines:
    """None at all, where nothing of it is known."""
    shown, divisor = shown_unit(unit)
    points = [
        [round(at.timestamp() * 1000), round(float(value / divisor), 4)] for at, value in values if value is not None
    ]
    return [{"label": name_of(measurand), "axis": axis, "unit": shown, "points": points}] if points else []
