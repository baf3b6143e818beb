"""Payloads for hypothesis, made from the schemas: ones that fit, and ones with something odd put in."""

import copy
from datetime import UTC, datetime
from functools import cache
from typing import Any

from hypothesis import strategies as st

from chargepoints.protocol.actions import all_actions
from chargepoints.protocol.validation import schema

Key = tuple[str, bool]
KEYS: list[Key] = [(action, reply) for action in sorted(all_actions("1.6")) for reply in (False, True)]
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 7.0, 2**31, 2**63, 1e308, -0.0, "", " ", "x" * 700, "\u0000", "Ünicode 🔌"),
    *("12", " 7 ", "1.25", "1e5", "NaN", "-", "accepted", "Celcius", "http://[", "9" * 30),
    *("2026-11-20T10:00:00", "2026-11-20 10:00", "2026-11-20T10:00:00+0200", "0001-01-01T00:00:00+14:00", "yesterday"),
    *([], {}, [[]], {"a": {"b": []}}, [None], {"extra": 1}),
]


@cache
def fitting(key: Key) -> st.SearchStrategy[Any]:
    """Payloads that fit the schema of (action, is a reply)."""
    definition = schema("1.6", key[0], reply=key[1])
    return _fitting(definition, definition.get("definitions", {}))


def _fitting(part: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in part:
        part = definitions[part["$ref"].removeprefix("#/definitions/")]
    if "enum" in part:
        return st.sampled_from(part["enum"])
    kind = part.get("type")
    if kind == "object":
        members = {name: _fitting(inner, definitions) for name, inner in part.get("properties", {}).items()}
        required = set(part.get("required", ()))
        return st.fixed_dictionaries(
            {name: members[name] for name in members if name in required},
            optional={name: members[name] for name in members if name not in required},
        )
    if kind == "array":
        return st.lists(_fitting(part["items"], definitions), min_size=part.get("minItems", 0), max_size=3)
    if kind == "integer":
        return st.integers(-(2**31), 2**31)
    if kind == "number":
        return st.integers(-10_000, 10_000).map(float)
    return st.booleans() if kind == "boolean" else _text(part)


def _text(part: dict[str, Any]) -> st.SearchStrategy[str]:
    if part.get("format") == "date-time":
        times = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
        return times.map(lambda at: at.isoformat().replace("+00:00", "Z"))
    if part.get("format") == "uri":
        return st.sampled_from(["https://example.com/x", "ftp://user@host/dir"])
    return st.text(max_size=min(part.get("maxLength", 20), 20))


@st.composite
def mutated(draw: st.DrawFn, key: Key) -> Any:
    """A payload that fits, but for a few places."""
    payload = copy.deepcopy(draw(fitting(key)))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(payload))
        parent, step = draw(st.sampled_from(places)) if places else (payload, "extra")
        match draw(st.sampled_from(["replace", "replace", "remove", "add"])):
            case "remove":
                parent.pop(step, None) if isinstance(parent, dict) else parent.pop(step)
            case "add" if isinstance(parent, dict):
                parent[draw(st.text(max_size=8))] = draw(st.sampled_from(ODD))
            case _:
                parent[step] = copy.deepcopy(draw(st.sampled_from(ODD)))
    return payload


def _places(value: Any) -> Any:
    """Every (container, key) below a value."""
    steps = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for step in steps:
        yield value, step
        yield from _places(value[step])
