"""Who calls the API: strangers, programs with fewer scopes, members with lower roles, members of a suspended tenant."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from tenants.models import Role, User
from tests.conftest import superuser
from tests.isolation.asking import Answer, ask, differ, tells_of_a
from tests.isolation.conftest import Cast, client_with
from tests.isolation.marks import NOBODY, A, B, Marks
from tests.isolation.operations import Operation, operations
from tests.isolation.test_api import PUBLIC

HERE = "tests/isolation/test_callers.py"
SIGNED_IN = [operation for operation in operations() if operation.route.template not in PUBLIC]
WRITING = [operation for operation in SIGNED_IN if operation.method != "get"]


def scope_of(operation: Operation) -> str:
    return str(getattr(operation.route.callback.cls, "scope", "none"))


def answers(client: Any, operation: Operation, marks: Marks) -> list[Answer]:
    """With all ids of that tenant's."""
    paths = operation.route.paths(dict.fromkeys(operation.route.ids, marks))
    return [ask(client, operation.method, path, operation.body()) for path in paths]


def refused(client: Any, operation: Operation, status: int) -> None:
    """Whose ids are sent makes no difference, B's own included."""
    for to_a, to_b in zip(answers(client, operation, A), answers(client, operation, B), strict=True):
        assert to_a.status == status, f"{operation}: {to_a}"
        assert to_a.without(A) == to_b.without(B), operation
        assert not B.known_to(to_b.without(B).body.decode()), operation


def test_every_view_has_a_scope_that_keys_can_be_kept_from() -> None:
    assert {operation.key for operation in SIGNED_IN if scope_of(operation) == "none"} == set()


def test_who_has_not_signed_in_learns_nothing(both: Cast) -> None:
    stranger = APIClient(raise_request_exception=False)
    for operation in SIGNED_IN:
        refused(stranger, operation, 401)


def test_a_key_of_one_scope_does_nothing_of_another(both: Cast) -> None:
    program = both.program(Role.ADMIN, "events:read")
    for operation in SIGNED_IN:
        if scope_of(operation) == "events" and operation.method == "get":
            assert answers(program, operation, B)[0].status == 200
        else:
            refused(program, operation, 403)


def test_a_key_that_reads_everything_writes_nothing(both: Cast) -> None:
    program = both.program(Role.ADMIN, *sorted({f"{scope_of(operation)}:read" for operation in SIGNED_IN}))
    for operation in WRITING:
        refused(program, operation, 403)


def test_a_viewer_writes_nothing(both: Cast) -> None:
    for operation in WRITING:
        refused(both.api(Role.VIEWER), operation, 403)


def test_a_program_finds_as_little_of_a_as_a_person(both: Cast) -> None:
    program = both.program(Role.ADMIN)
    for operation in SIGNED_IN:
        if operation.route.ids:
            for answer, other in zip(answers(program, operation, A), answers(program, operation, NOBODY), strict=True):
                assert answer.status == 404, f"{operation}: {answer}"
                assert not differ(answer, other), operation
        elif operation.method == "get":
            assert not tells_of_a(answers(program, operation, B)[0]), operation


@pytest.mark.parametrize("caller", ["person", "program"])
def test_a_suspended_tenant_gets_nothing(both: Cast, caller: str) -> None:
    client = both.api() if caller == "person" else both.program(Role.ADMIN)
    superuser().execute("UPDATE tenants_tenant SET status = 'suspended' WHERE id = %s", [B.number])
    for operation in SIGNED_IN:
        refused(client, operation, 403)


@pytest.mark.parametrize("change", ["revoked_at", "expires_at"])
def test_a_key_that_has_ended_opens_nothing(both: Cast, change: str) -> None:
    program = both.program(Role.ADMIN)
    ended = timezone.now() - timedelta(seconds=1)
    superuser().execute(f"UPDATE tenants_apikey SET {change} = %s WHERE tenant_id = %s", [ended, B.number])
    for operation in SIGNED_IN[:20]:
        refused(program, operation, 401)


def test_a_person_of_b_enters_neither_a_nor_what_is_not_there(both: Cast) -> None:
    """By a token that names it, or at the sign-in."""
    person = User.objects.using("system").get(pk=B.number)

    def attempts(tenant: Marks) -> list[Answer]:
        token, refresh = AccessToken.for_user(person), RefreshToken.for_user(person)
        for one in (token, refresh):
            one["tenant"], one["tenant_id"], one["role"] = tenant.slug, tenant.number, "admin"
            one["stamp"] = person.token_stamp
        login = {"username": person.username, "password": person.username * 2, "tenant": tenant.slug}
        return [
            ask(client_with(f"Bearer {token}"), "get", "/api/v1/chargepoints"),
            ask(APIClient(), "post", "/api/v1/auth/token/refresh", {"refresh": str(refresh)}),
            ask(APIClient(), "post", "/api/v1/auth/token", login),
        ]

    for to_a, to_nobody, to_b in zip(attempts(A), attempts(NOBODY), attempts(B), strict=True):
        assert (to_a.status, to_b.status) == (401, 200)
        assert not differ(to_a, to_nobody)


def test_a_header_that_names_a_changes_nothing(both: Cast) -> None:
    for marks in (A, NOBODY, B):
        answer = ask(both.api(), "get", "/api/v1/chargepoints", HTTP_X_TENANT=marks.slug)
        assert answer.status == 200
        assert not tells_of_a(answer)
        assert B.key in answer.body.decode()


def test_an_idempotency_key_of_as_is_as_good_as_new(both: Cast) -> None:
    """By a caller of the same name, for the same request: neither A's answer nor the knowledge that there is one."""
    made = both.api().post("/api/v1/id-tags", {"idTag": "NEW"}, HTTP_IDEMPOTENCY_KEY=f"{A.slug}-order")
    assert made.status_code == 201
    assert "Idempotent-Replayed" not in made


def test_what_a_has_asked_is_not_counted_against_b(both: Cast) -> None:
    before = int(both.api().get("/api/v1/events")["X-RateLimit-Remaining"])
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        minute = int(timezone.now().timestamp()) // 60
        for window in (minute, minute + 1):
            client.set(f"csms:throttle:tenant:{A.number}:{window}", 10**9, ex=120)
    after = both.api().get("/api/v1/events")
    assert after.status_code == 200
    assert int(after["X-RateLimit-Remaining"]) >= before - 1
