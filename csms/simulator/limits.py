"""Charging profiles as a station obeys them (OCPP 1.6 §3.13), plainly: the limit at one instant. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

VOLTAGE = 230.0
Profile = dict[str, Any]


def limit_w(
    profiles: list[Profile],
    now: datetime,
    started: datetime | None,
    phases: int,
    common: Sequence[Profile] = (),
) -> float | None:
    """The watts that a connector's own profiles and the `common` ones (connector 0) allow; None: no limit.

    Keys in snake_case, as `ocpp` gives them. Its own default comes before a common one, whatever their levels.
    """
    limits = []
    maximum = _highest([*profiles, *common], "ChargePointMaxProfile", now, started, phases)
    session = _highest(profiles, "TxProfile", now, started, phases) if started else None
    for held in (profiles, common):
        if session is None:
            session = _highest(held, "TxDefaultProfile", now, started, phases)
    limits = [value for value in (maximum, session) if value is not None]
    return min(limits) if limits else None


def _highest(
    profiles: Sequence[Profile], purpose: str, now: datetime, started: datetime | None, phases: int
) -> float | None:
    """The highest stack level that says something now; a gap in it lets the next one through."""
    of_purpose = [profile for profile in profiles if profile["charging_profile_purpose"] == purpose]
    for profile in sorted(of_purpose, key=lambda one: -int(one["stack_level"])):
        value = _at(profile, now, started, phases)
        if value is not None:
            return value
    return None


def _at(profile: Profile, now: datetime, started: datetime | None, phases: int) -> float | None:
    if profile.get("valid_from") and now < _time(profile["valid_from"]):
        return None
    if profile.get("valid_to") and now >= _time(profile["valid_to"]):
        return None
    schedule = profile["charging_schedule"]
    begin = _begin(profile, schedule, now, started)
    if begin is None or now < begin:
        return None
    elapsed = (now - begin).total_seconds()
    if schedule.get("duration") is not None and elapsed >= schedule["duration"]:
        return None
    current = [period for period in schedule["charging_schedule_period"] if period["start_period"] <= elapsed]
    if not current:
        return None
    period = current[-1]
    if schedule["charging_rate_unit"] == "W":
        return float(period["limit"])
    return float(period["limit"]) * VOLTAGE * min(phases, period.get("number_phases") or 3)


def moments(profile: Profile, now: datetime, end: datetime, started: datetime | None) -> list[datetime]:
    """When what the profile says may change between `now` and `end`."""
    found = [_time(profile[name]) for name in ("valid_from", "valid_to") if profile.get(name)]
    schedule = profile["charging_schedule"]
    begin = _begin(profile, schedule, now, started)
    if begin is None:
        return found
    steps = [period["start_period"] for period in schedule["charging_schedule_period"]]
    if schedule.get("duration") is not None:
        steps.append(schedule["duration"])
    recurring = profile["charging_profile_kind"] == "Recurring"
    again = timedelta(days=7 if profile.get("recurrency_kind") == "Weekly" else 1)
    while begin < end:
        found += [begin, *(begin + timedelta(seconds=step) for step in steps)]
        if not recurring:
            break
        begin += again
    return found


def _begin(profile: Profile, schedule: dict[str, Any], now: datetime, started: datetime | None) -> datetime | None:
    if profile["charging_profile_kind"] == "Relative":
        return started
    begin = _time(schedule["start_schedule"]) if schedule.get("start_schedule") else started
    # A recurring one doesn't hold before its first time either.
    if begin is None or profile["charging_profile_kind"] == "Absolute" or now < begin:
        return begin
    period = timedelta(days=7 if profile.get("recurrency_kind") == "Weekly" else 1)
    return begin + (now - begin) // period * period


def _time(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
