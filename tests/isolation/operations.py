"""The API's operations from its schema: their parameters, and bodies made after it."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.isolation.marks import B, Marks
from tests.isolation.routes import Route, api_routes

# Kept up to date by a test of the API's own.
SCHEMA = Path(__file__).parents[2] / "docs" / "openapi.yaml"
Schema = dict[str, Any]
Place = tuple[str | int, ...]
# How far down a body may hold ids: what lies deeper (the periods of a schedule) are figures.
DEEPEST = 4
TIME = "2030-01-01T00:00:00Z"


@dataclass(frozen=True)
class Operation:
    """One method of one route. `media`: the kind of body that it takes, or empty."""

    method: str
    route: Route
    query: tuple[tuple[str, Any], ...]
    media: str
    schema: Any

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.route.template.removeprefix('/api/v1')}"

    @property
    def key(self) -> str:
        """As the tables of the tests name it."""
        return str(self)

    def body(self) -> Any:
        """One that the schema allows, all of it B's."""
        return example(self.schema, B) if self.media == "application/json" else None

    def places(self) -> list[tuple[Place, list[str]]]:
        """Where in a body a value stands that may be an id, and of which kinds."""
        found = dict(_places(self.schema, ())) if self.media == "application/json" else {}
        return sorted(found.items(), key=str)


@functools.cache
def document() -> Schema:
    found: Schema = yaml.load(SCHEMA.read_text(), Loader=yaml.CSafeLoader)
    return found


@functools.cache
def operations() -> tuple[Operation, ...]:
    """All that the schema names."""
    routes = {_anonymous(route.template): route for route in api_routes()}
    return tuple(
        _operation(method, routes[_anonymous(path)], described)
        for path, methods in document()["paths"].items()
        for method, described in methods.items()
    )


def _anonymous(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "{}", path)


def _operation(method: str, route: Route, described: Schema) -> Operation:
    query = tuple((one["name"], one["schema"]) for one in described.get("parameters", []) if one["in"] == "query")
    content: Schema = described.get("requestBody", {}).get("content", {})
    media = "application/json" if "application/json" in content else next(iter(content), "")
    return Operation(method, route, query, media, content.get(media, {}).get("schema"))


def _resolved(schema: Schema) -> Schema:
    """What a reference stands for; the first of several possibilities."""
    while True:
        if "$ref" in schema:
            schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif any(word in schema for word in ("allOf", "oneOf", "anyOf")):
            word = next(word for word in ("allOf", "oneOf", "anyOf") if word in schema)
            schema = schema[word][0]
        else:
            return schema


def example(schema: Schema, marks: Marks, *, deep: int = 0) -> Any:
    """The smallest value that the schema allows, with a tenant's ids where there may be any."""
    schema = _resolved(schema)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        wanted = schema.get("required", []) if deep < DEEPEST else []
        return {name: example(schema["properties"][name], marks, deep=deep + 1) for name in wanted}
    if kind == "array":
        return [example(schema["items"], marks, deep=deep + 1)] if deep < DEEPEST else []
    plain: dict[Any, Any] = {"boolean": True, "integer": max(schema.get("minimum", 1), 1), "number": 1}
    return plain.get(kind) if kind in plain else _text(schema, marks)


def _text(schema: Schema, marks: Marks) -> str:
    form = schema.get("format", "")
    texts = {"date-time": TIME, "uuid": str(marks.uuid), "email": "b@example.com", "date": TIME[:10], "time": "08:00"}
    if form in texts:
        return texts[form]
    return "1" if "decimal" in form or "pattern" in schema else marks.key


def _places(schema: Schema, place: Place) -> Iterator[tuple[Place, list[str]]]:
    schema = _resolved(schema)
    if schema.get("type") == "object" and schema.get("properties") and len(place) < DEEPEST:
        for name, below in schema["properties"].items():
            yield from _places(below, (*place, name))
    elif schema.get("type") == "array" and len(place) < DEEPEST:
        yield from _places(schema["items"], (*place, 0))
    elif kinds := kinds_of(schema, str(place[-1]) if place else ""):
        yield place, kinds


def kinds_of(schema: Schema, name: str) -> list[str]:
    """The kinds of ids that a field may hold; none for times, words of a list, switches."""
    schema = _resolved(schema)
    if "enum" in schema or schema.get("format", "") in {
        "date-time",
        "date",
        "time",
        "decimal",
        "binary",
        "email",
        "uri",
    }:
        return []
    of_type = {
        "integer": ["number"],
        "string": ["key", "number", "uuid"] if name.endswith("Id") else ["key"],
        None: ["key", "number"],
    }
    return ["uuid"] if schema.get("format") == "uuid" else of_type.get(schema.get("type"), [])


def with_value(body: Any, place: Place, value: Any) -> Any:
    """The body with `value` there; what is missing on the way is made."""
    if not place:
        return value
    first, *rest = place
    if first == 0:
        return [with_value(body[0] if isinstance(body, list) and body else None, tuple(rest), value)]
    known = body if isinstance(body, dict) else {}
    return {**known, first: with_value(known.get(first), tuple(rest), value)}
