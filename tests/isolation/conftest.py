"""Both tenants with a row of everything, made once for a file of tests; B's people, programs and browsers."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg
import pytest
import redis
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.test import Client
from rest_framework.test import APIClient

from metering.live.keys import BUCKET_S, field_name, hash_key
from tenants.api.sign_in import issue_tokens
from tenants.context import system_transaction, tenant_transaction
from tenants.middleware import SESSION_KEY
from tenants.models import Role, Tenant, User
from tenants.selectors import access_to
from tenants.services.api_keys import issue_api_key
from tests.conftest import _empty_tables, make_user, superuser
from tests.isolation.keys import only_known_keys
from tests.isolation.marks import A, B, Marks
from tests.isolation.state import Stock, TwoStocks
from tests.isolation.stock import GATEWAY, add_gateway, fill, numbered_beyond, recently
from tests.second_database import SPARE, move_to, second_database, spare_administrator
from tests.threads import give_connections_back

# The whole suite once more, with B in another database (scripts/test apart).
B_LIVES_APART = os.environ.get("CSMS_TEST_OWN_DATABASE") == "1"


def where_b_lives() -> "psycopg.Connection[tuple[Any, ...]]":
    """Past all walls."""
    return spare_administrator() if B_LIVES_APART else superuser()


@dataclass(slots=True)
class Cast:
    """B's people by their role, and what the tables held when they came."""

    stock: Stock
    people: dict[str, User]
    _clients: dict[str, APIClient] = field(default_factory=dict)
    _offices: dict[str, Client] = field(default_factory=dict)

    def api(self, role: str = Role.ADMIN) -> APIClient:
        """A client with the token of B's member of that role."""
        if role not in self._clients:
            user = self.people[role]
            access = access_to(user, B.slug)
            assert access is not None
            self._clients[role] = client_with(f"Bearer {issue_tokens(user, access)['access']}")
        return self._clients[role]

    def office(self, role: str = Role.ADMIN) -> Client:
        """A browser in which B's member of that role is signed in; anew where a page has ended their sessions."""
        if role not in self._offices or not self._is_in(role):
            client = Client(raise_request_exception=False)
            client.force_login(self.people[role])
            session = client.session
            session[SESSION_KEY] = B.slug
            session.save()
            self._offices[role] = client
        return self._offices[role]

    def _is_in(self, role: str) -> bool:
        person = User.objects.using("system").get(pk=self.people[role].pk)
        return bool(self._offices[role].session.get(HASH_SESSION_KEY) == person.get_session_auth_hash())

    def program(self, role: str, *scopes: str) -> APIClient:
        """A client with a key of B's."""
        with tenant_transaction(B.number):
            _, key = issue_api_key(name=f"{B.slug} program", role=role, scopes=list(scopes))
        return client_with(f"Api-Key {key}")


def client_with(authorization: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=authorization)
    return client


@pytest.fixture(scope="module")
def cast(django_db_setup: None, django_db_blocker: Any) -> Iterator[Cast]:
    """A and B, a row of everything in each. Who changes anything asks for `both`. Fails for keys that name no owner."""
    with django_db_blocker.unblock(), redis.Redis.from_url(settings.REDIS_URL) as live, only_known_keys():
        live.flushdb()
        add_gateway()
        for marks in (A, B):
            fill(marks)
            _measure(live, marks)
        with system_transaction():
            tenant = Tenant.objects.get(pk=B.number)
            people = {Role.ADMIN.value: User.objects.get(pk=B.number)}
        for role in (Role.OPERATOR, Role.VIEWER):
            people[role.value] = make_user(f"{B.hidden}{role}", tenant, role)
        with ExitStack() as stack:
            stock = _b_lives_apart(stack, tenant) if B_LIVES_APART else Stock()
            stack.enter_context(numbered_beyond("tenants_outboxevent_id_seq"))
            yield Cast(stock, people)
            stock.forget()
        give_connections_back()
        _empty_tables()
        live.flushdb()


def _b_lives_apart(stack: ExitStack, tenant: Tenant) -> Stock:
    """B in a database of its own: all else must hold as if both were neighbours."""
    stack.enter_context(second_database())
    sockets = ("chargepoints_gateway", "chargepoints_stationconnection")
    rows = {
        table: superuser().execute(f"SELECT to_jsonb(t)::text FROM {table} t WHERE t::text LIKE %s", [f"%{sign}%"])
        for table, sign in zip(sockets, (GATEWAY, B.uuid), strict=True)
    }
    kept = {table: found.fetchall() for table, found in rows.items()}
    move_to(tenant, SPARE)
    # Sockets don't move; here there has to be one of everything.
    for table in sockets:
        for (row,) in kept[table]:
            spare_administrator().execute(
                f"INSERT INTO {table} OVERRIDING SYSTEM VALUE "
                f"SELECT * FROM jsonb_populate_record(NULL::{table}, %s::jsonb)",
                [row],
            )
    stack.enter_context(numbered_beyond("tenants_outboxevent_id_seq", spare_administrator()))
    return TwoStocks(spare_administrator())


def _measure(live: "redis.Redis", marks: Marks) -> None:
    """Live statistics of its charge point."""
    at = recently().timestamp()
    statistics = [marks.number, marks.number, marks.number, 1, marks.number, at, f"{marks.hidden}unit"]
    name = field_name(1, "Voltage", "", "Outlet", "")
    live.hset(hash_key(marks.number, int(at) // BUCKET_S), name, orjson.dumps(statistics).decode())


@pytest.fixture
def both(cast: Cast) -> Iterator[Cast]:
    """The cast; afterwards A's rows must be as they were, and B's are put back."""
    yield cast
    changed = cast.stock.put_back(A)
    assert not changed, f"rows of A were changed in {sorted(changed)}"
