"""Readings against thresholds, in memory."""

import time
from datetime import timedelta
from decimal import Decimal

import pytest

from metering.alerts import comparison
from metering.alerts.comparison import ACTIVE_PER_STATION
from metering.alerts.loading import Loaded, OpenAlert
from metering.alerts.words import BACK, NOT_COMPARED, SESSION_ENDED
from metering.readings import POWER, Kind
from tests.metering.alerts.conftest import (
    AMPERES,
    NOW,
    REGISTER,
    STATION,
    TEMPERATURE,
    TENANT,
    VOLTS,
    WATTS,
    Seen,
    rule,
)


def test_an_excursion_is_told_when_it_begins_and_when_it_ends(warm: Seen) -> None:
    assert warm.reads(TEMPERATURE, 60) == []
    (begun,) = warm.reads(TEMPERATURE, "75.5", 10, session=3)
    assert (begun.charge_point_id, begun.evse_number, begun.transaction_id) == (STATION, 1, 3)
    assert (begun.measurand, begun.unit, begun.limit_value, begun.worst_value) == (
        "Temperature",
        "Celsius",
        Decimal(70),
        Decimal("75.5"),
    )
    assert warm.reads(TEMPERATURE, 80, 20) == []
    (ended,) = warm.reads(TEMPERATURE, 50, 30)
    assert (ended.key, ended.started_at) == (begun.key, begun.started_at)
    assert (ended.resolved_at, ended.resolution, ended.worst_value) == (NOW + timedelta(seconds=30), BACK, Decimal(80))


def test_one_that_goes_on_is_told_once_a_minute(warm: Seen) -> None:
    told = [len(warm.reads(TEMPERATURE, 75, seconds)) for seconds in range(0, 130, 10)]
    assert told == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]


def test_each_evse_phase_and_location_is_for_itself() -> None:
    seen = Seen(rule("Current.Import", high=80))
    keys = {
        seen.reads(kind, 90, evse=evse)[0].key
        for kind in (AMPERES, AMPERES._replace(phase="L2"), AMPERES._replace(location="Inlet"))
        for evse in (0, 1, 2)
    }
    assert len(keys) == 9


def test_the_longest_key_fits_the_column() -> None:
    seen = Seen(rule("M" * 50, high=1, id=10**18))
    (incident,) = seen.reads(Kind("M" * 50, "P" * 20, "L" * 20, ""), 2, evse=1000)
    assert len(incident.key) <= 120


def test_a_connectors_threshold_goes_before_the_stations_and_that_before_the_tenants() -> None:
    seen = Seen(
        rule("Temperature", high=70),
        rule("Temperature", high=60, charge_point_id=STATION),
        rule("Temperature", high=50, charge_point_id=STATION, evse_number=2),
    )
    assert [seen.reads(TEMPERATURE, 99, evse=evse)[0].limit_value for evse in (1, 2)] == [60, 50]
    assert seen.reads(TEMPERATURE, 99, station=8)[0].limit_value == 70


def test_a_threshold_that_is_off_switches_the_tenants_off_there() -> None:
    seen = Seen(rule("Temperature", high=70), rule("Temperature", high=60, charge_point_id=STATION, enabled=False))
    assert seen.reads(TEMPERATURE, 99) == []
    assert len(seen.reads(TEMPERATURE, 99, station=8)) == 1


def test_two_severities_of_one_place_are_two_alerts() -> None:
    seen = Seen(rule("Temperature", high=60), rule("Temperature", high=80, severity="critical"))
    assert [one.severity for one in seen.reads(TEMPERATURE, 70)] == ["warning"]
    assert [one.severity for one in seen.reads(TEMPERATURE, 90, 10)] == ["critical"]
    assert {one.severity for one in seen.reads(TEMPERATURE, 20, 20)} == {"warning", "critical"}


def test_power_of_the_phases_is_compared_as_their_sum() -> None:
    seen = Seen(rule(POWER, high=50000))
    phases = [(WATTS._replace(phase=phase), 20000, NOW) for phase in ("L1", "L2", "L3")]
    (told,) = seen.message(*phases, received_at=NOW)
    assert (told.phase, told.worst_value) == ("", Decimal(60000))
    at = NOW + timedelta(seconds=10)
    (ended,) = seen.message(*[(kind, 5000, at) for kind, _, _ in phases], received_at=at)
    assert ended.resolved_at == at


