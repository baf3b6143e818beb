"""JSON schemas of events, from their classes: what receivers can rely on (the payload of webhooks and MQTT)."""

import types
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Union, get_args, get_origin, get_type_hints

from tenants.events import Event, camel

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TIME = {"type": "string", "format": "date-time"}
# Exact: as text.
_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Decimal: {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"},
    datetime: _TIME,
}


def schema_of(event: type[Event]) -> dict[str, Any]:
    """The envelope with this event's `data`. TypeError for a field whose type has no place in JSON."""
    data = data_schema(event)
    properties: dict[str, Any] = {
        "event_id": {"type": "string", "format": "uuid"},
        "event_type": {"const": event.event_type},
        "timestamp": _TIME,
        "tenant_id": {"type": "string"},
        "charge_point_id": {"type": ["string", "null"]},
        "data": data,
    }
    if "sessionId" in data["properties"]:
        properties["session_id"] = data["properties"]["sessionId"]
    return {
        "$schema": DRAFT,
        "title": event.event_type,
        "description": first_sentence(event),
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
    }


def data_schema(event: type[Event]) -> dict[str, Any]:
    """What is said of this kind of event only."""
    hints = get_type_hints(event)
    own = [field.name for field in fields(event) if field.name not in ("charge_point", "at")]
    properties = {camel(name): _schema(hints[name]) for name in own}
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def first_sentence(event: type[Event]) -> str:
    """The class's docstring, where it has one of its own."""
    text = " ".join((event.__dict__.get("__doc__") or "").split())
    # A dataclass without one is given its signature.
    return "" if text.startswith(f"{event.__name__}(") else text


def _schema(hint: Any) -> dict[str, Any]:
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType) and type(None) in inner:
        (kind,) = [one for one in inner if one is not type(None)]
        schema = _schema(kind)
        return schema | {"type": [schema["type"], "null"]}
    if origin is list:
        return {"type": "array", "items": _schema(inner[0])}
    if origin is dict or hint is dict:
        return {"type": "object"}
    raise TypeError(f"an event can't have a field of {hint}")
