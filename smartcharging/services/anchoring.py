"""When a recurring schedule is sent, and how stations repeat it. Pure.

Ours repeats at the same time of day at the site, summer time or not. Stations know no time zone: they repeat every 24
hours (or 168) from startSchedule on. One that began in winter would be an hour late all summer, so what is sent begins
at its latest time before now; after a change of the clocks the comparison of schedules finds it and sends it again.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from smartcharging.profiles.shapes import Profile

DAYS = {"daily": 1, "weekly": 7}


def anchored(profile: Profile, *, now: datetime, zone: ZoneInfo) -> Profile:
    """The same profile, its startSchedule moved to the latest time at which it began again; others as they are."""
    start_at = profile.schedule.start_at
    if profile.kind != "recurring" or profile.recurrency not in DAYS or start_at is None or start_at >= now:
        return profile
    local, step = start_at.astimezone(zone), DAYS[profile.recurrency]
    days = (now.astimezone(zone).date() - local.date()).days // step * step
    latest = _at(local, days, zone)
    while latest > now:
        days -= step
        latest = _at(local, days, zone)
    return replace(profile, schedule=replace(profile.schedule, start_at=max(latest, start_at).astimezone(UTC)))


def _at(local: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same time of day, that many days later: a time that is skipped is as much later, of two the first counts."""
    return datetime.combine(local.date() + timedelta(days=days), local.time(), tzinfo=zone).replace(fold=0)
