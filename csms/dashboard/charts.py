"""What the overview's charts draw: 24 hours of power with the limit, 30 days of energy. For the tenant in scope.

Lines are as `csms/lines.js` takes them: points of [time (ms), mean, lowest, highest], None where nothing is known.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from metering.models import FleetBucket, Period
from smartcharging.models import FleetLoad
from tenants.models import Tenant
from tenants.selectors import tenant_zone

HOURS = 24
BIN = timedelta(minutes=5)
DAYS = 30
Point = list[float] | None


class Minute(NamedTuple):
    """A minute of the fleet: W."""

    at: datetime
    power_w: Decimal
    limit_w: Decimal | None


def power_chart(now: datetime) -> dict[str, Any]:
    """One query: a row a minute."""
    start = now - timedelta(hours=HOURS)
    rows = FleetLoad.objects.filter(at__gte=start, at__lte=now).order_by("at").values_list("at", "power_w", "limit_w")
    minutes = [Minute(*row) for row in rows]
    lines = [_line(_("Power"), power_points(minutes))]
    limit = limit_points(minutes)
    if limit:
        lines.append(_line(_("Limit"), limit, step=True))
    shown = lines if minutes else []
    return {"unit": "kW", "right": "", "start": _ms(start), "end": _ms(now), "lines": shown}


def power_points(minutes: Iterable[Minute]) -> list[Point]:
    """Means of five minutes in kW; a gap where a whole one is missing. Pure."""
    bins: dict[int, list[float]] = {}
    width = _width()
    for minute in minutes:
        bins.setdefault(_ms(minute.at) // width, []).append(float(minute.power_w) / 1000)
    points: list[Point] = []
    before: int | None = None
    for number, values in bins.items():
        if before is not None and number > before + 1:
            points.append(None)
        mean = sum(values) / len(values)
        points.append([number * width + width / 2, round(mean, 3), round(min(values), 3), round(max(values), 3)])
        before = number
    return points


def limit_points(minutes: Iterable[Minute]) -> list[Point]:
    """The corners of the limit's steps in kW; a gap where there was none or it isn't known. Pure."""
    points: list[Point] = []
    held: tuple[int, float] | None = None
    for minute in minutes:
        at = _ms(minute.at)
        value = None if minute.limit_w is None else round(float(minute.limit_w) / 1000, 3)
        if held is not None and at - held[0] > 2 * _width():
            # Nobody wrote anything down meanwhile.
            points += [[held[0], held[1]], None]
            held = None
        if held is not None and value != held[1]:
            # Until here it was the former.
            points.append([at, held[1]])
        if value is None:
            if held is not None:
                points.append(None)
            held = None
            continue
        if held is None or value != held[1]:
            points.append([at, value])
        held = (at, value)
    if held is not None:
        points.append([held[0], held[1]])
    return points


def energy_chart(tenant: Tenant, now: datetime) -> list[dict[str, Any]]:
    """A bar for each of the last 30 days of the tenant's calendar, the running one last. One query.

    `kwh` None: nothing is known of the day. `provisional`: still running; `estimated`: a gap was bridged.
    """
    zone = tenant_zone(tenant)
    today = now.astimezone(zone).date()
    first = today - timedelta(days=DAYS - 1)
    # The first day's midnight is found by its date: there may be none at that hour.
    rows = FleetBucket.objects.filter(period=Period.DAY, start__gt=now - timedelta(days=DAYS + 1)).order_by("start")
    found = {row.start.astimezone(zone).date(): row for row in rows}
    return [_bar(first + timedelta(days=offset), found, today) for offset in range(DAYS)]


def _bar(day: date, found: dict[date, FleetBucket], today: date) -> dict[str, Any]:
    row = found.get(day)
    return {
        "label": date_format(day, "j M"),
        "name": date_format(day, "l j F Y"),
        "kwh": None if row is None else round(float(row.energy_wh) / 1000, 3),
        "provisional": day == today,
        "estimated": row is not None and row.estimated,
    }


def _line(label: str, points: list[Point], *, step: bool = False) -> dict[str, Any]:
    return {"label": label, "unit": "kW", "axis": "left", "step": step, "points": points}


def _width() -> int:
    return int(BIN.total_seconds() * 1000)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
