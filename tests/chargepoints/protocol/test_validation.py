"""Payloads against the schemas: a fitting one passes untouched, a broken one is mended or refused with its code."""

import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from chargepoints.protocol.errors import OcppError, spell
from chargepoints.protocol.framing import Call, decode, encode_call
from chargepoints.protocol.validation import Validated, validate_call, validate_reply
from tests.chargepoints.protocol.schema_values import KEYS, Key, fitting, mutated
from tests.examples import examples

NOW = "2026-11-20T10:00:00Z"
quick = examples(80, suppress_health_check=[HealthCheck.too_slow])


def validate(key: Key, payload: Any, *, lenient: bool) -> Validated:
    action, is_reply = key
    return (validate_reply if is_reply else validate_call)("1.6", action, payload, lenient=lenient)


def status(**fields: Any) -> dict[str, Any]:
    return {"connectorId": 1, "errorCode": "NoError", "status": "Available"} | fields


def meter_values(*samples: Any, timestamp: str = NOW) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": timestamp, "sampledValue": list(samples)}]}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key[0]}{'Reply' if key[1] else ''}")
def test_every_schema_compiles_and_refuses_what_it_does_not_know(key: Key) -> None:
    with pytest.raises(OcppError):
        validate(key, {"noFieldOfOcpp": 1}, lenient=False)


@quick
@given(st.data())
def test_a_payload_that_fits_passes_untouched(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(KEYS))
    payload = data.draw(fitting(key))
    for lenient in (True, False):
        done = validate(key, payload, lenient=lenient)
        assert done.payload is payload
        assert done.violations == []


@examples(200, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_mutated_payload_is_mended_or_refused_and_never_changed_in_place(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(KEYS))
    payload = orjson.loads(orjson.dumps(data.draw(mutated(key))))
    before = copy.deepcopy(payload)
    try:
        done = validate(key, payload, lenient=True)
    except OcppError as error:
        assert error.details["errors"][0]["fault"]  # noqa: PT017
        with pytest.raises(OcppError):
            validate(key, payload, lenient=False)
        return
    finally:
        assert payload == before
    if done.payload is payload:
        assert done.violations == []
        return
    with pytest.raises(OcppError):
        validate(key, payload, lenient=False)
    assert done.violations
    # What was mended once needs no mending again: only unknown words and fine numbers remain.
    again = validate(key, done.payload, lenient=True)
    assert again.payload == done.payload
    assert all("kept" in note for note in again.violations)


@quick
@given(st.data())
def test_a_frame_cut_anywhere_or_whole_ends_as_a_frame_or_as_bad(data: st.DataObject) -> None:
    from chargepoints.protocol.framing import BadFrame

    key = data.draw(st.sampled_from(KEYS))
    text = encode_call("id", key[0], data.draw(fitting(key)))
    cut = text[: data.draw(st.integers(0, len(text)))]
    if cut == text:
        frame = decode(cut)
        assert isinstance(frame, Call)
        validate(key, frame.payload, lenient=False)
    else:
        with pytest.raises(BadFrame):
            decode(cut)


@pytest.mark.parametrize(
    ("action", "payload", "code", "path"),
    [
        ("StatusNotification", status(connectorId="one"), "TypeConstraintViolation", "connectorId"),
        ("StatusNotification", status(connectorId=True), "TypeConstraintViolation", "connectorId"),
        ("StatusNotification", status(info={"a": 1}), "TypeConstraintViolation", "info"),
        ("StatusNotification", {"connectorId": 1}, "OccurenceConstraintViolation", "errorCode"),
        ("MeterValues", {"connectorId": 1, "meterValue": []}, "OccurenceConstraintViolation", "meterValue"),
        (
            "MeterValues",
            meter_values({"unit": "Wh"}),
            "OccurenceConstraintViolation",
            "meterValue.0.sampledValue.0.value",
        ),
        ("StatusNotification", status(status="Dancing"), "PropertyConstraintViolation", "status"),
        ("StatusNotification", status(timestamp="soon"), "PropertyConstraintViolation", "timestamp"),
    ],
)
@pytest.mark.parametrize("lenient", [True, False])
def test_what_cannot_be_understood_is_refused_with_its_code_and_path(
    action: str, payload: dict[str, Any], code: str, path: str, lenient: bool
) -> None:
    with pytest.raises(OcppError) as refused:
        validate_call("1.6", action, payload, lenient=lenient)
    assert spell(refused.value.code, "1.6") == code
    assert refused.value.details["errors"][0]["path"] == path


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (status(extra=1), "FormationViolation"),
        (status(info="x" * 51), "PropertyConstraintViolation"),
        (status(vendorId=5), "TypeConstraintViolation"),
        (status(timestamp="2026-11-20T10:00:00"), "PropertyConstraintViolation"),
    ],
)
def test_strict_refuses_what_lenient_mends(payload: dict[str, Any], code: str) -> None:
    assert validate_call("1.6", "StatusNotification", payload, lenient=True).violations
    with pytest.raises(OcppError) as refused:
        validate_call("1.6", "StatusNotification", payload, lenient=False)
    assert spell(refused.value.code, "1.6") == code


