"""Payloads against the schemas of the `ocpp` package, compiled by jsonschema-rs.

A valid payload costs one `is_valid` call. Only a payload that fails is looked at closer: strict says which
code of OCPP-J the failure has; lenient first mends what can be understood (`repair`).

Formats are asserted, so a `date-time` that passes is RFC 3339. That isn't all that Python can hold: year 0, and
years 1 and 9999 with an offset, stay a ValueError of `read_timestamp`.
"""

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
import orjson

from chargepoints.protocol.actions import FOLDERS
from chargepoints.protocol.errors import Code, OcppError, violation
from chargepoints.protocol.repair import loosened, mend

FAULTS_TOLD = 10
# jsonschema-rs finds all faults at once, 5 us each: only a small payload gets more than its first one told.
SMALL_BYTES = 1000
_CODES = {
    "type": Code.TYPE,
    "required": Code.OCCURRENCE,
    "minItems": Code.OCCURRENCE,
    "maxItems": Code.OCCURRENCE,
    "additionalProperties": Code.FORMAT,
}


@dataclass(slots=True)
class Validated:
    """A payload that fits its schema, and what was mended to make it fit."""

    payload: dict[str, Any]
    violations: list[str] = field(default_factory=list)


@cache
def schema(version: str, action: str, *, reply: bool = False) -> dict[str, Any]:
    """The JSON schema of an action's request or reply. KeyError for an action that doesn't exist."""
    suffix = "Response" if reply else ("" if version == "1.6" else "Request")
    path = files("ocpp") / FOLDERS[version] / "schemas" / f"{action}{suffix}.json"
    if not action.isalnum() or not path.is_file():
        raise KeyError(action)
    loaded: dict[str, Any] = orjson.loads(path.read_bytes().decode("utf-8-sig"))
    return loaded


@cache
def _validator(version: str, action: str, reply: bool) -> Any:
    return _compiled(schema(version, action, reply=reply))


@cache
def _lenient_validator(version: str, action: str, reply: bool) -> Any:
    strict = schema(version, action, reply=reply)
    return _compiled(loosened(strict, strict.get("definitions", {})))


def _compiled(definition: dict[str, Any]) -> Any:
    return jsonschema_rs.validator_for(definition, validate_formats=True)


def validate_call(version: str, action: str, payload: dict[str, Any], *, lenient: bool) -> Validated:
    """A request. OcppError with the code that matches, the path in its details; `payload` is never changed."""
    return _validate((version, action, False), payload, lenient)


def validate_reply(version: str, action: str, payload: dict[str, Any], *, lenient: bool) -> Validated:
    """A reply; as `validate_call`."""
    return _validate((version, action, True), payload, lenient)


def _validate(key: tuple[str, str, bool], payload: dict[str, Any], lenient: bool) -> Validated:
    validator = _validator(*key)
    if _fits(validator, payload):
        return Validated(payload)
    if not lenient:
        raise _error(validator, payload)
    # The station's payload stays as it came (it is logged); a copy is mended.
    mended = _copy(payload)
    violations = mend(mended, schema(key[0], key[1], reply=key[2]))
    validator = _lenient_validator(*key)
    if not _fits(validator, mended):
        raise _error(validator, mended)
    return Validated(mended, violations)


def _fits(validator: Any, payload: dict[str, Any]) -> bool:
    try:
        fits: bool = validator.is_valid(payload)
    except ValueError as error:
        # The validator's own limit on depth.
        raise OcppError(Code.FORMAT, "nested too deeply") from error
    return fits


def _copy(payload: dict[str, Any]) -> dict[str, Any]:
    try:
        copied: dict[str, Any] = orjson.loads(orjson.dumps(payload))
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise OcppError(Code.FORMAT, "nested too deeply") from error
    return copied


def _error(validator: Any, payload: dict[str, Any]) -> OcppError:
    """The first fault gives the code."""
    try:
        faults = list(validator.iter_errors(payload)) if _is_small(payload) else [_first_fault(validator, payload)]
    except ValueError:
        # The validator's own limit on depth; a quicker look had found another fault before.
        return OcppError(Code.FORMAT, "nested too deeply")
    first = faults[0]
    error = violation(_CODES.get(first.kind.name, Code.PROPERTY), _path(first), first.message)
    error.details["errors"] += [{"path": _path(fault), "fault": fault.message[:120]} for fault in faults[1:FAULTS_TOLD]]
    return error


def _first_fault(validator: Any, payload: dict[str, Any]) -> Any:
    try:
        validator.validate(payload)
    except jsonschema_rs.ValidationError as fault:
        return fault
    except ValueError as error:
        raise OcppError(Code.FORMAT, "nested too deeply") from error
    raise AssertionError("called for a payload that fails")


def _is_small(payload: dict[str, Any]) -> bool:
    try:
        return len(orjson.dumps(payload)) <= SMALL_BYTES
    except (orjson.JSONEncodeError, RecursionError):
        return False


def _path(fault: Any) -> str:
    """Where the fault is; for a property that is missing or too much, that property."""
    steps = [str(step) for step in fault.instance_path]
    if fault.kind.name == "required":
        steps.append(str(fault.kind.property))
    elif fault.kind.name == "additionalProperties":
        steps.extend(str(name)[:50] for name in fault.kind.unexpected[:1])
    return ".".join(steps)
