"""Reading what a tenant makes use of."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from tenants.context import system_transaction, where_lives
from tenants.models import UsageDay

DAYS = 30


@dataclass(frozen=True, slots=True)
class Figure:
    """How often one kind of thing happened: on the day, in the seven and the thirty days that end with it."""

    kind: str
    label: str
    today: int
    week: int
    month: int


@dataclass(frozen=True, slots=True)
class UsageFigures:
    """`by_day`: the newest first, days (UTC) on which nothing happened left out; numbers in the order of `figures`."""

    figures: list[Figure]
    by_day: list[tuple[date, list[int]]]


def usage_figures(tenant_id: int, today: date) -> UsageFigures:
    """The thirty days that end with `today` (UTC): at most 120 rows."""
    first = today - timedelta(days=DAYS - 1)
    with where_lives(tenant_id), system_transaction():
        rows = list(
            UsageDay.objects.filter(tenant_id=tenant_id, day__gte=first, day__lte=today).values_list(
                "day", "kind", "number"
            )
        )
    numbers: defaultdict[date, dict[str, int]] = defaultdict(dict)
    for day, kind, number in rows:
        numbers[day][kind] = number
    figures = [_figure(kind, numbers, today) for kind in UsageDay.Kind]
    by_day = [(day, [numbers[day].get(kind, 0) for kind in UsageDay.Kind]) for day in sorted(numbers, reverse=True)]
    return UsageFigures(figures, by_day)


def _figure(kind: UsageDay.Kind, numbers: dict[date, dict[str, int]], today: date) -> Figure:
    def since(days: int) -> int:
        return sum(of_day.get(kind, 0) for day, of_day in numbers.items() if (today - day).days < days)

    return Figure(kind.value, str(kind.label), since(1), since(7), since(DAYS))
