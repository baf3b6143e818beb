"""What a careless or hostile client sends never gives a 5xx (API.md "Conventions")."""

import json
import re
from typing import Any, cast

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint
from tests.api.conftest import make_session

BASE = "/api/v1"
BIG = '{"idTag": "' + "x" * 2_000_000 + '"}'
NO_OBJECTS = [
    "[" * 100_000,
    '{"a":' * 100_000,
    "[]",
    "null",
    "3",
    '"text"',
    '{"idTag": NaN}',
    '{"idTag": ' + "9" * 5000 + "}",
    '{"idTag": "\\ud800"}',
    '{"idTag": {"a": 1}}',
    '{"\\u0000": 1}',
    '{"\\ud800": 1}',
    '{"idTag": 1e999}',
    '{"idTag": -9223372036854775809}',
    '{"idTag": "A", "idTag": "B"}',
    '{"idTag": ' + "[" * 32 + "]" * 32 + "}",
    "\ufeff{}",
    "{} {}",
    "\udcff",
    "",
]


@pytest.mark.parametrize("headers", [{}, {"HTTP_IDEMPOTENCY_KEY": "big"}])
@pytest.mark.parametrize("path", ["/id-tags", "/auth/token", "/chargepoints/CP1/remote-start"])
def test_a_body_over_the_limit_is_413(api: APIClient, station: ChargePoint, path: str, headers: dict[str, str]) -> None:
    answer = api.generic("POST", BASE + path, BIG, "application/json", **headers)  # type: ignore[arg-type]
    assert answer.status_code == 413
    assert answer.json()["success"] is False


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/id-tags"),
        ("POST", "/auth/token"),
        ("POST", "/auth/token/refresh"),
        ("POST", "/chargepoints"),
        ("PATCH", "/chargepoints/CP1"),
        ("POST", "/chargepoints/CP1/remote-start"),
        ("POST", "/chargepoints/CP1/remote-stop"),
    ],
)
def test_bodies_that_are_no_such_object_are_400(
    api: APIClient, station: ChargePoint, redis_clean: Any, method: str, path: str
) -> None:
    answers = {}
    for body in NO_OBJECTS:
        # Each is the first of its client: signing in is slowed down.
        redis_clean.flushdb()
        raw = body.encode("utf-8", "surrogateescape")
        answer = api.generic(method, BASE + path, raw, "application/json")  # type: ignore[arg-type]
        answers[ascii(body)[:40]] = answer.status_code
    empty_change = {"''": 200} if method == "PATCH" else {}
    assert {body: status for body, status in answers.items() if status != 400} == empty_change


@pytest.mark.parametrize(
    "profile",
    [{"a": "\0"}, {"\0": 1}, {"a": "\ud800"}, {"chargingProfileId": 10**30}, {"a": [[[[[[]]]]]]}, {"stackLevel": True}],
    ids=ascii,
)
def test_a_charging_profile_that_is_none_is_400(api: APIClient, station: ChargePoint, profile: Any) -> None:
    from chargepoints.models import Command

    body = json.dumps({"idTag": "X", "chargingProfile": profile})
    answer = api.generic("POST", f"{BASE}/chargepoints/CP1/remote-start", body, "application/json")
    assert answer.status_code == 400, answer.content
    assert Command.objects.count() == 0