def test_a_total_that_the_station_sends_goes_before_the_sum() -> None:
    seen = Seen(rule(POWER, high=50000))
    values = [(WATTS, 40000, NOW), *[(WATTS._replace(phase=phase), 20000, NOW) for phase in ("L1", "L2", "L3")]]
    assert seen.message(*values, received_at=NOW) == []


def test_voltage_between_phases_and_values_in_another_unit_are_not_compared() -> None:
    seen = Seen(rule("Voltage", 207, 253), rule("Temperature", high=70))
    assert seen.reads(VOLTS._replace(phase="L1-L2"), 400, session=1) == []
    assert seen.reads(TEMPERATURE._replace(unit="Rankine"), 500) == []
    assert len(seen.reads(VOLTS._replace(phase="L1-N"), 260, session=1)) == 1


@pytest.mark.parametrize(("volts", "session", "alarms"), [(0, None, 0), (190, None, 0), (0, 1, 0), (190, 1, 1)])
def test_a_missing_voltage_alarms_only_in_a_session_and_while_there_is_one(
    volts: int, session: int | None, alarms: int
) -> None:
    assert len(Seen(rule("Voltage", 207, 253)).reads(VOLTS, volts, session=session)) == alarms


def test_switching_the_outlet_off_ends_a_sag() -> None:
    seen = Seen(rule("Voltage", 207, 253))
    seen.reads(VOLTS, 190, session=1)
    (ended,) = seen.reads(VOLTS, 0, 10)
    assert ended.resolved_at is not None


def test_power_ends_with_its_session_and_temperature_does_not() -> None:
    seen = Seen(rule(POWER, high=50000), rule("Temperature", high=70))
    seen.reads(WATTS, 60000, session=1)
    seen.reads(TEMPERATURE, 80, session=1)
    ended, begun = seen.reads(WATTS, 60000, 10, session=2)
    assert (ended.resolution, ended.transaction_id) == (SESSION_ENDED, 1)
    assert (begun.transaction_id, begun.resolved_at) == (2, None)
    assert seen.reads(TEMPERATURE, 80, 10, session=2) == []


def test_a_reading_that_names_no_session_ends_nothing() -> None:
    """Clock-aligned readings in the midst of a session."""
    seen = Seen(rule(POWER, high=50000), rule("Voltage", 207, 253))
    seen.reads(WATTS, 60000, session=1)
    seen.reads(VOLTS, 190, session=1)
    assert seen.reads(WATTS, 60000, 10) == seen.reads(VOLTS, 190, 10) == []
    assert seen.reads(WATTS, 60000, 20, session=1) == seen.reads(VOLTS, 190, 20, session=1) == []


def test_a_sag_ends_with_its_session_and_too_much_voltage_does_not() -> None:
    seen = Seen(rule("Voltage", 207, 253))
    seen.reads(VOLTS, 190, session=1)
    assert [one.resolution for one in seen.reads(VOLTS, 190, 10, session=2)] == [SESSION_ENDED, ""]
    seen = Seen(rule("Voltage", 207, 253))
    seen.reads(VOLTS, 260, session=1)
    assert seen.reads(VOLTS, 260, 10, session=2) == []


def test_a_session_that_could_not_be_looked_up_ends_nothing() -> None:
    seen = Seen(rule(POWER, high=50000))
    seen.reads(WATTS, 60000, session=1)
    assert seen.reads(WATTS, 60000, 10, named="17") == []


def test_a_late_replay_does_not_alarm_again(warm: Seen) -> None:
    warm.reads(TEMPERATURE, 20)
    assert warm.reads(TEMPERATURE, 99, -3600, received_at=NOW) == []


def test_a_clock_far_ahead_does_not_blind_it(warm: Seen) -> None:
    warm.reads(TEMPERATURE, 20, 20 * 3600, received_at=NOW)
    told = [one for one in warm.reads(TEMPERATURE, 99, 60) if one.kind == "threshold"]
    assert len(told) == 1


