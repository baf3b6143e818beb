"""Fixtures of all tests. The app, system and owner logins are three connections, so tests commit for real."""

import asyncio
import functools
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import redis
import redis.asyncio.connection
import redis.connection
from celery import current_app
from django.conf import settings
from django.db import connections
from hypothesis import settings as hypothesis_settings

from chargepoints import consumers
from csms.local.testing import STARTED
from metering.ingest import store
from tenants.api import throttling
from tenants.models import Role, Tenant, User
from tenants.services import attempts
from tenants.services.tenants import add_member, create_tenant
from tests.examples import THOROUGH, USUAL
from tests.shares import in_shares
from tests.stations import PATIENCE_S, connect, gateway, second_gateway
from tests.threads import Loops, give_connections_back

__all__ = ["connect", "gateway", "second_gateway"]

asyncio.set_event_loop_policy(Loops())
if hypothesis_settings.get_current_profile_name() != THOROUGH:
    hypothesis_settings.load_profile(USUAL)

# A server that a busy machine holds up is not away: what would be done without it is not what tests look at.
store.TIMEOUT_S = consumers.LOOK_UP_S = consumers.ENTRY_S = PATIENCE_S
# What the system gives Redis at least; a test that waits for the end of it asks for less.
SHORTEST_OF_OURS_S = 0.5


def _give_redis_time(kind: Any) -> None:
    begin = kind.__init__

    @functools.wraps(begin)
    def begin_patiently(self: Any, *args: Any, **options: Any) -> None:
        for name in ("socket_timeout", "socket_connect_timeout"):
            given = options.get(name, SHORTEST_OF_OURS_S)
            if given is not None and given >= SHORTEST_OF_OURS_S:
                options[name] = PATIENCE_S
        begin(self, *args, **options)

    kind.__init__ = begin_patiently


_give_redis_time(redis.connection.AbstractConnection)
_give_redis_time(redis.asyncio.connection.AbstractConnection)

KEPT_TABLES = {"django_migrations", "django_content_type", "auth_permission", "csms_partitioned_table"}


# A table that has grown beyond this is truncated: deleting leaves its dead rows behind.
LARGE_BYTES = 4 * 1024 * 1024
# Partitions count for themselves; what has no pages has no rows.
FILLED = """
SELECT relname, pg_relation_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
"""


@functools.cache
def superuser() -> "psycopg.Connection[tuple[Any, ...]]":
    """To the worker's database, past row-level security and foreign keys; kept for all tests."""
    name = str(connections["owner"].settings_dict["NAME"])
    connection = psycopg.connect(os.environ[STARTED].rpartition("/")[0] + f"/{name}", autocommit=True)
    connection.execute("SET session_replication_role = replica")
    return connection


def _empty_tables() -> None:
    """Empty every table that has rows. Deleting a few rows is ten times as fast as truncating ninety tables."""
    administrator = superuser()
    filled = {name: size for name, size in administrator.execute(FILLED) if name not in KEPT_TABLES}
    large = [name for name, size in filled.items() if size > LARGE_BYTES]
    statements = [f'DELETE FROM "{name}"' for name in filled if name not in large]
    if large:
        statements.append("TRUNCATE " + ", ".join(f'"{name}"' for name in large) + " CASCADE")
    if statements:
        administrator.execute("; ".join(statements))


# Connections of threads that have ended lie in reference cycles, and the gateway has the collector rest (gateway.garbage).
MOST_CONNECTIONS = 80
CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


def _let_go_of_connections() -> None:
    """Collect them before the server runs out of slots."""
    row = superuser().execute(CONNECTED).fetchone()
    if row is not None and row[0] > MOST_CONNECTIONS:
        gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is slow begins early."""
    items[:] = in_shares(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell `scripts/test` what failed, one test a line."""
    told = os.environ.get("CSMS_FAILED_TESTS")
    if told:
        failed = [*terminalreporter.stats.get("failed", []), *terminalreporter.stats.get("error", [])]
        Path(told).write_text("".join(f"{name}\n" for name in dict.fromkeys(one.nodeid for one in failed)))


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """The worker's database stands already (csms.local.pytest_plugin)."""


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The database, emptied afterwards."""
    with django_db_blocker.unblock():
        yield
        give_connections_back()
        _empty_tables()
        _let_go_of_connections()


@pytest.fixture
def _django_db_helper(db: None) -> None:
    """What `@pytest.mark.django_db` gives: ours instead of pytest-django's rolled-back transaction."""


@pytest.fixture
def redis_clean() -> Iterator["redis.Redis"]:
    """This worker's Redis database, empty before and after."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture(autouse=True)
def _no_window_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be asked for so often in a minute, or tried in five, begins anew with the clock's next: never in a test."""
    begun = time.time()
    for module in (attempts, throttling):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: begun))


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is put off to a worker stays undone: the test does it itself, or does without."""
    monkeypatch.setattr(current_app, "send_task", lambda *args, **options: None)


@pytest.fixture
def tenant(db: None) -> Tenant:
    """Alice's company."""
    return create_tenant(slug="acme", name="Acme", allow_unauthenticated=True, unknown_charge_points="accept")


@pytest.fixture
def other_tenant(db: None) -> Tenant:
    """Charlie's company: it must see nothing of Acme."""
    return create_tenant(slug="umbrella", name="Umbrella", allow_unauthenticated=True, unknown_charge_points="accept")


def make_user(username: str, tenant: Tenant | None, role: str = Role.ADMIN, *, superuser: bool = False) -> User:
    """A person with a role in a tenant. The password is the user name, twice."""
    user = User(username=username, is_superuser=superuser, is_staff=superuser)
    user.set_password(username * 2)
    user.save(using="system")
    if tenant is not None:
        add_member(tenant=tenant, user=user, role=role)
    return user


@pytest.fixture
def alice(tenant: Tenant) -> User:
    """Administrator of Acme."""
    return make_user("alice", tenant)


@pytest.fixture
def bob(tenant: Tenant) -> User:
    """May only look at Acme."""
    return make_user("bob", tenant, Role.VIEWER)


@pytest.fixture
def charlie(other_tenant: Tenant) -> User:
    """Administrator of Umbrella: must be refused."""
    return make_user("charlie", other_tenant)


def wait_until(holds: Callable[[], Any], deadline_s: float = PATIENCE_S) -> Any:
    """`eventually`, for tests without a loop."""
    end = time.monotonic() + deadline_s
    while not (value := holds()):
        assert time.monotonic() < end, f"not within {deadline_s} s"
        threading.Event().wait(0.05)
    return value


async def eventually(condition: Any, deadline_s: float = PATIENCE_S) -> Any:
    """Await until `condition()` (plain or coroutine) is true; its value."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    pause_s = 0.005
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        assert loop.time() < end, f"not within {deadline_s} s"
        await asyncio.sleep(pause_s)
        # What takes long must not be kept from the processor by those who ask for it.
        pause_s = min(pause_s * 1.5, 0.1)
