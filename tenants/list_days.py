"""Years, months and days above a list, from its first row's to its last's.

Django looks through all rows for the days that occur; the first and the last are one step in an index each.
"""

from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Max, Min
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

PARTS = ("year", "month", "day")


def day_choices(changelist: Any) -> dict[str, Any]:
    """The context of `admin/date_hierarchy.html`: where to go from the days that were chosen, and back."""
    field = changelist.date_hierarchy
    bounds = changelist.model._default_manager.aggregate(first=Min(field), last=Max(field))
    if bounds["first"] is None:
        return {"show": False}
    first, last = _day(bounds["first"]), _day(bounds["last"])
    chosen = _chosen(changelist.params, field)

    def link(*values: int) -> str:
        given = {f"{field}__{part}": value for part, value in zip(PARTS, values, strict=False)}
        return str(changelist.get_query_string(given, [f"{field}__"]))

    return {"show": True, **_back(chosen, link), "choices": _choices(chosen or _only(first, last), first, last, link)}


def _chosen(params: dict[str, Any], field: str) -> tuple[int, ...]:
    """(), (year), (year, month) or (year, month, day) that the list is narrowed to. The list has refused impossible ones."""
    found: list[int] = []
    for part in PARTS:
        value = str(params.get(f"{field}__{part}", ""))
        if not (value.isascii() and value.isdigit()):
            break
        found.append(int(value))
    return tuple(found)


def _only(first: date, last: date) -> tuple[int, ...]:
    """What there is no choice of."""
    if first.year != last.year:
        return ()
    return (first.year,) if first.month != last.month else (first.year, first.month)


def _back(chosen: tuple[int, ...], link: Any) -> dict[str, Any]:
    if not chosen:
        return {}
    titles = (_("All dates"), str(chosen[0]), _month(*chosen[:2]) if len(chosen) > 1 else "")
    return {"back": {"link": link(*chosen[:-1]), "title": titles[len(chosen) - 1]}}


def _choices(chosen: tuple[int, ...], first: date, last: date, link: Any) -> list[dict[str, Any]]:
    match chosen:
        case (year, month, day):
            return [{"title": _month_day(date(year, month, day))}]
        case (year, month):
            days = _days(max(first, date(year, month, 1)), min(last, _end_of_month(year, month)))
            return [{"title": _month_day(one), "link": link(year, month, one.day)} for one in days]
        case (year,):
            months = [
                one for one in range(1, 13) if (first.year, first.month) <= (year, one) <= (last.year, last.month)
            ]
            return [{"title": _month(year, one), "link": link(year, one)} for one in months]
    return [{"title": str(one), "link": link(one)} for one in range(first.year, last.year + 1)]


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _end_of_month(year: int, month: int) -> date:
    return (date(year, month, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _day(at: date | datetime) -> date:
    return timezone.localtime(at).date() if isinstance(at, datetime) else at


def _month(year: int, month: int) -> str:
    return str(capfirst(date_format(date(year, month, 1), "YEAR_MONTH_FORMAT")))


def _month_day(day: date) -> str:
    return str(capfirst(date_format(day, "MONTH_DAY_FORMAT")))