def test_a_tolerated_word_does_not_hide_the_fault_beside_it() -> None:
    samples = [{"value": "1", "unit": "Bananas"}] * 300
    with pytest.raises(OcppError, match=r"meterValue.0.sampledValue.300.value: .*required"):
        validate_call("1.6", "MeterValues", meter_values(*samples, {"unit": "Wh"}), lenient=True)
    with pytest.raises(OcppError, match="timestamp"):
        validate_call("1.6", "MeterValues", meter_values(samples[0], timestamp="soon"), lenient=True)


def test_a_long_message_is_mended_whole_and_its_notes_are_bounded() -> None:
    samples = [{"value": 12.5, "unit": "Celcius"}] * 1000
    done = validate_call("1.6", "MeterValues", meter_values(*samples), lenient=True)
    assert done.payload["meterValue"][0]["sampledValue"] == [{"value": "12.5", "unit": "Celcius"}] * 1000
    assert done.violations[0] == "meterValue.0.sampledValue.0.value: number read as text"
    assert done.violations[-1] == "and 980 more"


def test_a_finer_limit_than_the_schema_knows_is_kept() -> None:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.25}]}
    payload = {"status": "Accepted", "chargingSchedule": schedule}
    done = validate_reply("1.6", "GetCompositeSchedule", payload, lenient=True)
    assert done.payload == payload
    assert "finer" in done.violations[0]
    with pytest.raises(OcppError):
        validate_reply("1.6", "GetCompositeSchedule", payload, lenient=False)


def test_nesting_past_the_validators_limit_is_refused() -> None:
    deep = json.loads('{"a":' * 300 + "1" + "}" * 300)
    for lenient in (True, False):
        with pytest.raises(OcppError):
            validate_call("1.6", "StatusNotification", status(info=deep), lenient=lenient)


def test_errors_of_a_small_payload_are_all_told() -> None:
    with pytest.raises(OcppError) as refused:
        validate_call("1.6", "StatusNotification", {"connectorId": "x", "info": 5}, lenient=False)
    assert {fault["path"] for fault in refused.value.details["errors"]} == {
        "connectorId",
        "info",
        "errorCode",
        "status",
    }


def test_a_huge_value_is_not_sent_back() -> None:
    with pytest.raises(OcppError) as refused:
        validate_call("1.6", "StatusNotification", status(connectorId="x" * 1_000_000), lenient=True)
    assert len(json.dumps(refused.value.details)) < 500


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_lenient_follows_the_references_of_later_schemas(version: str) -> None:
    sample = {"value": "12.5", "measurand": "Coffee.Temperature", "unitOfMeasure": {"unit": 5, "extra": 1}}
    payload = {"evseId": "1", "meterValue": [{"timestamp": "2026-11-20T10:00:00", "sampledValue": [sample]}]}
    done = validate_call(version, "MeterValues", payload, lenient=True)
    mended = {"value": 12.5, "measurand": "Coffee.Temperature", "unitOfMeasure": {"unit": "5"}}
    assert done.payload["evseId"] == 1
    assert done.payload["meterValue"][0]["sampledValue"] == [mended]
    with pytest.raises(OcppError):
        validate_call(version, "MeterValues", payload, lenient=False)
