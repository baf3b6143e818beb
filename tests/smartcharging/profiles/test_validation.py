"""Each reason for which a profile is refused, and what is taken."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartcharging.profiles.problems import REASONS, problem
from smartcharging.profiles.shapes import Period, Profile, Schedule, Unit
from smartcharging.profiles.validation import StationLimits, validate_profile
from tests.smartcharging.profiles.made import profiles

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BOTH: frozenset[Unit] = frozenset({"A", "W"})
ABLE = StationLimits(max_stack_level=10, max_periods=3, max_installed=20, units=BOTH, connector_switch_3to1=True)
UNABLE = replace(ABLE, units=frozenset({"W"}), connector_switch_3to1=False)
PATH = "csChargingProfiles"
SCHEDULE = f"{PATH}.chargingSchedule"
PERIODS = f"{SCHEDULE}.chargingSchedulePeriod"


def amps(*limits: str | int, step: int = 60, phases: int | None = None) -> tuple[Period, ...]:
    return tuple(Period(place * step, Decimal(limit), phases) for place, limit in enumerate(limits))


ABSOLUTE = Profile(1, 0, "tx_default", "absolute", Schedule("A", amps(16, 10), start_at=NOW))
RELATIVE = replace(ABSOLUTE, kind="relative", schedule=replace(ABSOLUTE.schedule, start_at=None))
DAILY = replace(ABSOLUTE, kind="recurring", recurrency="daily")
WEEKLY = replace(ABSOLUTE, kind="recurring", recurrency="weekly")
MAXIMUM = replace(ABSOLUTE, purpose="station_max")
OF_SESSION = replace(RELATIVE, purpose="tx", transaction_id="42")


def refusals(profile: Profile, **circumstances: Any) -> list[tuple[str, str]]:
    given: dict[str, Any] = {"evse_number": 1, "limits": ABLE, "now": NOW, "running_transaction": "42"}
    return [(found.reason, found.field) for found in validate_profile(profile, **given | circumstances)]


def scheduled(profile: Profile, **schedule: Any) -> Profile:
    return replace(profile, schedule=replace(profile.schedule, **schedule))


@pytest.mark.parametrize(
    ("profile", "circumstances"),
    [
        (ABSOLUTE, {}),
        (ABSOLUTE, {"evse_number": 0}),
        (ABSOLUTE, {"running_transaction": None}),
        (RELATIVE, {}),
        (DAILY, {}),
        (scheduled(DAILY, duration_s=86_400), {}),
        (scheduled(WEEKLY, duration_s=7 * 86_400), {}),
        (MAXIMUM, {"evse_number": 0}),
        (OF_SESSION, {}),
        (replace(OF_SESSION, transaction_id=None), {}),
        (replace(OF_SESSION, transaction_id=None), {"with_start": True, "running_transaction": None}),
        (replace(ABSOLUTE, valid_from=NOW, valid_to=NOW + timedelta(seconds=1)), {}),
        (replace(ABSOLUTE, stack_level=10), {}),
        (scheduled(ABSOLUTE, periods=amps(0, "0.1", "32.9", step=1)), {}),
        (scheduled(ABSOLUTE, duration_s=61), {}),
        (scheduled(ABSOLUTE, min_rate=Decimal("6.0")), {}),
        (scheduled(ABSOLUTE, periods=(Period(0, Decimal(9), 3), Period(9, Decimal(9), 1))), {}),
        # Three phases, said or not, are no switch.
        (scheduled(ABSOLUTE, unit="W", periods=(Period(0, Decimal(9), 3), Period(9, Decimal(9)))), {"limits": UNABLE}),
        (scheduled(ABSOLUTE, unit="W", periods=amps(1, 2, phases=1)), {"limits": UNABLE}),
    ],
)
def test_profile_that_makes_sense_is_taken(profile: Profile, circumstances: dict[str, Any]) -> None:
    assert refusals(profile, **circumstances) == []


REFUSED: list[tuple[str, str, Profile, dict[str, Any]]] = [
    ("no_periods", PERIODS, scheduled(ABSOLUTE, periods=()), {}),
    ("too_many_periods", PERIODS, scheduled(ABSOLUTE, periods=amps(1, 2, 3, 4)), {}),
    ("first_period_not_zero", f"{PERIODS}.0.startPeriod", scheduled(ABSOLUTE, periods=(Period(1, Decimal(6)),)), {}),
    ("first_period_not_zero", f"{PERIODS}.0.startPeriod", scheduled(ABSOLUTE, periods=(Period(-1, Decimal(6)),)), {}),
    ("periods_not_rising", f"{PERIODS}.1.startPeriod", scheduled(ABSOLUTE, periods=amps(6, 6, step=0)), {}),
    ("periods_not_rising", f"{PERIODS}.1.startPeriod", scheduled(ABSOLUTE, periods=amps(6, 6, step=-1)), {}),
    ("period_after_duration", f"{PERIODS}.1.startPeriod", scheduled(ABSOLUTE, duration_s=60), {}),
    ("negative_limit", f"{PERIODS}.1.limit", scheduled(ABSOLUTE, periods=amps(6, "-0.1")), {}),
    ("limit_not_tenths", f"{PERIODS}.1.limit", scheduled(ABSOLUTE, periods=amps(6, "6.05")), {}),
    (
        "limit_not_tenths",
        f"{PERIODS}.0.limit",
        scheduled(ABSOLUTE, periods=amps("16.000000000000000000000000000001")),
        {},
    ),
    ("negative_min_rate", f"{SCHEDULE}.minChargingRate", scheduled(ABSOLUTE, min_rate=Decimal(-1)), {}),
    ("min_rate_not_tenths", f"{SCHEDULE}.minChargingRate", scheduled(ABSOLUTE, min_rate=Decimal("0.01")), {}),
    ("phases_out_of_range", f"{PERIODS}.0.numberPhases", scheduled(ABSOLUTE, periods=amps(6, phases=4)), {}),
    ("phases_out_of_range", f"{PERIODS}.0.numberPhases", scheduled(ABSOLUTE, periods=amps(6, phases=0)), {}),
    (
        "phase_switch_not_supported",
        f"{PERIODS}.1.numberPhases",
        scheduled(ABSOLUTE, unit="W", periods=(Period(0, Decimal(6)), Period(9, Decimal(6), 1))),
        {"limits": UNABLE},
    ),
    ("duration_not_positive", f"{SCHEDULE}.duration", scheduled(ABSOLUTE, duration_s=0), {}),
    ("duration_not_positive", f"{SCHEDULE}.duration", scheduled(ABSOLUTE, duration_s=-1), {}),
    ("absolute_without_start", f"{SCHEDULE}.startSchedule", scheduled(ABSOLUTE, start_at=None), {}),
    ("recurring_without_start", f"{SCHEDULE}.startSchedule", scheduled(DAILY, start_at=None), {}),
    ("relative_with_start", f"{SCHEDULE}.startSchedule", scheduled(RELATIVE, start_at=NOW), {}),
    ("recurring_without_recurrency", f"{PATH}.recurrencyKind", replace(DAILY, recurrency=""), {}),
    ("recurrency_not_recurring", f"{PATH}.recurrencyKind", replace(ABSOLUTE, recurrency="daily"), {}),
    ("recurring_too_long", f"{SCHEDULE}.duration", scheduled(DAILY, duration_s=86_401), {}),
    ("recurring_too_long", f"{SCHEDULE}.duration", scheduled(WEEKLY, duration_s=604_801), {}),
    ("validity_reversed", f"{PATH}.validTo", replace(ABSOLUTE, valid_from=NOW, valid_to=NOW), {}),
    ("validity_over", f"{PATH}.validTo", replace(ABSOLUTE, valid_to=NOW), {}),
    ("station_max_on_connector", f"{PATH}.chargingProfilePurpose", MAXIMUM, {}),
    (
        "station_max_relative",
        f"{PATH}.chargingProfileKind",
        replace(RELATIVE, purpose="station_max"),
        {"evse_number": 0},
    ),
    ("tx_on_station", f"{PATH}.chargingProfilePurpose", OF_SESSION, {"evse_number": 0}),
    ("tx_without_transaction", f"{PATH}.chargingProfilePurpose", OF_SESSION, {"running_transaction": None}),
    ("tx_other_transaction", f"{PATH}.transactionId", OF_SESSION, {"running_transaction": "43"}),
    ("transaction_not_tx", f"{PATH}.transactionId", replace(ABSOLUTE, transaction_id="42"), {}),
    ("start_needs_tx", f"{PATH}.chargingProfilePurpose", ABSOLUTE, {"with_start": True}),
    ("start_with_transaction", f"{PATH}.transactionId", OF_SESSION, {"with_start": True}),
    ("stack_level_negative", f"{PATH}.stackLevel", replace(ABSOLUTE, stack_level=-1), {}),
    ("stack_level_too_high", f"{PATH}.stackLevel", replace(ABSOLUTE, stack_level=11), {}),
    ("unit_not_supported", f"{SCHEDULE}.chargingRateUnit", ABSOLUTE, {"limits": UNABLE}),
]


@pytest.mark.parametrize(("reason", "field", "profile", "circumstances"), REFUSED)
def test_profile_is_refused_with_its_reason_and_field(
    reason: str, field: str, profile: Profile, circumstances: dict[str, Any]
) -> None:
    assert refusals(profile, **circumstances) == [(reason, field)]


# Found when the message is read (test_translation), or asked by those who send.
NOT_ASKED_HERE = {
    "not_an_object", "not_a_list", "not_an_integer", "not_a_number", "not_a_time", "not_a_choice", "missing",
    "unknown_field", "out_of_range", "too_many_installed", "held_by_load_management",
}  # fmt: skip


def test_each_reason_of_the_table_has_its_case() -> None:
    assert {reason for reason, *_ in REFUSED} == REASONS.keys() - NOT_ASKED_HERE


def test_all_problems_are_told_at_once() -> None:
    wrong = scheduled(replace(ABSOLUTE, stack_level=11, purpose="station_max"), periods=amps(-1, "0.05"), duration_s=0)
    assert [reason for reason, _ in refusals(wrong)] == [
        "station_max_on_connector", "stack_level_too_high", "duration_not_positive", "negative_limit",
        "limit_not_tenths",
    ]  # fmt: skip


def test_sentence_says_what_would_be_taken() -> None:
    (found,) = validate_profile(
        replace(ABSOLUTE, stack_level=11), evse_number=1, limits=ABLE, now=NOW, running_transaction=None
    )
    assert found.sentence == "The charge point's highest stack level is 10."


def test_path_of_a_profile_that_lies_elsewhere() -> None:
    at_root, in_start = replace(ABSOLUTE, stack_level=-1), "chargingProfile"
    assert refusals(at_root, path="") == [("stack_level_negative", "stackLevel")]
    assert refusals(at_root, path=in_start) == [("stack_level_negative", "chargingProfile.stackLevel")]


@given(profiles(NOW), st.integers(0, 2), st.sampled_from([ABLE, UNABLE]), st.sampled_from([None, "7"]), st.booleans())
def test_any_profile_is_answered(
    profile: Profile, evse_number: int, limits: StationLimits, running: str | None, with_start: bool
) -> None:
    for found in validate_profile(
        profile, evse_number=evse_number, limits=limits, now=NOW, running_transaction=running, with_start=with_start
    ):
        assert found.field.startswith(PATH)
        assert "{" not in found.sentence


def test_reason_that_is_not_in_the_table_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        problem("no_such_reason", "field")
