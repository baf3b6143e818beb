"""OCPP 1.6's words, our tables' JSON and the neutral form; and that nothing one sends can raise anything unexpected."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargepoints.protocol.validation import validate_call
from smartcharging.profiles.problems import REASONS, InvalidProfile, ProfileProblem
from smartcharging.profiles.shapes import CompositePeriod, Period, Profile, Schedule
from smartcharging.profiles.translation import (
    composite_from_ocpp16,
    profile_from_ocpp16,
    profile_to_ocpp16,
    schedule_from_json,
    schedule_to_json,
)
from tests.examples import examples
from tests.smartcharging.profiles.made import profiles

Read = TypeVar("Read")

START = datetime(2026, 11, 21, 22, tzinfo=UTC)
OVERNIGHT = {
    "chargingProfileId": 7,
    "stackLevel": 2,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Recurring",
    "recurrencyKind": "Daily",
    "validFrom": "2026-11-21T00:00:00.000Z",
    "validTo": "2027-11-21T00:00:00.000Z",
    "chargingSchedule": {
        "duration": 28_800,
        "startSchedule": "2026-11-21T22:00:00.000Z",
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 16},
            {"startPeriod": 3600, "limit": 16.1, "numberPhases": 1},
        ],
        "minChargingRate": 6.5,
    },
}
READ = Profile(
    profile_id=7,
    stack_level=2,
    purpose="tx_default",
    kind="recurring",
    recurrency="daily",
    valid_from=datetime(2026, 11, 21, tzinfo=UTC),
    valid_to=datetime(2027, 11, 21, tzinfo=UTC),
    schedule=Schedule(
        unit="A",
        periods=(Period(0, Decimal(16)), Period(3600, Decimal("16.1"), 1)),
        duration_s=28_800,
        start_at=START,
        min_rate=Decimal("6.5"),
    ),
)


def changed(path: str, value: Any) -> dict[str, Any]:
    """OVERNIGHT with one field set (or taken away: ...)."""
    payload = json.loads(json.dumps(OVERNIGHT))
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = payload
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return dict(payload)


def problems_of(payload: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidProfile) as refused:
        profile_from_ocpp16(payload)
    return [(found.reason, found.field) for found in refused.value.problems]


def test_profile_is_read_from_the_words_of_ocpp() -> None:
    assert profile_from_ocpp16(OVERNIGHT) == READ


def test_profile_is_written_in_the_words_of_ocpp() -> None:
    assert profile_to_ocpp16(READ) == OVERNIGHT


def test_whole_limits_are_written_as_whole_numbers() -> None:
    assert '"limit": 16}' in json.dumps(profile_to_ocpp16(READ))


def test_what_is_not_said_is_left_out() -> None:
    written = profile_to_ocpp16(Profile(1, 0, "tx", "relative", Schedule("W", (Period(0, Decimal(0)),))))
    assert written == {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}]},
    }


def test_transaction_is_a_text_inside_and_a_number_outside() -> None:
    payload = changed("transactionId", 42)
    read = profile_from_ocpp16(payload)
    assert read.transaction_id == "42"
    assert profile_to_ocpp16(read)["transactionId"] == 42


def test_times_with_an_offset_are_the_same_instants() -> None:
    read = profile_from_ocpp16(changed("chargingSchedule.startSchedule", "2026-11-21T23:00:00+01:00"))
    assert read.schedule.start_at == START


def test_null_is_the_same_as_absent() -> None:
    read = profile_from_ocpp16(changed("validTo", None))
    assert read.valid_to is None


def test_floats_are_taken_as_they_are_written() -> None:
    read = profile_from_ocpp16(changed("chargingSchedule.chargingSchedulePeriod.0.limit", 0.3))
    assert read.schedule.periods[0].limit == Decimal("0.3")


ROOT, SCHEDULE = "csChargingProfiles", "chargingSchedule"
FIRST, SECOND = f"{SCHEDULE}.chargingSchedulePeriod.0", f"{SCHEDULE}.chargingSchedulePeriod.1"


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("chargingProfileId", ..., "missing"),
        ("chargingProfileId", "7", "not_an_integer"),
        ("chargingProfileId", 2**31, "out_of_range"),
        ("transactionId", 4.5, "not_an_integer"),
        ("stackLevel", True, "not_an_integer"),
        ("stackLevel", 1e400, "not_an_integer"),
        ("chargingProfilePurpose", "TxProfil", "not_a_choice"),
        ("chargingProfileKind", 1, "not_a_choice"),
        ("chargingProfileKind", [], "not_a_choice"),
        ("recurrencyKind", "Monthly", "not_a_choice"),
        ("validFrom", "tomorrow", "not_a_time"),
        ("validTo", 1_800_000_000, "not_a_time"),
        ("validTo", "9999-12-31T23:59:59Z", "out_of_range"),
        ("validForm", "2026-11-21T00:00:00Z", "unknown_field"),
        (SCHEDULE, ..., "missing"),
        (SCHEDULE, [], "not_an_object"),
        (f"{SCHEDULE}.chargingRateUnit", "kW", "not_a_choice"),
        (f"{SCHEDULE}.duration", "1h", "not_an_integer"),
        (f"{SCHEDULE}.startSchedule", {}, "not_a_time"),
        (f"{SCHEDULE}.minChargingRate", "six", "not_a_number"),
        (f"{SCHEDULE}.chargingSchedulePeriod", ..., "missing"),
        (f"{SCHEDULE}.chargingSchedulePeriod", {}, "not_a_list"),
        (f"{SCHEDULE}.chargingSchedulePeriod", "[]", "not_a_list"),
        (f"{SCHEDULE}.chargingSchedulePeriod", [{}] * 10_081, "too_many_periods"),
        (FIRST, 16, "not_an_object"),
        (f"{SECOND}.limit", ..., "missing"),
        (f"{SECOND}.limit", "NaN", "not_a_number"),
        (f"{SECOND}.limit", float("nan"), "not_a_number"),
        (f"{SECOND}.limit", Decimal("sNaN"), "not_a_number"),
        (f"{SECOND}.limit", 10**12, "out_of_range"),
        (f"{SECOND}.limit", 1e-300, "out_of_range"),
        (f"{SECOND}.startPeriod", None, "missing"),
        (f"{SECOND}.numberPhases", "3", "not_an_integer"),
        (f"{SECOND}.numberOfPhases", 3, "unknown_field"),
    ],
)
def test_wrong_field_is_named_with_its_reason(path: str, value: Any, reason: str) -> None:
    assert problems_of(changed(path, value)) == [(reason, f"{ROOT}.{path}")]


@pytest.mark.parametrize("payload", [None, [], "{}", 3, True, object()])
def test_what_is_no_object_is_refused(payload: object) -> None:
    assert problems_of(payload) == [("not_an_object", ROOT)]


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert problems_of({"chargingSchedule": {"chargingSchedulePeriod": [{"limit": "x"}]}}) == [
        ("missing", f"{ROOT}.chargingProfileId"),
        ("missing", f"{ROOT}.stackLevel"),
        ("missing", f"{ROOT}.chargingProfilePurpose"),
        ("missing", f"{ROOT}.chargingProfileKind"),
        ("missing", f"{ROOT}.{SCHEDULE}.chargingRateUnit"),
        ("missing", f"{ROOT}.{FIRST}.startPeriod"),
        ("not_a_number", f"{ROOT}.{FIRST}.limit"),
    ]


def test_a_flood_of_wrong_periods_is_answered_with_the_first_of_them() -> None:
    assert len(problems_of(changed(f"{SCHEDULE}.chargingSchedulePeriod", [{}] * 10_000))) == 50


def test_the_path_can_be_that_of_a_remote_start() -> None:
    with pytest.raises(InvalidProfile, match=r"chargingProfile\.stackLevel: This is required\."):
        profile_from_ocpp16(changed("stackLevel", ...), path="chargingProfile")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("2026-11-21T22:00:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
paths = st.sampled_from([
    *OVERNIGHT,
    *(f"{SCHEDULE}.{name}" for name in OVERNIGHT[SCHEDULE]),  # type: ignore[attr-defined]
    *(f"{FIRST}.{name}" for name in ("startPeriod", "limit", "numberPhases")),
    FIRST,
])  # fmt: skip


@examples(80)
@given(paths, json_values | st.binary(max_size=4) | st.decimals() | st.sets(st.integers(), max_size=2))
def test_any_value_of_any_field_is_read_or_refused_with_its_reason(path: str, value: object) -> None:
    payload = json.loads(json.dumps(OVERNIGHT))
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = payload
    for step in way:
        place = place[step]
    place[last] = value
    read, problems = attempt(profile_from_ocpp16, payload)
    assert all(found.reason in REASONS and found.field.startswith(ROOT) for found in problems)
    if read is not None:
        assert profile_from_ocpp16(json.loads(json.dumps(profile_to_ocpp16(read)))).purpose == read.purpose


@examples(40)
@given(json_values)
def test_any_json_is_read_or_refused(value: object) -> None:
    for read in (profile_from_ocpp16, schedule_from_json, composite_from_ocpp16):
        attempt(read, value)


def attempt(read: Callable[[object], Read], value: object) -> tuple[Read | None, list[ProfileProblem]]:
    """What was read, or why it was not."""
    try:
        return read(value), []
    except InvalidProfile as refused:
        return None, [*refused.problems] or pytest.fail("refused without a reason")


@given(profiles(START))
def test_profiles_come_back_from_ocpp_as_they_were(profile: Profile) -> None:
    payload = json.loads(json.dumps(profile_to_ocpp16(profile)))
    assert profile_from_ocpp16(payload) == profile
    validate_call("1.6", "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": payload}, lenient=False)


@given(profiles(START))
def test_schedules_come_back_from_our_tables_as_they_were(profile: Profile) -> None:
    assert schedule_from_json(json.loads(json.dumps(schedule_to_json(profile.schedule)))) == profile.schedule


def test_schedule_as_our_tables_keep_it() -> None:
    at = START.astimezone(timezone(timedelta(hours=1)))
    schedule = Schedule("W", (Period(0, Decimal("1.10E+4"), 3),), 60, at, None)
    assert schedule_to_json(schedule) == {
        "unit": "W",
        "periods": [{"start": 0, "limit": "11000", "phases": 3}],
        "duration": 60,
        "startAt": "2026-11-21T22:00:00+00:00",
        "minRate": None,
    }


def test_schedule_of_a_table_that_is_broken_names_what_is() -> None:
    with pytest.raises(InvalidProfile) as refused:
        schedule_from_json({"unit": "A", "periods": [{"start": 0, "limit": "x"}], "durationS": 3})
    assert [(found.reason, found.field) for found in refused.value.problems] == [
        ("unknown_field", "schedule.durationS"),
        ("not_a_number", "schedule.periods.0.limit"),
    ]


def composite(*periods: tuple[int, float, int | None]) -> list[CompositePeriod]:
    found = [{"startPeriod": start, "limit": limit, "numberPhases": phases} for start, limit, phases in periods]
    return composite_from_ocpp16({"chargingRateUnit": "A", "chargingSchedulePeriod": found})


def test_composite_of_a_charge_point_is_put_in_order_and_equal_neighbours_are_made_one() -> None:
    assert composite((60, 10, None), (0, 16, 3), (30, 16.0, 3), (90, 10, 1), (60, 12, None)) == [
        CompositePeriod(0, Decimal(16), 3),
        CompositePeriod(60, Decimal(12), None),
        CompositePeriod(90, Decimal(10), 1),
    ]


def test_composite_of_a_charge_point_that_divided_is_taken_as_it_is() -> None:
    assert composite((0, 11_000 / 690, None)) == [CompositePeriod(0, Decimal("15.942028985507246"), None)]


def test_composite_of_a_charge_point_is_open_before_its_first_period() -> None:
    assert composite((10, 16, None)) == [CompositePeriod(0, None, None), CompositePeriod(10, Decimal(16), None)]
    assert composite() == [CompositePeriod(0, None, None)]


def test_long_numbers_are_no_way_to_stop_us() -> None:
    assert sys.get_int_max_str_digits() < 5000
    with pytest.raises(InvalidProfile, match="between"):
        profile_from_ocpp16(changed("chargingProfileId", 10**5000))