IMPOSSIBLE = [
    "/chargepoints?search=%00",
    "/chargepoints?tag=%00",
    "/chargepoints?status=%00",
    "/chargepoints?limit=99999999999999999999",
    "/chargepoints?offset=99999999999999999999",
    "/chargepoints?format=xml",
    "/chargepoints?format=problem",
    "/chargepoints/CP1/messages?action=%00",
    "/chargepoints/CP1/messages?messageId=%00",
    "/chargepoints/CP1/messages?cursor=2026-01-01T00:00:00Z~%C2%B2",
    "/chargepoints/CP1/messages?startTime=0001-01-01T00:00:00%2B23:59",
    "/chargepoints/CP1/messages?endTime=9999-12-31T23:59:59-23:59",
    "/chargepoints/CP1/meter-values?measurand=%00",
    "/chargepoints/CP1/meter-values?phase=%00",
    "/chargepoints/CP1/meter-values?startTime=0001-01-01T00:00:00%2B23:59",
    "/chargepoints/CP1/meter-values?cursor=9999-12-31T23:59:59-23:59~1~1",
    "/chargepoints/CP1/meter-values?connectorId=-1",
    "/chargepoints/CP1/meter-values?transactionId=1e3",
    "/chargepoints/CP1/connectors/1/status-history?cursor=zzz",
    "/chargepoints/CP1/connectors/1/status-history?cursor=cD0lMDA=",
    "/transactions?cursor=zzz",
    "/transactions?cursor=cD14",
    "/transactions?connectorId=1e400",
    "/transactions?connectorId=NaN",
    "/transactions?idTag=%00",
    "/transactions?chargePointId=%00",
    "/commands?cursor=bz0xMA==",
    "/commands?action=%00",
    "/id-tags?search=%00",
    "/id-tags?parentIdTag=%00",
    "/events?after=-1",
    "/events?after=%C2%B2",
    "/events?limit=1&limit=2",
    "/transactions?idTag=%00&idTag=%00",
    "/transactions?cursor=",
    "/transactions?cursor=2026-01-01T00:00:00Z",
    "/transactions?cursor=2026-01-01T00:00:00~1",
    "/transactions?cursor=2026-01-01T00:00:00Z~1~1",
    "/transactions?cursor=--2026-01-01T00:00:00Z~1",
    "/transactions?cursor=2026-01-01T00:00:00Z~9999999999999999999",
    "/transactions?cursor=2026-01-01T00:00:00Z~00000000-0000-0000-0000-000000000000",
    "/commands?cursor=2026-01-01T00:00:00Z~1",
    "/commands?cursor=%00",
    "/clients?%00=1",
    "/clients?%ED%A0%80=1",
]


def test_impossible_parameters_are_400_and_named(api: APIClient, station: ChargePoint) -> None:
    make_session(station)
    answers = {path: api.get(BASE + path) for path in IMPOSSIBLE}
    assert {path: answer.content[:300] for path, answer in answers.items() if answer.status_code != 400} == {}
    unnamed = {path for path, answer in answers.items() if answer.json()["errors"][0]["field"] is None}
    assert unnamed == set()


def test_a_thousand_and_one_parameters_are_400(api: APIClient) -> None:
    assert api.get(f"{BASE}/chargepoints?" + "&".join(f"a{n}=1" for n in range(1001))).status_code == 400


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-16", "application/json; charset=bz2", "text/csv"]
)
def test_a_body_that_is_not_json_in_utf_8_is_415(api: APIClient, content_type: str) -> None:
    answer = api.generic("POST", f"{BASE}/id-tags", b'{"idTag": "A"}', content_type)  # type: ignore[arg-type]
    assert answer.status_code == 415


def test_the_field_of_text_that_cannot_be_stored_is_named_wherever_it_is(api: APIClient, station: ChargePoint) -> None:
    body = '{"idTag": "A", "chargingProfile": {"schedule": [{"unit": "\\u0000"}]}}'
    answer = api.generic("POST", f"{BASE}/chargepoints/CP1/remote-start", body, "application/json")
    assert [error["field"] for error in answer.json()["errors"]] == ["chargingProfile.schedule.unit"]


@pytest.mark.parametrize("path", ["/chargepoints/%00/remote-start", "/chargepoints/%ff/remote-start"])
def test_an_impossible_path_with_an_idempotency_key_is_404(api: APIClient, path: str) -> None:
    assert api.post(BASE + path, {"idTag": "A"}, HTTP_IDEMPOTENCY_KEY="k").status_code == 404


