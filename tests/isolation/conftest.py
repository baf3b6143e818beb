"""Both tenants with a row of everything, made once for a file of tests; B's people, programs and browsers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
import redis
from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient

from metering.live.keys import BUCKET_S, field_name, hash_key
from tenants.api.sign_in import issue_tokens
from tenants.context import system_transaction, tenant_transaction
from tenants.middleware import SESSION_KEY
from tenants.models import Role, Tenant, User
from tenants.selectors import access_to
from tenants.services.api_keys import issue_api_key
from tests.conftest import _empty_tables, make_user
from tests.isolation.marks import A, B, Marks
from tests.isolation.state import Stock
from tests.isolation.stock import add_gateway, fill, numbered_beyond, recently
from tests.threads import give_connections_back


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
        """A browser in which B's member of that role has signed in."""
        if role not in self._offices:
            client = Client(raise_request_exception=False)
            client.force_login(self.people[role])
            session = client.session
            session[SESSION_KEY] = B.slug
            session.save()
            self._offices[role] = client
        return self._offices[role]

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
    """A and B, a row of everything in each. Who changes anything asks for `both`."""
    with django_db_blocker.unblock(), redis.Redis.from_url(settings.REDIS_URL) as live:
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
        stock = Stock()
        with numbered_beyond("tenants_outboxevent_id_seq"):
            yield Cast(stock, people)
        stock.forget()
        give_connections_back()
        _empty_tables()
        live.flushdb()


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
