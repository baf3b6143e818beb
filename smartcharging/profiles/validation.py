"""May this profile be sent there? Every refusal is a reason of `problems.REASONS`. Pure; the session and what the
charge point can do are given.

Reasons come from OCPP 1.6: §3.13 (purposes, kinds, stacking), §5.16 (setting), §7.8-7.14 (fields), §9.4 (what a charge
point reports). Where a charge point would have to guess, we refuse:

- An absolute schedule without startSchedule. §7.13 has it start with the session then, which is what Relative is for;
  charge points reject it, take it as relative, or take it from now on.
- A recurring schedule needs startSchedule and recurrencyKind. It needs no duration: without one it lasts until it starts
  again (§7.13: "the last period will continue").
- A session named by a profile that is not for one, and a recurrency of what doesn't recur: one of both is a mistake.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from smartcharging.profiles.problems import ProfileProblem, problem
from smartcharging.profiles.shapes import DEFAULT_PHASES, Profile, Schedule, Unit
from smartcharging.profiles.units import decimals

SECONDS = {"daily": 86_400, "weekly": 7 * 86_400}
MOST_PHASES = 3

__all__ = ["ProfileProblem", "StationLimits", "validate_profile"]


@dataclass(frozen=True, slots=True)
class StationLimits:
    """What a charge point can do: ChargeProfileMaxStackLevel, ChargingScheduleMaxPeriods, MaxChargingProfilesInstalled,
    ChargingScheduleAllowedChargingRateUnit, ConnectorSwitch3to1PhaseSupported (OCPP 1.6 §9.4)."""

    max_stack_level: int
    max_periods: int
    max_installed: int
    units: frozenset[Unit]
    connector_switch_3to1: bool


def validate_profile(
    profile: Profile,
    *,
    evse_number: int,
    limits: StationLimits,
    now: datetime,
    running_transaction: str | None,
    with_start: bool = False,
    path: str = "csChargingProfiles",
) -> list[ProfileProblem]:
    """Every problem, each with its field below `path`; empty: it may be sent to connector `evse_number`.

    `running_transaction` is the protocol's id of the session on that connector. `with_start`: the profile goes with a
    remote start, whose session doesn't run yet (§5.11). How many profiles are installed already is not asked here.
    """
    at = path + "." if path else ""
    found = [
        *_purpose(profile, evse_number, at),
        *(_start(profile, at) if with_start else _transaction(profile, evse_number, running_transaction, at)),
        *_stack_level(profile, limits, at),
        *_kind(profile, at),
        *_validity(profile, now, at),
        *_schedule(profile, limits, at + "chargingSchedule."),
        *_periods(profile.schedule, limits, at + "chargingSchedule.chargingSchedulePeriod"),
    ]
    return found


def _purpose(profile: Profile, evse_number: int, at: str) -> Iterator[ProfileProblem]:
    if profile.purpose == "station_max":
        if evse_number != 0:
            yield problem("station_max_on_connector", at + "chargingProfilePurpose")
        if profile.kind == "relative":
            yield problem("station_max_relative", at + "chargingProfileKind")
    if profile.purpose == "tx" and evse_number == 0:
        yield problem("tx_on_station", at + "chargingProfilePurpose")


def _transaction(profile: Profile, evse_number: int, running: str | None, at: str) -> Iterator[ProfileProblem]:
    if profile.purpose != "tx":
        if profile.transaction_id is not None:
            yield problem("transaction_not_tx", at + "transactionId")
    elif evse_number == 0:
        return
    elif running is None:
        yield problem("tx_without_transaction", at + "chargingProfilePurpose")
    elif profile.transaction_id not in (None, running):
        yield problem("tx_other_transaction", at + "transactionId")


def _start(profile: Profile, at: str) -> Iterator[ProfileProblem]:
    if profile.purpose != "tx":
        yield problem("start_needs_tx", at + "chargingProfilePurpose")
    if profile.transaction_id is not None:
        yield problem("start_with_transaction", at + "transactionId")


def _stack_level(profile: Profile, limits: StationLimits, at: str) -> Iterator[ProfileProblem]:
    if profile.stack_level < 0:
        yield problem("stack_level_negative", at + "stackLevel")
    elif profile.stack_level > limits.max_stack_level:
        yield problem("stack_level_too_high", at + "stackLevel", most=limits.max_stack_level)


def _kind(profile: Profile, at: str) -> Iterator[ProfileProblem]:
    start_field, start_at = at + "chargingSchedule.startSchedule", profile.schedule.start_at
    if profile.kind == "relative" and start_at is not None:
        yield problem("relative_with_start", start_field)
    if profile.kind == "absolute" and start_at is None:
        yield problem("absolute_without_start", start_field)
    if profile.kind != "recurring":
        if profile.recurrency:
            yield problem("recurrency_not_recurring", at + "recurrencyKind")
        return
    if start_at is None:
        yield problem("recurring_without_start", start_field)
    if not profile.recurrency:
        yield problem("recurring_without_recurrency", at + "recurrencyKind")
    elif (profile.schedule.duration_s or 0) > SECONDS[profile.recurrency]:
        most, field = SECONDS[profile.recurrency], at + "chargingSchedule.duration"
        yield problem("recurring_too_long", field, recurrency=profile.recurrency, most=most)


def _validity(profile: Profile, now: datetime, at: str) -> Iterator[ProfileProblem]:
    if profile.valid_to is None:
        return
    if profile.valid_from is not None and profile.valid_from >= profile.valid_to:
        yield problem("validity_reversed", at + "validTo")
    elif profile.valid_to <= now:
        yield problem("validity_over", at + "validTo")


def _schedule(profile: Profile, limits: StationLimits, at: str) -> Iterator[ProfileProblem]:
    schedule = profile.schedule
    if schedule.unit not in limits.units:
        yield problem("unit_not_supported", at + "chargingRateUnit", units=", ".join(sorted(limits.units)))
    if schedule.duration_s is not None and schedule.duration_s <= 0:
        yield problem("duration_not_positive", at + "duration")
    if schedule.min_rate is not None:
        if schedule.min_rate < 0:
            yield problem("negative_min_rate", at + "minChargingRate")
        elif decimals(schedule.min_rate) > 1:
            yield problem("min_rate_not_tenths", at + "minChargingRate")


def _periods(schedule: Schedule, limits: StationLimits, at: str) -> Iterator[ProfileProblem]:
    periods = schedule.periods
    if not periods:
        yield problem("no_periods", at)
        return
    if len(periods) > limits.max_periods:
        yield problem("too_many_periods", at, most=limits.max_periods)
        return
    if periods[0].start_s != 0:
        yield problem("first_period_not_zero", f"{at}.0.startPeriod")
    duration, phases_before = schedule.duration_s, None
    for place, period in enumerate(periods):
        start_field = f"{at}.{place}.startPeriod"
        if place and period.start_s <= periods[place - 1].start_s:
            yield problem("periods_not_rising", start_field)
        elif duration is not None and place and period.start_s >= duration > 0:
            yield problem("period_after_duration", start_field, duration=duration)
        if period.limit < 0:
            yield problem("negative_limit", f"{at}.{place}.limit")
        elif decimals(period.limit) > 1:
            yield problem("limit_not_tenths", f"{at}.{place}.limit")
        # Without numberPhases it is 3 (§7.14): from nothing to 1 is a switch too.
        phases = DEFAULT_PHASES if period.phases is None else period.phases
        if not 1 <= phases <= MOST_PHASES:
            yield problem("phases_out_of_range", f"{at}.{place}.numberPhases")
        elif phases_before not in (None, phases) and not limits.connector_switch_3to1:
            yield problem("phase_switch_not_supported", f"{at}.{place}.numberPhases")
        phases_before = phases
