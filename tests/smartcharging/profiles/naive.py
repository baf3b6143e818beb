"""The composite schedule the slow way: one instant, every profile looked at, exact fractions.

It shares no code with what it checks. The rules are those of the docstring of `smartcharging.profiles.composite`.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from smartcharging.profiles.shapes import Installed, Period, Profile, Unit

SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Question:
    """What a composite schedule is asked for, but for the window."""

    evse_number: int
    unit: Unit
    zone: ZoneInfo
    session_start: datetime | None = None
    transaction_id: str | None = None
    voltage: int = 230
    default_phases: int = 3


Found = tuple[Unit, Period]


def naive_limit(installed: list[Installed], asked: Question, at: datetime) -> tuple[Fraction | None, int | None]:
    """The limit and the phases at `at`."""
    maximum = highest([item.profile for item in installed if is_maximum(item)], asked, at)
    limit = None
    if asked.evse_number > 0:
        own = [item.profile for item in installed if item.evse_number == asked.evse_number]
        common = [item.profile for item in installed if item.evse_number == 0]
        limit = (
            highest([profile for profile in own if is_of_session(profile, asked)], asked, at)
            or highest([profile for profile in own if profile.purpose == "tx_default"], asked, at)
            or highest([profile for profile in common if profile.purpose == "tx_default"], asked, at)
        )
    found = [one for one in (maximum, limit) if one is not None]
    if not found:
        return None, None
    phases = min(period.phases or asked.default_phases for _, period in found)
    # All in amperes: the lower is the same in either unit.
    amps = min(
        Fraction(period.limit) / (asked.voltage * phases if unit == "W" else 1) for unit, period in found
    )  # fmt: skip
    said = any(period.phases for _, period in found)
    return amps if asked.unit == "A" else amps * asked.voltage * phases, phases if said else None


def is_maximum(item: Installed) -> bool:
    return item.evse_number == 0 and item.profile.purpose == "station_max"


def is_of_session(profile: Profile, asked: Question) -> bool:
    if profile.purpose != "tx" or (asked.session_start is None and asked.transaction_id is None):
        return False
    return profile.transaction_id is None or profile.transaction_id == asked.transaction_id


def highest(profiles: list[Profile], asked: Question, at: datetime) -> Found | None:
    """What the profile of the highest level says that says anything."""
    for profile in sorted(profiles, key=lambda profile: profile.stack_level, reverse=True):
        period = period_at(profile, asked, at)
        if period is not None:
            return profile.schedule.unit, period
    return None


def period_at(profile: Profile, asked: Question, at: datetime) -> Period | None:
    if profile.valid_from is not None and at < profile.valid_from:
        return None
    if profile.valid_to is not None and at >= profile.valid_to:
        return None
    if profile.purpose == "tx" and asked.session_start is not None and at < asked.session_start:
        return None
    begun = begun_at(profile, asked, at)
    if begun is None or begun > at:
        return None
    duration = profile.schedule.duration_s
    if duration is not None and at >= begun + duration * SECOND:
        return None
    holding = [period for period in profile.schedule.periods if begun + period.start_s * SECOND <= at]
    return holding[-1] if holding else None


def begun_at(profile: Profile, asked: Question, at: datetime) -> datetime | None:
    """When the schedule last started, at or before `at`."""
    start = profile.schedule.start_at
    if profile.kind == "relative" or (profile.kind == "absolute" and start is None):
        return asked.session_start
    if profile.kind == "absolute" or start is None:
        return start
    days = {"daily": 1, "weekly": 7}[profile.recurrency]
    begun, day = start, start.astimezone(asked.zone).date()
    while True:
        day += timedelta(days=days)
        again = at_site(day, start.astimezone(asked.zone).time(), asked.zone)
        if again > at:
            return begun
        begun = again


def at_site(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The first instant at which the clock shows this; where it is skipped, the clock before the change goes on."""
    return datetime.combine(day, clock.replace(fold=0), tzinfo=zone).astimezone(UTC)