def test_a_changed_threshold_holds_from_the_next_reading(warm: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    # The readings are of when the run of all tests began, which is a while ago.
    monkeypatch.setattr(comparison, "FORGET_AFTER", timedelta(days=1))
    wider = rule("Temperature", high=90)
    (begun,) = warm.reads(TEMPERATURE, 80)
    (old,) = list(warm.comparison._rules[TENANT].rows)
    warm.told.clear()
    warm.comparison.learn(TENANT, Loaded(rules=[wider]))
    (ended,) = warm.told
    assert (ended.key, ended.resolution) == (begun.key, NOT_COMPARED)
    assert warm.reads(TEMPERATURE, 85, 10) == []
    warm.comparison.learn(TENANT, Loaded(rules=[wider._replace(high=Decimal(80))]))
    (begun,) = warm.reads(TEMPERATURE, 85, 20)
    warm.comparison.learn(TENANT, Loaded(rules=[wider]))
    (ended,) = warm.reads(TEMPERATURE, 85, 30)
    assert (ended.key, ended.resolution) == (begun.key, BACK)
    assert old.high == 70


def open_alert(seen: Seen, kind: str = "threshold", **fields: object) -> OpenAlert:
    (row,) = seen.comparison._rules[TENANT].rows
    given: dict[str, object] = {
        "charge_point_id": STATION,
        "key": f"t:{row.id}:1:Temperature::Outlet",
        "kind": kind,
        "evse_number": 1,
        "transaction_id": None,
        "threshold_id": row.id,
        "measurand": "Temperature",
        "phase": "",
        "unit": "Celsius",
        "limit_value": Decimal(70),
        "worst_value": Decimal(90),
        "last_value": Decimal(85),
        "started_at": NOW - timedelta(hours=1),
        "last_at": NOW - timedelta(minutes=30),
        "count": 12,
    }
    return OpenAlert(**given | fields)  # type: ignore[arg-type]


def test_what_was_open_before_a_restart_is_gone_on_with_and_ends(warm: Seen) -> None:
    loaded = Loaded(rules=warm.comparison._rules[TENANT].rows, open_alerts=[open_alert(warm)])
    warm.comparison.learn(TENANT, loaded)
    (further,) = warm.reads(TEMPERATURE, 95)
    assert (further.started_at, further.worst_value, further.count) == (
        NOW - timedelta(hours=1),
        Decimal(95),
        13,
    )
    (ended,) = warm.reads(TEMPERATURE, 20, 10)
    assert (ended.started_at, ended.resolution) == (NOW - timedelta(hours=1), BACK)


def test_an_open_alert_of_a_threshold_that_no_longer_holds_there_ends(warm: Seen) -> None:
    rows = [*warm.comparison._rules[TENANT].rows, rule("Temperature", high=99, charge_point_id=STATION)]
    alert = open_alert(warm)
    warm.comparison.learn(TENANT, Loaded(rules=rows, open_alerts=[alert]))
    (ended,) = warm.told
    assert (ended.key, ended.resolution) == (alert.key, NOT_COMPARED)


def test_an_end_that_is_told_is_not_undone_by_what_was_read_before_it(warm: Seen) -> None:
    (begun,) = warm.reads(TEMPERATURE, 80)
    warm.reads(TEMPERATURE, 20, 10)
    rows = warm.comparison._rules[TENANT].rows
    outdated = open_alert(warm, started_at=NOW, last_at=NOW)
    warm.comparison.learn(TENANT, Loaded(rules=rows, open_alerts=[outdated]), skip=[(STATION, begun.key)])
    (again,) = warm.reads(TEMPERATURE, 80, 20)
    assert again.started_at == NOW + timedelta(seconds=20)


def test_a_station_that_was_elsewhere_meanwhile_alarms_anew(warm: Seen) -> None:
    warm.reads(TEMPERATURE, 80, -3600)
    warm.comparison.learn(TENANT, Loaded(rules=warm.comparison._rules[TENANT].rows))
    (again,) = warm.reads(TEMPERATURE, 80)
    assert again.started_at == NOW


def test_a_station_gone_mad_takes_bounded_room() -> None:
    seen = Seen(rule("Temperature", high=70))
    told = sum(
        len(seen.reads(TEMPERATURE._replace(phase=f"P{number}"), 99)) for number in range(ACTIVE_PER_STATION + 50)
    )
    assert told == ACTIVE_PER_STATION
    assert len(seen.reads(TEMPERATURE, 99, station=8)) == 1


def test_series_are_forgotten_past_the_limit_but_not_what_is_under_way(
    warm: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.alerts.comparison.GATES", 100)
    (begun,) = warm.reads(TEMPERATURE, 80)
    for number in range(500):
        warm.reads(Kind(f"Vendor.{number}", "", "Outlet", ""), 1)
    assert warm.comparison._gates <= 101
    assert warm.reads(TEMPERATURE, 20, 10)[0].key == begun.key


def test_a_register_that_falls_is_told_until_it_is_back() -> None:
    seen = Seen()
    assert seen.reads(REGISTER, 5000) == seen.reads(REGISTER, 4950, 10) == []
    (fallen,) = seen.reads(REGISTER, 4899, 20)
    assert (fallen.kind, fallen.limit_value, fallen.worst_value) == (
        "register_backwards",
        Decimal(5000),
        Decimal(4899),
    )
    assert seen.reads(REGISTER, 4960, 30) == []
    (ended,) = seen.reads(REGISTER, 5000, 40)
    assert ended.resolved_at == NOW + timedelta(seconds=40)


def test_a_fall_that_a_person_has_explained_does_not_hide_the_next() -> None:
    seen = Seen()
    seen.reads(REGISTER, 5000)
    (first,) = seen.reads(REGISTER, 1000, 10)
    seen.comparison.learn(TENANT, Loaded())
    assert seen.reads(REGISTER, 1500, 20) == []
    (second,) = seen.reads(REGISTER, 200, 30)
    assert (second.started_at, second.limit_value) == (NOW + timedelta(seconds=30), Decimal(1500))
    assert first.key == second.key


def test_a_slow_decline_is_noticed_too() -> None:
    seen = Seen()
    told = [len(seen.reads(REGISTER, 5000 - 30 * number, number)) for number in range(5)]
    assert told == [0, 0, 0, 0, 1]


@pytest.mark.parametrize(("value", "session", "alarms"), [(0, 2, 0), (0, 1, 1), (0, None, 0), (300, 2, 1)])
def test_a_register_that_starts_at_zero_with_each_session_is_no_alert(
    value: int, session: int | None, alarms: int
) -> None:
    seen = Seen()
    seen.reads(REGISTER, 8000, session=1)
    assert len(seen.reads(REGISTER, value, 10, session=session)) == alarms


def test_most_readings_take_well_under_a_microsecond() -> None:
    """Inside, and of kinds without a threshold. Generous here: the machine may be busy; measured: 0.3 us."""
    seen = Seen(rule("Temperature", -10, 70), rule("Voltage", 207, 253), rule("Current.Import", high=80))
    kinds = [TEMPERATURE, *[VOLTS._replace(phase=f"L{n}") for n in (1, 2, 3)]]
    kinds += [AMPERES._replace(phase=f"L{n}") for n in (1, 2, 3)] + [Kind("SoC", "", "EV", "Percent")] * 8
    values = {"Temperature": "30.5", "Voltage": "231.2", "Current.Import": "15.98", "SoC": "55"}
    from metering.ingest.message import MeterMessage
    from metering.readings import Reading

    messages = []
    for number in range(1000):
        at = NOW + timedelta(seconds=number)
        readings = [Reading(kind, at, 0, values[kind.measurand], None, None) for kind in kinds]
        messages.append(MeterMessage(TENANT, STATION, 1, 1, at, readings))
    bound_s = 2e-6 * 1000 * len(kinds)
    assert any(_seconds(seen, messages, offset) < bound_s for offset in range(10))


def _seconds(seen: Seen, messages: list, days: int) -> float:  # type: ignore[type-arg]
    for message in messages:
        message.received_at += timedelta(days=days)
        message.readings = [one._replace(at=message.received_at) for one in message.readings]
    # Of this thread alone: what other processes take is not ours.
    started = time.thread_time()
    for message in messages:
        seen.comparison.compare(message)
    return time.thread_time() - started
