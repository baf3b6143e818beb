"""The cast of a compliance case: the operator, a way to dial in, and a station that has booted."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tenants.models import Role, Tenant, User
from tenants.services.tenants import add_member
from tests.api.conftest import client_of
from tests.compliance.people import Operator
from tests.compliance.station import ScriptedStation, dial

Dial = Callable[..., Any]


@pytest.fixture
def operator(tenant: Tenant, redis_clean: Any) -> Operator:
    """Alice, an administrator of Acme, at the REST API. She has no password: hashing one for each case takes long."""
    alice = User(username="alice")
    alice.set_unusable_password()
    alice.save(using="system")
    add_member(tenant=tenant, user=alice, role=Role.ADMIN)
    return Operator(client_of(alice))


@pytest.fixture
def line(gateway: str) -> Dial:
    """`async with line() as station:` a station connects; `line("CP2", password=...)`."""
    return lambda identity="CP1", **options: dial(gateway, identity, **options)


@pytest.fixture
async def station(tenant: Tenant, line: Dial) -> AsyncIterator[ScriptedStation]:
    """CP1, booted, with two connectors that are available."""
    async with line() as connected:
        await connected.boot()
        await connected.is_now("Available", 0, 1, 2)
        yield connected
