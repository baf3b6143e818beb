"""Where hours and days begin. Pure.

Hours are those of UTC wherever the zone's offset is a whole number of hours. In a zone like India's (+05:30) hours
begin at half past, so that a local midnight is the beginning of an hour and days add up exactly to their hours.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from metering.models import Period

HOUR = timedelta(hours=1)
# Any instant that begins an hour of UTC.
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
TRUNCATED_TO = {Period.DAY: "day", Period.WEEK: "week", Period.MONTH: "month"}


def hour_shift(zone: ZoneInfo, now: datetime) -> timedelta:
    """How much later than UTC's the zone's hours begin, from 0 to 59 minutes; by its standard time."""
    local = now.astimezone(zone)
    standard = (local.utcoffset() or timedelta()) - (local.dst() or timedelta())
    return -standard % HOUR


def floor_hour(at: datetime, shift: timedelta = timedelta()) -> datetime:
    """The beginning of the hour that `at` lies in."""
    return at - (at - EPOCH - shift) % HOUR


def ceil_hour(at: datetime, shift: timedelta = timedelta()) -> datetime:
    """The first beginning of an hour that isn't before `at`."""
    floor = floor_hour(at, shift)
    return floor if floor == at else floor + HOUR


def period_start(at: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """The beginning (UTC) of the local day, ISO week or month that `at` lies in."""
    midnight = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if period == Period.WEEK:
        midnight -= timedelta(days=midnight.weekday())
    elif period == Period.MONTH:
        midnight = midnight.replace(day=1)
    # Wall-clock arithmetic keeps the old offset: ask the zone again.
    return midnight.replace(tzinfo=None).replace(tzinfo=zone).astimezone(UTC)


def period_end(start: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """Where the period that begins at `start` ends (UTC)."""
    if period == Period.HOUR:
        return start + HOUR
    # Half a day into the next period, whatever the clocks did in between.
    days = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 32}[period]
    return period_start(start + timedelta(days=days, hours=12 if period != Period.MONTH else 0), period, zone)
