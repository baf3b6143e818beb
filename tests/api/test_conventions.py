"""What every endpoint does alike (API.md "Conventions", "Who may call")."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, IdTag
from csms.api.urls import urlpatterns
from tenants.context import system_transaction, tenant_transaction
from tenants.models import IdempotentAnswer, Role, Tenant, User
from tenants.services.api_keys import issue_api_key
from tests.api.conftest import bring_online, client_of, make_session, make_station
from tests.conftest import make_user

BASE = "/api/v1"


def error_fields(answer: Any) -> set[str | None]:
    return {error["field"] for error in answer.json()["errors"]}


def test_it_signs_in_and_refreshes(alice: User, redis_clean: Any) -> None:
    client = APIClient()
    tokens = client.post(f"{BASE}/auth/token", {"username": "alice", "password": "alicealice"}).json()["data"]
    assert tokens["role"] == "admin"
    assert tokens["tenant"] == "acme"
    again = client.post(f"{BASE}/auth/token/refresh", {"refresh": tokens["refresh"]})
    assert again.status_code == 200
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {again.json()['data']['access']}")
    assert client.get(f"{BASE}/chargepoints").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": "alice", "password": "wrong-password"},
        {"username": "nobody", "password": "alicealice"},
        {"username": "alice", "password": "alicealice", "tenant": "umbrella"},
    ],
)
def test_a_wrong_sign_in_gets_one_answer_for_all_reasons(
    alice: User, other_tenant: Tenant, redis_clean: Any, wrong: dict[str, str]
) -> None:
    answer = APIClient().post(f"{BASE}/auth/token", wrong)
    assert answer.status_code == 401
    assert answer.json()["message"] == "User name, password or tenant is wrong."


def test_guessing_passwords_is_slowed_down(alice: User, redis_clean: Any) -> None:
    client = APIClient()
    codes = [client.post(f"{BASE}/auth/token", {"username": "alice", "password": "x"}).status_code for _ in range(11)]
    assert codes[:10] == [401] * 10
    assert codes[10] == 429


def test_no_credentials_is_401_with_a_challenge(db: None) -> None:
    answer = APIClient().get(f"{BASE}/chargepoints")
    assert answer.status_code == 401
    assert "Bearer" in answer["WWW-Authenticate"]
    assert answer.json()["success"] is False


def test_a_removed_membership_acts_at_once(api: APIClient, alice: User) -> None:
    with system_transaction():
        alice.memberships.all().delete()
    assert api.get(f"{BASE}/chargepoints").status_code == 401


def test_a_suspended_tenant_is_refused(api: APIClient, tenant: Tenant) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(status="suspended")
    assert api.get(f"{BASE}/chargepoints").status_code == 403


def test_platform_staff_choose_the_tenant(tenant: Tenant, other_tenant: Tenant, redis_clean: Any) -> None:
    make_station(other_tenant, "THEIRS")
    root = client_of(make_user("root", None, superuser=True))
    listed = root.get(f"{BASE}/chargepoints", HTTP_X_TENANT="umbrella").json()["data"]
    assert [row["chargePointId"] for row in listed] == ["THEIRS"]
    assert root.get(f"{BASE}/chargepoints", HTTP_X_TENANT="acme").json()["data"] == []


def test_members_cannot_choose_another_tenant(api: APIClient, other_tenant: Tenant) -> None:
    make_station(other_tenant, "THEIRS")
    assert api.get(f"{BASE}/chargepoints", HTTP_X_TENANT="umbrella").json()["data"] == []


def test_an_api_key_signs_a_program_in_within_its_scopes(tenant: Tenant, redis_clean: Any) -> None:
    with tenant_transaction(tenant.pk):
        row, key = issue_api_key(name="billing", role=Role.ADMIN, scopes=["transactions:read"])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    assert client.get(f"{BASE}/transactions").status_code == 200
    assert client.get(f"{BASE}/chargepoints").status_code == 403
    assert key not in str(vars(row))


def test_viewers_read_and_nothing_more(viewer: APIClient, station: ChargePoint) -> None:
    assert viewer.get(f"{BASE}/chargepoints/CP1").status_code == 200
    for method, path, body in (
        ("post", "/chargepoints", {"chargePointId": "CP2"}),
        ("patch", "/chargepoints/CP1", {"name": "x"}),
        ("delete", "/chargepoints/CP1", {}),
        ("post", "/id-tags", {"idTag": "X"}),
        ("post", "/chargepoints/CP1/remote-start", {"idTag": "X"}),
    ):
        assert getattr(viewer, method)(BASE + path, body).status_code == 403, path


def test_answers_carry_the_envelope_and_a_request_id(api: APIClient, station: ChargePoint) -> None:
    answer = api.get(f"{BASE}/chargepoints", HTTP_X_REQUEST_ID="trace-12345")
    assert answer["X-Request-Id"] == "trace-12345"
    body = answer.json()
    assert body["success"] is True
    assert body["meta"] == {"count": 1, "next": None, "previous": None, "limit": 100}


def test_failures_are_problem_details_where_asked_for(api: APIClient) -> None:
    answer = api.get(f"{BASE}/chargepoints/NONE", HTTP_ACCEPT="application/problem+json")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 404


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/chargepoints?nonsense=1", "nonsense"),
        ("/chargepoints?limit=0", "limit"),
        ("/chargepoints?limit=1001", "limit"),
        ("/chargepoints?online=perhaps", "online"),
        ("/transactions?startTime=yesterday", "startTime"),
        ("/transactions?endTime=0001-01-01T00:00:00%2B20:32", "endTime"),
        ("/chargepoints/CP1/messages?direction=up", "direction"),
        ("/chargepoints/CP1/meter-values?cursor=zzz", "cursor"),
        ("/events?after=x", "after"),
    ],
)
def test_wrong_query_parameters_are_400_and_named(api: APIClient, station: ChargePoint, path: str, field: str) -> None:
    answer = api.get(BASE + path)
    assert answer.status_code == 400
    assert error_fields(answer) == {field}


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/chargepoints", {"chargePointId": "a b"}, {"chargePointId"}),
        ("/chargepoints", {"chargePointId": "CP1"}, {"chargePointId"}),
        ("/chargepoints", {"chargePointId": "CP9", "password": "short"}, {"password"}),
        ("/chargepoints", {"chargePointId": "CP9", "colour": "red"}, {"colour"}),
        ("/id-tags", {"idTag": "a\0b"}, {"idTag"}),
        ("/id-tags", {"idTag": "X", "expiryDate": "soon", "parentIdTag": "NONE"}, {"expiryDate", "parentIdTag"}),
        ("/chargepoints/CP1/remote-start", {}, {"idTag"}),
        ("/chargepoints/CP1/remote-start", {"idTag": "X", "connectorId": 0}, {"connectorId"}),
        ("/chargepoints/CP1/remote-stop", {}, {"transactionId"}),
        ("/chargepoints/CP1/remote-stop", {"transactionId": 2**40}, {"transactionId"}),
    ],
)
def test_wrong_bodies_are_400_with_each_field_named(
    api: APIClient, station: ChargePoint, path: str, body: dict[str, Any], fields: set[str]
) -> None:
    answer = api.post(BASE + path, body)
    assert answer.status_code == 400, answer.content
    assert error_fields(answer) == fields


@pytest.mark.parametrize(
    ("method", "path", "content_type", "code"),
    [
        ("post", "/id-tags", "application/xml", 415),
        ("put", "/id-tags", "application/json", 405),
        ("get", "/nowhere", "application/json", 404),
    ],
)
def test_protocol_errors_come_in_the_envelope(
    api: APIClient, method: str, path: str, content_type: str, code: int
) -> None:
    answer = api.generic(method.upper(), BASE + path, "{}", content_type)
    assert answer.status_code == code
    assert answer.json()["success"] is False


def test_broken_json_is_400(api: APIClient) -> None:
    answer = api.generic("POST", f"{BASE}/id-tags", "{not json", "application/json")
    assert answer.status_code == 400
    assert "JSON" in answer.json()["errors"][0]["detail"]


def test_the_tenants_limit_of_requests_is_shared_and_told(api: APIClient, tenant: Tenant) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(api_rate_limit=2)
    first = api.get(f"{BASE}/events")
    assert first["X-RateLimit-Remaining"] == "1"
    api.get(f"{BASE}/events")
    third = api.get(f"{BASE}/events")
    assert third.status_code == 429
    assert int(third["Retry-After"]) <= 61


def test_the_same_key_and_body_gives_the_first_answer_again(api: APIClient, tenant: Tenant) -> None:
    first = api.post(f"{BASE}/id-tags", {"idTag": "X"}, HTTP_IDEMPOTENCY_KEY="k1")
    again = api.post(f"{BASE}/id-tags", {"idTag": "X"}, HTTP_IDEMPOTENCY_KEY="k1")
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"
    with tenant_transaction(tenant.pk):
        assert IdTag.objects.count() == 1


def test_the_same_key_with_another_body_is_422(api: APIClient) -> None:
    api.post(f"{BASE}/id-tags", {"idTag": "X"}, HTTP_IDEMPOTENCY_KEY="k1")
    assert api.post(f"{BASE}/id-tags", {"idTag": "Y"}, HTTP_IDEMPOTENCY_KEY="k1").status_code == 422


def test_the_query_is_part_of_the_request_that_a_key_stands_for(api: APIClient, station: ChargePoint) -> None:
    bring_online(station)
    path = f"{BASE}/chargepoints/CP1/clear-cache"
    first = api.post(path, {}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert first.status_code == 202
    assert api.post(f"{path}?wait=0", {}, format="json", HTTP_IDEMPOTENCY_KEY="k1").status_code == 422
    assert api.post(path, {}, format="json", HTTP_IDEMPOTENCY_KEY="k1").json()["data"] == first.json()["data"]


def test_a_key_whose_request_failed_may_be_used_again(api: APIClient, tenant: Tenant) -> None:
    assert api.post(f"{BASE}/id-tags", {"idTag": ""}, HTTP_IDEMPOTENCY_KEY="k1").status_code == 400
    with tenant_transaction(tenant.pk):
        assert not IdempotentAnswer.objects.exists()


def test_a_second_request_while_the_first_is_under_way_is_409(api: APIClient, tenant: Tenant, alice: User) -> None:
    import hashlib

    body = b'{"idTag":"X"}'
    with tenant_transaction(tenant.pk):
        IdempotentAnswer.objects.create(
            tenant=tenant,
            key="k1",
            actor="alice",
            path=f"{BASE}/id-tags",
            body_digest=hashlib.sha256(f"{BASE}/id-tags".encode() + b"\n" + body).hexdigest(),
        )
    answer = api.generic("POST", f"{BASE}/id-tags", body.decode(), "application/json", HTTP_IDEMPOTENCY_KEY="k1")
    assert answer.status_code == 409


def _routes(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


def test_another_tenants_objects_are_404_on_every_route_that_takes_an_id(
    stranger: APIClient, station: ChargePoint
) -> None:
    session = make_session(station)
    with tenant_transaction(station.tenant_id):
        IdTag.objects.create(tenant_id=station.tenant_id, token="T", token_key="t")
    tried = 0
    for route in _routes(urlpatterns):
        if "(?P<" not in route:
            continue
        path = route.replace("^", "").replace("\\Z", "").replace("$", "")
        for name, value in (
            ("charge_point_id", "CP1"),
            ("connector_id", "1"),
            ("id_tag", "T"),
            ("pk", str(session.pk)),
        ):
            start = path.find(f"(?P<{name}>")
            while start >= 0:
                depth, end = 0, start
                while True:
                    depth += {"(": 1, ")": -1}.get(path[end], 0)
                    end += 1
                    if depth == 0:
                        break
                path = path[:start] + value + path[end:]
                start = path.find(f"(?P<{name}>")
        if path.startswith("commands/"):
            path = path.replace(f"commands/{session.pk}", "commands/00000000-0000-4000-8000-000000000000")
        body = {"idTag": "T"} if path.endswith("remote-start") else {"connectorId": 1} if path.endswith("stop") else {}
        for method in ("get", "post", "patch", "delete"):
            answer = getattr(stranger, method)(f"{BASE}/{path}", body if method != "get" else None)
            assert answer.status_code in {404, 405}, (method, path, answer.status_code)
            tried += answer.status_code == 404
    assert tried >= 12


def test_lists_take_a_fixed_number_of_queries(api: APIClient, tenant: Tenant, django_assert_num_queries: Any) -> None:
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    def queries_for(path: str) -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            assert api.get(BASE + path).status_code == 200
        return len(captured)

    first = make_station(tenant, "CP1")
    make_session(first, "1")
    paths = ("/chargepoints", "/transactions", "/clients", "/id-tags", "/commands", "/events")
    few = {path: queries_for(path) for path in paths}
    for number in range(2, 8):
        make_session(make_station(tenant, f"CP{number}"), str(number))
    assert {path: queries_for(path) for path in paths} == few
    assert max(few.values()) <= 6