async def test_a_body_sent_in_chunks_is_read(api: APIClient, station: ChargePoint) -> None:
    """Without a Content-Length: a change that is answered must have been made."""
    headers = {
        "Authorization": cast(Any, api)._credentials["HTTP_AUTHORIZATION"],
        "Transfer-Encoding": "chunked",
        "Content-Type": "application/json",
    }
    scope = {
        "type": "http",
        "method": "PATCH",
        "path": f"{BASE}/chargepoints/CP1",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    line = ApplicationCommunicator(get_asgi_application(), scope)
    for part, more in ((b'{"name": "De', True), (b'pot"}', False)):
        await line.send_input({"type": "http.request", "body": part, "more_body": more})
    assert (await line.receive_output(5))["status"] == 200
    assert json.loads((await line.receive_output(5))["body"])["data"]["name"] == "Depot"


@pytest.mark.parametrize("accept", ["/", ";", "\xff", "*", "a/b" * 3000, "text/html;q=0, */*"])
def test_an_accept_header_of_nonsense_gives_no_5xx(api: APIClient, accept: str) -> None:
    assert api.get(f"{BASE}/chargepoints", HTTP_ACCEPT=accept).status_code in {200, 400, 406}


NOWHERE = [
    "/chargepoints/%00",
    "/chargepoints/%ff",
    "/chargepoints/" + "x" * 49,
    "/chargepoints/CP1/connectors/99999/status-history",
    "/id-tags/%00",
    "/id-tags/%ff",
    "/id-tags/" + "x" * 3000,
    "/transactions/0",
    "/transactions/999999999999999999",
    "/transactions/9999999999999999999999",
    "/transactions/abc",
    "/transactions/%D9%A3",
    "/commands/00000000-0000-0000-0000-000000000000",
    "/commands/zzz",
]


def test_impossible_ids_are_404(api: APIClient, station: ChargePoint) -> None:
    answers = {path: api.get(BASE + path) for path in NOWHERE}
    assert {path: answer.content[:300] for path, answer in answers.items() if answer.status_code != 404} == {}
    assert [path for path, answer in answers.items() if answer.json()["success"] is not False] == []


@pytest.mark.parametrize("identity", ["A*b-c_d=e:f+g|h@i.j", "x" * 48, "messages", "-", "..."])
def test_every_identity_that_ocpp_allows_can_be_asked_for(api: APIClient, identity: str) -> None:
    from urllib.parse import quote

    created = api.post(f"{BASE}/chargepoints", {"chargePointId": identity})
    assert created.status_code == 201, created.content
    for spelled in (identity, identity.upper()):
        shown = api.get(f"{BASE}/chargepoints/{quote(spelled, safe='')}")
        assert shown.json()["data"]["chargePointId"] == identity


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer \xff",
        "Api-Key",
        "Api-Key \xff",
        "Basic YTpi",
        "\xff",
        "Bearer " + "x" * 9000,
    ],
)
def test_credentials_that_are_none_are_401(api: APIClient, authorization: str) -> None:
    answer = APIClient().get(f"{BASE}/chargepoints", HTTP_AUTHORIZATION=authorization)
    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer


@pytest.mark.parametrize(
    "path", ["/chargepoints", "/chargepoints/CP1", "/id-tags", "/transactions", "/events", "/clients"]
)
@pytest.mark.parametrize("method", ["head", "options"])
def test_head_and_options_are_answered(api: APIClient, station: ChargePoint, path: str, method: str) -> None:
    assert getattr(api, method)(BASE + path).status_code == 200


def test_options_is_answered_on_every_path(api: APIClient, station: ChargePoint) -> None:
    paths = SchemaGenerator().get_schema(public=True)["paths"]
    answers = {path: api.options(re.sub(r"\{[^}]*\}", "1", path)).status_code for path in paths}
    assert len(answers) > 20
    assert {path: status for path, status in answers.items() if status not in {200, 404}} == {}


def test_only_json_is_served(api: APIClient) -> None:
    answer = api.get(f"{BASE}/chargepoints", HTTP_ACCEPT="text/html")
    assert answer.status_code == 406
    assert answer.json()["success"] is False


@pytest.mark.parametrize("key", ["", "x" * 201, "\xff", "a\tb"])
def test_an_impossible_idempotency_key_is_400(api: APIClient, key: str) -> None:
    answer = api.post(f"{BASE}/id-tags", {"idTag": "X"}, HTTP_IDEMPOTENCY_KEY=key)
    assert answer.status_code == 400
