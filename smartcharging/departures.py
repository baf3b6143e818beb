"""When a driver leaves who leaves at the same time of each day. Pure."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def next_departure(after: datetime, departure: time, zone: ZoneInfo) -> datetime:
    """The first moment later than `after` (aware) at which clocks in `zone` show `departure`; in UTC.

    A time that the clocks pass twice counts both times; one that they skip is as long after midnight as ever.
    """
    day = after.astimezone(zone).date()
    for number in range(3):
        for moment in _moments(datetime.combine(day + timedelta(days=number), departure, zone)):
            if moment > after:
                return moment
    raise AssertionError("a time of day comes every day")


def _moments(local: datetime) -> list[datetime]:
    first, second = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    # Where clocks skip it, the second reading of the zone's rules lies before the first.
    return [first, second] if second > first else [first]
