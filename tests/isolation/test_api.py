"""Every route of the API, by B's administrator, with A's ids in every place for an id: in addresses, bodies, queries."""

from collections.abc import Callable
from itertools import combinations
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.isolation.asking import ask, differ, tells_of_a
from tests.isolation.conftest import Cast
from tests.isolation.marks import NOBODY, A, Marks
from tests.isolation.operations import Operation, kinds_of, operations, with_value
from tests.isolation.routes import Route, api_routes, id_of

HERE = "tests/isolation/test_api.py"
METHODS = ("get", "post", "put", "patch", "delete")

# Routes that are nobody's in particular.
PUBLIC = {
    "/api/v1/.*": "there is nothing",
    "/api/v1/auth/token": "signing in: no tenant is known yet",
    "/api/v1/auth/token/refresh": "signing in: the token says whose it is",
    "/api/v1/docs": "the same for everyone",
    "/api/v1/schema": "the same for everyone",
}
# Of what B's rows don't allow, so that an id of B's own isn't found either.
MISSING = {"POST /chargepoints/{charge_point_id}/cancel-reservation": "by the reservation's number, in the body"}
# Some answers say how long something has been going on: what differs for that reason is the same when asked at once.
TRIES = 3
# What a query must have besides.
NEEDED: dict[str, dict[str, str]] = {}
# How many rows, and from which on: numbers that name nothing.
COUNTS = {"limit", "offset"}
# As lists of A's would have given them.
CURSORS: list[Callable[[Marks], str]] = [
    lambda marks: f"2030-01-01T00:00:00Z~{marks.number}",
    lambda marks: f"-2020-01-01T00:00:00Z~{marks.number}",
    lambda marks: f"2030-01-01T00:00:00Z~{marks.uuid}",
]
WITH_IDS = [operation for operation in operations() if operation.route.ids]
WITH_BODY = [operation for operation in operations() if operation.media == "application/json"]
WITH_QUERY = [operation for operation in operations() if operation.query]


def named(operation: Operation) -> str:
    return str(operation)


def placed(route: Route, stranger: Marks) -> list[list[str]]:
    """The addresses with that tenant's id in one place for an id, in two, ... and B's in the others."""
    chosen = [some for number in range(1, len(route.ids) + 1) for some in combinations(route.ids, number)]
    return [route.paths(dict.fromkeys(some, stranger)) for some in chosen]


def send(cast: Cast, operation: Operation, path: str, body: Any = None) -> Any:
    return ask(cast.api(), operation.method, path, operation.body() if body is None else body)


def test_every_route_is_in_the_schema_or_public() -> None:
    described = {operation.route.template for operation in operations()}
    routes = {route.template for route in api_routes()}
    assert routes - described == {name for name in PUBLIC if name not in described}, f"{HERE}: PUBLIC says why"


def test_every_method_of_a_route_is_in_the_schema() -> None:
    described = {(operation.route.template, operation.method) for operation in operations()}
    answered = {
        (route.template, method)
        for route in api_routes()
        for method in getattr(route.callback, "actions", None) or {}
        # Added to a view when it is first asked, beside its GET.
        if method != "head"
    }
    assert answered <= described


@pytest.mark.parametrize("operation", WITH_IDS, ids=named)
def test_an_id_of_a_in_an_address_is_404_as_one_that_nobody_has(both: Cast, operation: Operation) -> None:
    for with_a, with_nobody in zip(placed(operation.route, A), placed(operation.route, NOBODY), strict=True):
        for path, other in zip(with_a, with_nobody, strict=True):
            answer = send(both, operation, path)
            assert answer.status == 404, f"{path}: {answer}"
            assert not differ(answer, send(both, operation, other)), path
    # Or else the 404 would say nothing.
    own = {path: send(both, operation, path).status for path in operation.route.paths({})}
    assert any(status < 500 and status != 404 for status in own.values()) or operation.key in MISSING, own


@pytest.mark.parametrize("operation", WITH_BODY, ids=named)
def test_an_id_of_a_in_a_body_is_answered_as_one_that_nobody_has(both: Cast, operation: Operation) -> None:
    (path, *_) = operation.route.paths({})
    for place, kinds in operation.places():
        for kind in kinds:
            with_a, with_nobody = (with_value(operation.body(), place, _value(marks, kind)) for marks in (A, NOBODY))
            to_a = send(both, operation, path, with_a)
            if to_a.done:
                assert not both.stock.put_back(A)
            to_nobody = send(both, operation, path, with_nobody)
            assert to_a.status != 403, f"{with_a}: {to_a}"
            assert not differ(to_a, to_nobody), with_a
            if to_nobody.done:
                both.stock.put_back(A)


def _value(marks: Marks, kind: str) -> Any:
    return marks.number if kind == "number" else id_of(marks, kind)


@pytest.mark.parametrize("operation", WITH_QUERY, ids=named)
def test_an_id_of_a_in_a_query_is_answered_as_one_that_nobody_has(both: Cast, operation: Operation) -> None:
    (path, *_) = operation.route.paths({})
    for name, schema in operation.query:
        kinds = (
            []
            if name in COUNTS
            else CURSORS
            if name == "cursor"
            else [_of_kind(kind) for kind in kinds_of(schema, name)]
        )
        for value_of in kinds:
            queries = [{**NEEDED.get(operation.key, {}), name: value_of(marks)} for marks in (A, NOBODY)]
            to_a, to_nobody = (send(both, operation, f"{path}?{urlencode(query)}") for query in queries)
            assert to_a.status != 403, f"{name}: {to_a}"
            assert not differ(to_a, to_nobody), f"{name}: {queries[0]}"


def _of_kind(kind: str) -> Callable[[Marks], str]:
    return lambda marks: id_of(marks, kind)


def test_bs_answers_are_the_same_whether_a_is_there_or_not(both: Cast) -> None:
    """Nothing of A's is counted, paged past, summed up or exported."""
    reading = [(one, path) for one in operations() if one.method == "get" for path in one.route.paths({})]
    for _ in range(TRIES):
        with_a = [send(both, *asked) for asked in reading]
        with both.stock.without(A):
            alone = [send(both, *asked) for asked in reading]
        for (_operation, path), answer in zip(reading, with_a, strict=True):
            assert answer.status in {200, 202}, f"{path}: {answer}"
            assert not tells_of_a(answer), f"{path}: {tells_of_a(answer)}"
        together = zip(reading, with_a, alone, strict=True)
        reading = [asked for asked, one, other in together if one.without(A) != other.without(A)]
    assert reading == []
