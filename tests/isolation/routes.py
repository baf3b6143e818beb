"""Every route that there is, from the URL resolver, and how its places for ids are filled."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver

from tests.isolation.marks import B, Marks

WORD = "word"
HERE = "tests/isolation/routes.py"
_CONVERTED = re.compile(r"<(?:(?P<converter>[^>:]+):)?(?P<name>[^>]+)>")

# What stands in a place of an address. "row": the key of the view's model, a number or a UUID.
PLACES: dict[str, str] = {
    "assignment_id": "number",
    "certificate_id": "number",
    "charge_point_id": "key",
    "circuit_id": "number",
    "delivery_id": "number",
    "id": "row",
    "id_tag": "key",
    "limit_id": "number",
    "member_id": "number",
    "number": "record",
    "object_id": "row",
    "pk": "row",
    "profile_id": "number",
    "slug": "slug",
    "tariff_id": "number",
    "token": "token",
    "update_id": "number",
    "upload_id": "number",
}
# Places for words, with the words that mean something there.
WORDS: dict[str, tuple[str, ...]] = {
    "app_label": ("tenants", "chargepoints", "metering", "smartcharging"),
    "connector_id": ("1",),
    "name": ("file.log",),
    "url": ("nowhere",),
    "what": ("accept", "reject", "password", "pause", "resume", "cancel"),
}


@dataclass(frozen=True)
class Route:
    """One address. `template`: with `{name}` in its places; `places`: name -> what fills it."""

    template: str
    places: tuple[tuple[str, str], ...]
    callback: Any
    name: str

    def __str__(self) -> str:
        return self.template

    def paths(self, given: dict[str, Marks]) -> list[str]:
        """The addresses with the ids of whom `given` names for each place (B's where it names nobody), and all words."""
        found = [self.template]
        for name, kind in self.places:
            values = WORDS[name] if kind == WORD else (id_of(given.get(name, B), kind),)
            found = [path.replace("{" + name + "}", value) for path in found for value in values]
        return found

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the places for ids."""
        return tuple(name for name, kind in self.places if kind != WORD)


def id_of(marks: Marks, kind: str) -> str:
    """A tenant's id of that kind."""
    kinds = {
        **{"number": str(marks.number), "uuid": str(marks.uuid), "key": marks.key, "slug": marks.slug},
        **{"token": marks.token, "record": marks.record},
    }
    return kinds[kind]


@functools.cache
def all_routes() -> tuple[Route, ...]:
    return tuple(_walk(get_resolver().url_patterns, "/"))


def api_routes() -> list[Route]:
    return [route for route in all_routes() if route.template.startswith("/api/v1/")]


def office_routes() -> list[Route]:
    return [route for route in all_routes() if route.template.startswith("/admin/")]


def other_routes() -> list[Route]:
    return [route for route in all_routes() if not route.template.startswith(("/api/v1/", "/admin/"))]


def _walk(patterns: list[Any], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        template = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, template)
        elif isinstance(pattern, URLPattern):
            yield _route(template, pattern)


def _route(text: str, pattern: URLPattern) -> Route:
    places: dict[str, str] = {}

    def place(name: str, converter: str) -> str:
        places[name] = kind_of(name, converter, pattern.callback)
        return "{" + name + "}"

    template = _regular(text, place) if "(?P<" in text or text.endswith(("$", r"\Z")) else text
    template = _CONVERTED.sub(lambda found: place(found["name"], found["converter"] or "str"), template)
    template = re.sub(r"(?<=/)\^|\$$|\\Z$", "", template).replace("\\", "").removesuffix("/?")
    return Route(template, tuple(places.items()), pattern.callback, pattern.name or "")


def _regular(text: str, place: Any) -> str:
    """A regular expression's groups replaced by places."""
    while (start := text.find("(?P<")) >= 0:
        depth, end = 0, start
        while True:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
            if depth == 0:
                break
        name, _, rule = text[start + 4 : end - 1].partition(">")
        text = text[:start] + place(name, rule) + text[end:]
    return text


def kind_of(name: str, converter: str, callback: Any) -> str:
    """What fills a place; fails with what to add where nobody has said so."""
    if name in WORDS:
        return WORD
    if name not in PLACES:
        pytest.fail(f"{HERE}: say in PLACES an id of which kind fills <{name}>, or in WORDS which words it takes")
    kind = PLACES[name]
    if kind != "row":
        return kind
    if converter in {"int", "uuid"}:
        return {"int": "number", "uuid": "uuid"}[converter]
    if "[0-9a-fA-F]" in converter:
        return "uuid"
    if "[0-9]" in converter:
        return "number"
    model = model_of(callback)
    return "uuid" if model is not None and isinstance(model._meta.pk, models.UUIDField) else "number"


def model_of(callback: Any) -> type[models.Model] | None:
    """The model of an endpoint or a page."""
    page = getattr(callback, "model_admin", None)
    if page is not None:
        return page.model  # type: ignore[no-any-return]
    queryset = getattr(getattr(callback, "cls", None), "queryset", None)
    return None if queryset is None else queryset.model
