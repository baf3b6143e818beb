"""Mending what field chargers get wrong, where it is unambiguous (OCPP.md "Framing", lenient). Pure."""

import re
from typing import Any

from chargepoints.protocol.timestamps import format_timestamp, parse_timestamp

# Enumerations that grow in the field: an unknown word is kept as given.
OPEN_ENUMS = {"measurand", "unit", "context", "location", "phase", "format"}
_INTEGER = re.compile(r"[+-]?\d{1,18}\Z", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?\Z", re.ASCII)


def repair_once(payload: dict[str, Any], faults: list[Any]) -> tuple[dict[str, Any], list[str], list[Any]]:
    """One round: (payload, notes on what was mended or tolerated, the faults that are tolerated as they are)."""
    notes: list[str] = []
    tolerated: list[Any] = []
    removed: list[tuple[Any, Any]] = []
    for fault in faults:
        note = _repair(payload, fault, removed)
        if note == "tolerated":
            tolerated.append(fault)
            note = f"{_name(fault)}: unknown value kept"
        if note:
            notes.append(note[:120])
    for parent, key in removed:
        if isinstance(parent, dict):
            parent.pop(key, None)
    return payload, notes, tolerated


def _repair(payload: dict[str, Any], fault: Any, removed: list[tuple[Any, Any]]) -> str:
    kind, steps = fault.kind.name, list(fault.instance_path)
    if kind == "additionalProperties":
        target = _at(payload, steps)
        extra = [key for key in fault.kind.unexpected if isinstance(target, dict)]
        removed.extend((target, key) for key in extra)
        return f"{_name(fault)}: dropped {', '.join(extra)}" if extra else ""
    if not steps:
        return ""
    parent, key = _at(payload, steps[:-1]), steps[-1]
    value = _at(payload, steps)
    if kind == "type":
        return _retype(parent, key, value, set(fault.kind.types), fault, removed)
    if kind == "maxLength" and isinstance(value, str):
        parent[key] = value[: fault.kind.limit]
        return f"{_name(fault)}: cut"
    if value == "" and kind in {"format", "enum", "minLength"} and isinstance(parent, dict):
        removed.append((parent, key))
        return f"{_name(fault)}: empty, dropped"
    if kind == "format" and fault.kind.format == "date-time" and isinstance(value, str):
        return _redate(parent, key, value, fault)
    if kind == "enum" and key in OPEN_ENUMS and isinstance(value, str):
        return "tolerated"
    if kind == "multipleOf":
        return "tolerated"
    return ""


def _retype(parent: Any, key: Any, value: Any, wanted: set[str], fault: Any, removed: list[tuple[Any, Any]]) -> str:
    if value is None and isinstance(parent, dict):
        removed.append((parent, key))
        return f"{_name(fault)}: null, dropped"
    if isinstance(value, bool):
        return ""
    changed = _as(value, wanted)
    if changed is None:
        return ""
    parent[key] = changed
    return f"{_name(fault)}: {type(value).__name__} read as {type(changed).__name__}"


def _as(value: Any, wanted: set[str]) -> Any:
    """The value as one of the wanted types, where that is unambiguous; else None."""
    if isinstance(value, str) and "integer" in wanted and _INTEGER.match(value.strip()):
        return int(value)
    if isinstance(value, float) and "integer" in wanted and value.is_integer():
        return int(value)
    if isinstance(value, str) and "number" in wanted and _NUMBER.match(value.strip()):
        return float(value)
    if isinstance(value, int | float) and "string" in wanted:
        return str(value)
    return None


def _redate(parent: Any, key: Any, value: str, fault: Any) -> str:
    try:
        parent[key] = format_timestamp(parse_timestamp(value))
    except ValueError:
        return ""
    return f"{_name(fault)}: read as {parent[key]}"


def _at(payload: Any, steps: list[Any]) -> Any:
    for step in steps:
        payload = payload[step]
    return payload


def _name(fault: Any) -> str:
    return ".".join(str(step) for step in fault.instance_path) or "payload"
