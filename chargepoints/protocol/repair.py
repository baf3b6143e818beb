"""Mending what field chargers get wrong, where it is unambiguous (OCPP.md "Framing", lenient). Pure.

One walk over the payload beside its schema. The work is linear in the payload and ends at the first thing that
can't be understood: listing every fault of a hostile 64 KiB frame takes jsonschema-rs 0.2 s, and all sockets with it.
"""

import re
from typing import Any

from chargepoints.protocol.errors import Code, OcppError, violation
from chargepoints.protocol.timestamps import format_timestamp, parse_timestamp

Where = tuple[str | int, ...]
# Enumerations that grow in the field: an unknown word is kept as given.
OPEN_ENUMS = frozenset({"measurand", "unit", "context", "location", "phase", "format"})
NOTES_TOLD = 20
_INTEGER = re.compile(r"\s*[+-]?\d{1,18}\s*\Z", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?\d{1,18}(\.\d{1,18})?\s*\Z", re.ASCII)
# What the schema's `date-time` takes; a leap second out of place is rewritten with the rest.
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)
_DROPPED = object()


def mend(payload: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Mend `payload` in place; what was done, as `path: what` lines.

    OcppError for a value that has the wrong type or isn't a word, time or address that its field may have.
    What a walk can't see (a field that is missing, a number out of range) is left to the validator.
    """
    walk = _Walk(schema.get("definitions", {}))
    walk.members(payload, schema, ())
    if walk.count > NOTES_TOLD:
        walk.notes.append(f"and {walk.count - NOTES_TOLD} more")
    return walk.notes


def loosened(node: Any, definitions: dict[str, Any], *, is_open: bool = False) -> Any:
    """The schema without what lenient tolerates: unknown words of open enumerations, too fine a number."""
    if isinstance(node, list):
        return [loosened(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if is_open and "$ref" in node:
        node = _resolved(node, definitions)
    kept = {}
    for key, inner in node.items():
        if key == "properties":
            kept[key] = {name: loosened(part, definitions, is_open=name in OPEN_ENUMS) for name, part in inner.items()}
        elif key != "multipleOf" and not (is_open and key == "enum"):
            kept[key] = loosened(inner, definitions)
    return kept


def _resolved(part: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref")
    return part if reference is None else definitions[reference.removeprefix("#/definitions/")]


class _Walk:
    """Notes of one walk."""

    __slots__ = ("_definitions", "count", "notes")

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions
        self.notes: list[str] = []
        self.count = 0

    def members(self, target: dict[str, Any], part: dict[str, Any], where: Where) -> None:
        """Mend each member of an object; what the schema doesn't know is dropped."""
        properties, closed = part.get("properties", {}), part.get("additionalProperties") is False
        for key in list(target):
            inner = properties.get(key)
            if inner is not None:
                given = target[key]
                mended = self._value(given, inner, (*where, key))
                if mended is _DROPPED:
                    del target[key]
                elif mended is not given:
                    target[key] = mended
            elif closed:
                del target[key]
                self._note((*where, key), "unknown, dropped")

    def _value(self, given: Any, part: dict[str, Any], where: Where) -> Any:
        part = _resolved(part, self._definitions)
        kind = part.get("type")
        if given is None and isinstance(where[-1], str):
            return self._drop(where, "null")
        if kind == "object" and isinstance(given, dict):
            self.members(given, part, where)
            return given
        if kind == "array" and isinstance(given, list):
            self._items(given, part.get("items", {}), where)
            return given
        if kind == "string":
            return self._text(self._as_text(given, where), part, where)
        if kind in ("integer", "number"):
            return self._number(given, kind, part, where)
        if kind is None or (kind == "boolean" and isinstance(given, bool)):
            return given
        raise _wrong_type(given, kind, where)

    def _items(self, items: list[Any], part: dict[str, Any], where: Where) -> None:
        for index, given in enumerate(items):
            mended = self._value(given, part, (*where, index))
            if mended is _DROPPED:
                raise violation(Code.PROPERTY, _path((*where, index)), "is empty")
            items[index] = mended

    def _as_text(self, given: Any, where: Where) -> str:
        if isinstance(given, str):
            return given
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise _wrong_type(given, "string", where)
        self._note(where, "number read as text")
        return str(given)

    def _text(self, given: str, part: dict[str, Any], where: Where) -> Any:
        words, shape = part.get("enum"), part.get("format")
        if not given.strip() and (shape is not None or (words is not None and given not in words)):
            return self._drop(where, "empty")
        if words is not None and given not in words:
            if where[-1] not in OPEN_ENUMS:
                raise violation(Code.PROPERTY, _path(where), f"{_short(given)} is not one of its words")
            self._note(where, f"unknown word {_short(given)} kept")
            return given
        if shape == "date-time":
            return self._time(given, where)
        longest = part.get("maxLength")
        if longest is not None and len(given) > longest:
            self._note(where, f"cut from {len(given)} to {longest} characters")
            return given[:longest]
        return given

    def _time(self, given: str, where: Where) -> str:
        if _RFC3339.match(given):
            return given
        try:
            read = format_timestamp(parse_timestamp(given))
        except ValueError:
            raise violation(Code.PROPERTY, _path(where), f"{_short(given)} is not a time") from None
        self._note(where, f"{_short(given)} read as {read}")
        return read

    def _number(self, given: Any, kind: str, part: dict[str, Any], where: Where) -> Any:
        number = _as_number(given, kind)
        if number is None:
            raise _wrong_type(given, kind, where)
        if type(number) is not type(given):
            self._note(where, f"{_short(given)} read as {kind}")
        step = part.get("multipleOf")
        if step is not None and abs(number / step - round(number / step)) > 1e-9:
            self._note(where, f"finer than steps of {step}, kept")
        return number

    def _drop(self, where: Where, what: str) -> object:
        self._note(where, f"{what}, dropped")
        return _DROPPED

    def _note(self, where: Where, text: str) -> None:
        self.count += 1
        if self.count <= NOTES_TOLD:
            self.notes.append(f"{_path(where)}: {text}"[:120])


def _as_number(given: Any, kind: str) -> int | float | None:
    """The value as a number of that kind, where that is unambiguous. A boolean is no number."""
    if isinstance(given, bool):
        return None
    if isinstance(given, str):
        if _INTEGER.match(given):
            return int(given)
        return float(given) if kind == "number" and _NUMBER.match(given) else None
    if isinstance(given, float) and kind == "integer":
        return int(given) if given.is_integer() else None
    return given if isinstance(given, int | float) else None


def _wrong_type(given: Any, kind: Any, where: Where) -> OcppError:
    return violation(Code.TYPE, _path(where), f"{_short(given)} is not of type {kind}")


def _path(where: Where) -> str:
    return ".".join(str(step)[:50] for step in where)


def _short(given: Any) -> str:
    """A scalar as the other side wrote it, a container by its kind only: both may be huge."""
    if isinstance(given, dict | list):
        return "an object" if isinstance(given, dict) else "an array"
    return repr(given[:40]) if isinstance(given, str) else str(given)[:40]
