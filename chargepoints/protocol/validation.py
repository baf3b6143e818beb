"""Payloads against the schemas of the `ocpp` package, compiled by jsonschema-rs.

A valid payload costs one `is_valid` call. Only a payload that fails is looked at closer: strict says which
code of OCPP-J the failure has; lenient first mends what can be understood (`repair`).
"""

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
import orjson

from chargepoints.protocol.actions import FOLDERS
from chargepoints.protocol.errors import Code, OcppError
from chargepoints.protocol.repair import repair_once

# A mended payload may show further faults; a payload that needs more rounds than this is beyond understanding.
ROUNDS = 4
FAULTS_TOLD = 10
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
    return jsonschema_rs.validator_for(schema(version, action, reply=reply))


def validate_call(version: str, action: str, payload: dict[str, Any], *, lenient: bool) -> Validated:
    """A request from the station. OcppError with the code that matches, the path in its details."""
    return _validate(_validator(version, action, False), payload, lenient)


def validate_reply(version: str, action: str, payload: dict[str, Any], *, lenient: bool) -> Validated:
    """A reply from the station to our call; as `validate_call`."""
    return _validate(_validator(version, action, True), payload, lenient)


def _validate(validator: Any, payload: dict[str, Any], lenient: bool) -> Validated:
    try:
        if validator.is_valid(payload):
            return Validated(payload)
        faults = _faults(validator, payload)
    except ValueError as error:
        # The validator's own limit on depth.
        raise OcppError(Code.FORMAT, "nested too deeply") from error
    violations: list[str] = []
    if lenient:
        # The station's payload stays as it came (it is logged); a copy is mended.
        payload = _copy(payload)
        for _ in range(ROUNDS):
            payload, mended, tolerated = repair_once(payload, faults)
            violations.extend(note for note in mended if note not in violations)
            if not mended or (tolerated and len(tolerated) == len(faults)):
                faults = [fault for fault in faults if fault not in tolerated]
                break
            faults = _faults(validator, payload)
            if not faults:
                break
        if not faults:
            return Validated(payload, violations)
    raise _error(faults)


def _faults(validator: Any, payload: dict[str, Any]) -> list[Any]:
    found = []
    for fault in validator.iter_errors(payload):
        found.append(fault)
        if len(found) >= 200:
            break
    return found


def _copy(payload: dict[str, Any]) -> dict[str, Any]:
    try:
        copied: dict[str, Any] = orjson.loads(orjson.dumps(payload))
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise OcppError(Code.FORMAT, "nested too deeply") from error
    return copied


def _error(faults: list[Any]) -> OcppError:
    first = faults[0]
    path = _path(first)
    described = [{"path": _path(fault), "fault": fault.message[:120]} for fault in faults[:FAULTS_TOLD]]
    code = _CODES.get(first.kind.name, Code.PROPERTY)
    return OcppError(code, f"{path or 'payload'}: {first.message}", {"errors": described})


def _path(fault: Any) -> str:
    return ".".join(str(step) for step in fault.instance_path)
