"""Meter values become readings (OCPP 1.6 §7.32, §7.43; OCPP.md "MeterValues")."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.readings import CONTEXTS, ENERGY, Kind, Parsed, parse_meter_values, plain_number, register_reading

AT = "2026-11-21T05:30:00Z"


def parse(*samples: dict[str, Any], at: str = AT) -> Parsed:
    return parse_meter_values([{"timestamp": at, "sampledValue": list(samples)}])


def test_a_bare_value_has_the_defaults_of_the_standard() -> None:
    (reading,) = parse({"value": "1500"}).readings
    assert reading.kind == Kind(ENERGY, "", "Outlet", "Wh")
    assert (reading.value, reading.context, reading.at) == ("1500", 0, datetime(2026, 11, 21, 5, 30, tzinfo=UTC))
    assert (reading.raw_value, reading.raw_unit) == (None, None)


@pytest.mark.parametrize(
    ("sent", "unit", "stored", "stored_unit"),
    [
        ("1.234567", "kWh", "1234.567000", "Wh"),
        ("7.36", "kW", "7360.00", "W"),
        ("-0.5", "kvar", "-500.0", "var"),
        ("2", "kvarh", "2000", "varh"),
        ("11", "kVA", "11000", "VA"),
        ("212", "Fahrenheit", "100.000000", "Celsius"),
        ("295.15", "K", "22.00", "Celsius"),
        ("21.5", "Celcius", "21.5", "Celsius"),
    ],
)
def test_units_are_normalised_exactly_and_the_original_is_kept(
    sent: str, unit: str, stored: str, stored_unit: str
) -> None:
    (reading,) = parse({"value": sent, "unit": unit, "measurand": "Any"}).readings
    assert Decimal(reading.value) == Decimal(stored)
    assert (reading.kind.unit, reading.raw_value, reading.raw_unit) == (stored_unit, sent, unit)


@pytest.mark.parametrize("unit", ["Wh", "W", "A", "V", "Celsius", "Percent", "Hz", "furlong"])
def test_other_units_are_kept_as_they_are(unit: str) -> None:
    (reading,) = parse({"value": "21.5", "unit": unit}).readings
    assert (reading.value, reading.kind.unit, reading.raw_unit) == ("21.5", unit, None)


@pytest.mark.parametrize(
    ("measurand", "unit"),
    [("Power.Active.Import", "W"), ("Current.Import", "A"), ("Voltage", "V"), ("SoC", "Percent"), ("Odd", "")],
)
def test_a_measurand_without_unit_gets_its_usual_one(measurand: str, unit: str) -> None:
    assert parse({"value": "1", "measurand": measurand}).readings[0].kind.unit == unit


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_context_has_its_code(context: str) -> None:
    assert parse({"value": "1", "context": context}).readings[0].context == CONTEXTS[context]


def test_phases_locations_and_contexts_tell_readings_apart() -> None:
    samples = [
        {"value": "1", "phase": phase, "location": place} for phase in ("L1", "L2-N") for place in ("Inlet", "EV")
    ]
    kinds = {reading.kind for reading in parse(*samples).readings}
    assert len(kinds) == 4


@pytest.mark.parametrize(
    "value",
    ["", " ", "NaN", "inf", "-Infinity", "abc", "1,5", "--1", "1e999999999", "9" * 60_000, "1e-99", "0x10", "\0"],
)
def test_what_is_no_number_is_skipped_and_the_rest_kept(value: str) -> None:
    parsed = parse({"value": value}, {"value": "5"})
    assert [reading.value for reading in parsed.readings] == ["5"]
    assert parsed.skipped == 1


@pytest.mark.parametrize(
    ("sent", "stored"), [("1e3", "1000"), (" 12.5 ", "12.5"), ("+7", "7"), (".5", "0.5"), ("5.", "5"), ("-0", "-0")]
)
def test_odd_spellings_of_numbers_are_understood(sent: str, stored: str) -> None:
    assert Decimal(parse({"value": sent}).readings[0].value) == Decimal(stored)


def test_signed_data_is_kept_verbatim_apart_from_the_numbers() -> None:
    content = 'OCMF|{"FV":"1.0"}|' + "a" * 3000
    parsed = parse({"value": content, "format": "SignedData", "context": "Transaction.End"}, {"value": "5"})
    assert parsed.signed[0].content == content
    assert parsed.signed[0].context == CONTEXTS["Transaction.End"]
    assert len(parsed.readings) == 1


def test_a_reading_without_a_readable_time_is_counted_and_the_others_kept() -> None:
    parsed = parse_meter_values(
        [
            {"timestamp": "yesterday", "sampledValue": [{"value": "1"}, {"value": "2"}]},
            {"timestamp": AT, "sampledValue": [{"value": "3"}]},
        ]
    )
    assert [reading.value for reading in parsed.readings] == ["3"]
    assert parsed.skipped == 2


def test_long_and_poisoned_words_are_cut_to_what_can_be_stored() -> None:
    (reading,) = parse({"value": "1", "measurand": "m\0" * 500, "unit": "u" * 500, "phase": "p" * 500}).readings
    assert reading.kind == Kind("m" * 50, "p" * 20, "Outlet", "u" * 20)


def test_meter_start_is_a_reading_of_the_outlets_register() -> None:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    reading = register_reading(Decimal("1E+3"), at, 2)
    assert reading == (Kind(ENERGY, "", "Outlet", "Wh"), at, 2, "1000", None, None)


@given(st.text(max_size=40))
def test_any_text_is_a_plain_number_or_none(text: str) -> None:
    plain = plain_number(text)
    assert plain is None or (Decimal(plain).is_finite() and "E" not in plain and len(plain) < 120)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14, places=6))
def test_a_number_keeps_its_exact_value(number: Decimal) -> None:
    assert Decimal(parse({"value": f"{number:f}"}).readings[0].value) == number
    assert Decimal(parse({"value": f"{number:f}", "unit": "kWh"}).readings[0].value) == number * 1000


_words = st.none() | st.text(max_size=60) | st.sampled_from(["kWh", "Wh", "L1", "Outlet", "Voltage", "SignedData"])
_sample = st.fixed_dictionaries(
    {"value": st.text(max_size=30) | st.integers().map(str)},
    optional=dict.fromkeys(("measurand", "unit", "phase", "location", "context", "format"), _words),
)
_value = st.fixed_dictionaries(
    {"timestamp": st.text(max_size=30) | st.just(AT), "sampledValue": st.lists(_sample, min_size=1, max_size=4)}
)


@given(st.lists(_value, max_size=4))
def test_every_value_is_kept_or_counted(meter_values: list[dict[str, Any]]) -> None:
    parsed = parse_meter_values(meter_values)
    sent = sum(len(meter_value["sampledValue"]) for meter_value in meter_values)
    assert len(parsed.readings) + len(parsed.signed) + parsed.skipped == sent
