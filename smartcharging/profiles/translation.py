"""Charging profiles as OCPP 1.6 writes them (`csChargingProfiles`, §7.8), as our tables keep them, and as `shapes`.

Reading takes anything and raises `InvalidProfile` with every problem that it found, never anything else. Whether what
was read makes sense, and whether a charge point can take it, is asked in `validation`.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from chargepoints.protocol.timestamps import format_timestamp
from smartcharging.profiles.fields import Fields
from smartcharging.profiles.problems import InvalidProfile, ProfileProblem, problem
from smartcharging.profiles.shapes import (
    CompositePeriod,
    Kind,
    Period,
    Profile,
    Purpose,
    Recurrency,
    Schedule,
    Unit,
)

__all__ = [
    "InvalidProfile",
    "ProfileProblem",
    "composite_from_ocpp16",
    "profile_from_ocpp16",
    "profile_to_ocpp16",
    "schedule_from_json",
    "schedule_from_ocpp16",
    "schedule_to_json",
    "schedule_to_ocpp16",
]

PURPOSES: dict[str, Purpose] = {
    "ChargePointMaxProfile": "station_max",
    "TxDefaultProfile": "tx_default",
    "TxProfile": "tx",
}
KINDS: dict[str, Kind] = {"Absolute": "absolute", "Recurring": "recurring", "Relative": "relative"}
RECURRENCIES: dict[str, Recurrency] = {"Daily": "daily", "Weekly": "weekly"}
UNITS: dict[str, Unit] = {"A": "A", "W": "W"}
PURPOSE_WORDS = {neutral: word for word, neutral in PURPOSES.items()}
KIND_WORDS = {neutral: word for word, neutral in KINDS.items()}
RECURRENCY_WORDS = {neutral: word for word, neutral in RECURRENCIES.items()}

PROFILE_FIELDS = frozenset({
    "chargingProfileId", "transactionId", "stackLevel", "chargingProfilePurpose", "chargingProfileKind",
    "recurrencyKind", "validFrom", "validTo", "chargingSchedule",
})  # fmt: skip
SCHEDULE_FIELDS = frozenset({
    "duration", "startSchedule", "chargingRateUnit", "chargingSchedulePeriod", "minChargingRate",
})  # fmt: skip
PERIOD_FIELDS = frozenset({"startPeriod", "limit", "numberPhases"})
# A week in steps of a minute. Charge points take far fewer (ChargingScheduleMaxPeriods).
MOST_PERIODS = 10_080


def profile_from_ocpp16(payload: object, *, path: str = "csChargingProfiles") -> Profile:
    """The profile in `csChargingProfiles` (or in `path`: a remote start calls it `chargingProfile`). InvalidProfile."""
    fields = _object(payload, path)
    fields.only(PROFILE_FIELDS)
    profile_id = fields.integer("chargingProfileId", required=True)
    transaction_id = fields.integer("transactionId")
    stack_level = fields.integer("stackLevel", required=True)
    purpose = fields.choice("chargingProfilePurpose", PURPOSES, required=True)
    kind = fields.choice("chargingProfileKind", KINDS, required=True)
    recurrency = fields.choice("recurrencyKind", RECURRENCIES)
    valid_from, valid_to = fields.time("validFrom"), fields.time("validTo")
    inner = fields.inner("chargingSchedule")
    schedule = _schedule(inner) if inner else None
    if fields.problems or profile_id is None or stack_level is None or not purpose or not kind or not schedule:
        raise InvalidProfile(fields.problems)
    return Profile(
        profile_id=profile_id,
        stack_level=stack_level,
        purpose=purpose,
        kind=kind,
        schedule=schedule,
        recurrency=recurrency or "",
        valid_from=valid_from,
        valid_to=valid_to,
        transaction_id=None if transaction_id is None else str(transaction_id),
    )


def schedule_from_ocpp16(payload: object, *, path: str = "chargingSchedule") -> Schedule:
    """A `chargingSchedule` alone. InvalidProfile."""
    fields = _object(payload, path)
    schedule = _schedule(fields)
    if fields.problems or schedule is None:
        raise InvalidProfile(fields.problems)
    return schedule


def profile_to_ocpp16(profile: Profile) -> dict[str, Any]:
    """`csChargingProfiles`. What is None is left out: a charge point need not understand null."""
    return _without_none(
        {
            "chargingProfileId": profile.profile_id,
            "transactionId": None if profile.transaction_id is None else int(profile.transaction_id),
            "stackLevel": profile.stack_level,
            "chargingProfilePurpose": PURPOSE_WORDS[profile.purpose],
            "chargingProfileKind": KIND_WORDS[profile.kind],
            "recurrencyKind": RECURRENCY_WORDS.get(profile.recurrency),
            "validFrom": _written(profile.valid_from),
            "validTo": _written(profile.valid_to),
            "chargingSchedule": schedule_to_ocpp16(profile.schedule),
        }
    )


def schedule_to_ocpp16(schedule: Schedule) -> dict[str, Any]:
    """A `chargingSchedule`."""
    return _without_none(
        {
            "duration": schedule.duration_s,
            "startSchedule": _written(schedule.start_at),
            "chargingRateUnit": schedule.unit,
            "chargingSchedulePeriod": [
                _without_none(
                    {"startPeriod": period.start_s, "limit": _plain(period.limit), "numberPhases": period.phases}
                )
                for period in schedule.periods
            ],
            "minChargingRate": None if schedule.min_rate is None else _plain(schedule.min_rate),
        }
    )


def schedule_to_json(schedule: Schedule) -> dict[str, Any]:
    """As the models' `schedule` field keeps it: limits as text, so that they stay exact."""
    return {
        "unit": schedule.unit,
        "periods": [
            {"start": period.start_s, "limit": f"{period.limit:f}", "phases": period.phases}
            for period in schedule.periods
        ],
        "duration": schedule.duration_s,
        "startAt": None if schedule.start_at is None else schedule.start_at.astimezone(UTC).isoformat(),
        "minRate": None if schedule.min_rate is None else f"{schedule.min_rate:f}",
    }


