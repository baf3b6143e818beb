"""Reads of how long stations were online. Callers hold the scope."""

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.db.models import QuerySet, Sum
from django.utils import timezone

from chargepoints.models import FleetOnlineDay, OnlineDay


class UptimeDay(NamedTuple):
    """Station-seconds of one day of the tenant's calendar: online, and in which stations should have been."""

    day: date
    online_s: int
    expected_s: int

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where no station was expected."""
        return min(1.0, self.online_s / self.expected_s) if self.expected_s else None


def uptime_days(charge_point_ids: Collection[int] | None, days: int, *, today: date | None = None) -> list[UptimeDay]:
    """The last `days` days up to the running one, oldest first, none left out. One query.

    Of these stations together; None: of all the tenant's. `today`: by default that of the active time zone.
    Before a station's first connection nothing is expected of it (`expected_s` 0, `share` None). The running day is
    counted as far as it was folded: every five minutes.
    """
    last = today or timezone.localdate()
    first = last - timedelta(days=days - 1)
    rows: QuerySet[Any] = FleetOnlineDay.objects.all()
    if charge_point_ids is not None:
        rows = OnlineDay.objects.filter(charge_point_id__in=charge_point_ids)
    by_day = rows.filter(day__range=(first, last)).order_by("day").values_list("day")
    sums = by_day.annotate(online=Sum("online_s"), expected=Sum("expected_s"))
    found = {day: UptimeDay(day, online, expected) for day, online, expected in sums}
    calendar = (first + timedelta(days=offset) for offset in range(days))
    return [found.get(day, UptimeDay(day, 0, 0)) for day in calendar]


def uptime_share(days: Iterable[UptimeDay]) -> float | None:
    """Of all these days together, from 0 to 1; None where no station was expected."""
    online, expected = 0, 0
    for one in days:
        online, expected = online + one.online_s, expected + one.expected_s
    return min(1.0, online / expected) if expected else None