def schedule_from_json(found: object, *, path: str = "schedule") -> Schedule:
    """From the models' `schedule` field. InvalidProfile."""
    fields = _object(found, path)
    fields.only(frozenset({"unit", "periods", "duration", "startAt", "minRate"}))
    unit = fields.choice("unit", UNITS, required=True)
    periods = _periods(fields, "periods", ("start", "limit", "phases"))
    duration, start_at, min_rate = fields.integer("duration"), fields.time("startAt"), fields.number("minRate")
    if fields.problems or not unit:
        raise InvalidProfile(fields.problems)
    return Schedule(unit, tuple(periods), duration, start_at, min_rate)


def composite_from_ocpp16(schedule: object, *, path: str = "chargingSchedule") -> list[CompositePeriod]:
    """The periods of the `chargingSchedule` that a charge point answers GetCompositeSchedule with. InvalidProfile.

    In the schedule's own unit (`chargingRateUnit`), counted from its own start, as ours are: in order, equal neighbours
    made one, and open (None) before the first. Of two periods with the same start the later in the list holds.
    """
    read = schedule_from_ocpp16(schedule, path=path)
    by_start = {period.start_s: period for period in read.periods}
    composite = [] if 0 in by_start else [CompositePeriod(0, None, None)]
    for start_s in sorted(by_start):
        period = by_start[start_s]
        last = composite[-1] if composite else None
        if last is None or (last.limit, last.phases) != (period.limit, period.phases):
            composite.append(CompositePeriod(start_s, period.limit, period.phases))
    return composite


def _schedule(fields: Fields) -> Schedule | None:
    fields.only(SCHEDULE_FIELDS)
    unit = fields.choice("chargingRateUnit", UNITS, required=True)
    periods = _periods(fields, "chargingSchedulePeriod", ("startPeriod", "limit", "numberPhases"))
    duration, start_at = fields.integer("duration"), fields.time("startSchedule")
    min_rate = fields.number("minChargingRate")
    return Schedule(unit, tuple(periods), duration, start_at, min_rate) if unit else None


def _periods(fields: Fields, name: str, words: tuple[str, str, str]) -> list[Period]:
    start_word, limit_word, phases_word = words
    periods = []
    for entry in fields.each(name, most=MOST_PERIODS) or []:
        entry.only(frozenset(words))
        start_s = entry.integer(start_word, required=True)
        limit = entry.number(limit_word, required=True)
        phases = entry.integer(phases_word)
        if start_s is not None and limit is not None:
            periods.append(Period(start_s, limit, phases))
    return periods


def _object(payload: object, path: str) -> Fields:
    if not isinstance(payload, dict):
        raise InvalidProfile([problem("not_an_object", path)])
    return Fields(cast(dict[object, object], payload), path)


def _written(at: datetime | None) -> str | None:
    return None if at is None else format_timestamp(at)


def _plain(number: Decimal) -> int | float:
    """16 rather than 16.0 where it is whole: both are JSON numbers, and there are readers that take only the first."""
    return int(number) if number == number.to_integral_value() else float(number)


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
