"""Readers of the feed with a cursor miss nothing, however transactions that publish overlap."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.utils import timezone

from chargepoints.events import StatusChanged
from tenants.context import APP_ALIAS, system_connection, system_transaction, tenant_transaction
from tenants.delivery.feed import settled_events, settled_id
from tenants.events import publish
from tenants.models import OutboxEvent, Tenant
from tests.second_database import second_database, spare_urls

INSERT = (
    "INSERT INTO tenants_outboxevent (tenant_id, event_id, event_type, at, charge_point, data, created_at) "
    "VALUES (%s, gen_random_uuid(), 'connector.status', now(), %s, '{}', now())"
)
NUMBER = "SELECT pg_current_xact_id()"
WRITERS, COMMITTED = 8, 26
DEADLINE_S = 60.0


def parts(alias: str = APP_ALIAS) -> dict[str, Any]:
    """Where a login connects to."""
    options: dict[str, Any] = connections[alias].get_connection_params()
    return {name: options[name] for name in ("dbname", "user", "password", "host", "port")}


class Writer:
    """A transaction of one's own, as slow as a test wants it."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._connection = psycopg.connect(**parts())
        self._connection.execute("SELECT set_config('csms.tenant_id', %s, true)", [str(tenant.pk)])

    def begin(self) -> "Writer":
        """The transaction has its number from here on."""
        self._connection.execute(NUMBER)
        return self

    def publish(self, charge_point: str) -> "Writer":
        self._connection.execute(INSERT, [self._tenant.pk, charge_point])
        return self

    def commit(self) -> None:
        self._connection.commit()
        self._connection.close()

    def roll_back(self) -> None:
        self._connection.rollback()
        self._connection.close()


class Reader:
    """With a cursor, as every sink has one."""

    def __init__(self) -> None:
        self._cursor = 0

    def read(self) -> list[str]:
        end = settled_id()
        with system_transaction():
            rows = list(settled_events(end).filter(pk__gt=self._cursor).order_by("pk"))
        self._cursor = rows[-1].pk if rows else self._cursor
        return [row.charge_point for row in rows]

    def read_until(self, count: int) -> list[str]:
        """So many, and what else comes."""
        found, deadline = self.read(), time.monotonic() + DEADLINE_S
        while len(found) < count and time.monotonic() < deadline:
            found += self.read()
        return found + self.read()


@pytest.fixture
def reader(tenant: Tenant) -> Reader:
    reader = Reader()
    assert reader.read() == []
    return reader


def test_an_event_of_an_older_transaction_with_a_newer_id_hides_none_before_it(tenant: Tenant, reader: Reader) -> None:
    """What was lost: the younger transaction has the lower id, and commits after the older one with the higher id was read."""
    older, younger = Writer(tenant).begin(), Writer(tenant).begin()
    younger.publish("first id")
    older.publish("second id").commit()
    assert reader.read() == []
    younger.commit()
    assert reader.read_until(2) == ["first id", "second id"]


def test_a_younger_transaction_that_commits_first_waits_for_the_older(tenant: Tenant, reader: Reader) -> None:
    older, younger = Writer(tenant).begin().publish("first id"), Writer(tenant).begin()
    younger.publish("second id").commit()
    assert reader.read() == []
    older.commit()
    assert reader.read_until(2) == ["first id", "second id"]


def test_an_id_of_a_transaction_that_was_rolled_back_is_not_waited_for(tenant: Tenant, reader: Reader) -> None:
    gone = Writer(tenant).begin().publish("first id")
    Writer(tenant).begin().publish("second id").commit()
    gone.roll_back()
    assert reader.read_until(1) == ["second id"]


def test_what_was_settled_is_read_while_something_newer_is_under_way(tenant: Tenant, reader: Reader) -> None:
    Writer(tenant).begin().publish("done").commit()
    assert reader.read_until(1) == ["done"]
    slow = Writer(tenant).begin().publish("slow")
    Writer(tenant).begin().publish("after it").commit()
    assert reader.read() == []
    slow.commit()
    assert reader.read_until(2) == ["slow", "after it"]


def test_a_long_transaction_that_writes_no_events_holds_nothing_back(tenant: Tenant, reader: Reader) -> None:
    """The sum of a day, a migration: it has its number, and locks on other tables."""
    with psycopg.connect(**parts("owner")) as summing:
        summing.execute(NUMBER)
        summing.execute("UPDATE metering_bucket SET energy_wh = 0")
        Writer(tenant).begin().publish("meanwhile").commit()
        assert reader.read() == ["meanwhile"]


def test_what_is_written_in_another_database_of_the_server_holds_nothing_back(tenant: Tenant, reader: Reader) -> None:
    """A tenant's rows are copied into a database of its own, its feed too, for as long as that takes."""
    with second_database(), psycopg.connect(spare_urls()["owner"]) as elsewhere:
        elsewhere.execute(NUMBER)
        elsewhere.execute("UPDATE tenants_outboxevent SET data = '{}'")
        Writer(tenant).begin().publish("meanwhile").commit()
        assert reader.read() == ["meanwhile"]


def test_a_transaction_with_a_number_and_no_id_is_not_waited_for(tenant: Tenant, reader: Reader) -> None:
    """Whatever id it takes is beyond what was read."""
    older = Writer(tenant).begin()
    Writer(tenant).begin().publish("first").commit()
    assert reader.read() == ["first"]
    older.publish("second")
    assert reader.read() == []
    older.commit()
    assert reader.read() == ["second"]


def test_an_idle_feed_writes_nothing(tenant: Tenant, reader: Reader) -> None:
    with tenant_transaction(tenant.pk):
        publish(
            StatusChanged(
                charge_point="CP1", at=timezone.now(), connector_id=1, status="Available", error_code="", info=""
            )
        )
    assert reader.read_until(1) == ["CP1"]
    before = versions()
    settled_id()
    assert versions() == before


def versions() -> list[Any]:
    """Of the rows that say how far the feed is: each write makes another."""
    with system_transaction(), system_connection().cursor() as cursor:
        cursor.execute("SELECT sink, xmin::text, ctid::text FROM tenants_feedcursor ORDER BY sink")
        return list(cursor.fetchall())


def test_readers_and_writers_side_by_side_lose_and_double_nothing(tenant: Tenant) -> None:
    """Many at once: a burst of publishing threads, two readers that move on as they can."""
    over = threading.Event()
    seen: list[list[str]] = [[], []]

    def write(number: int) -> None:
        for count in range(30):
            writer = Writer(tenant).begin()
            writer.publish(f"{number}-{count}")
            writer.roll_back() if count % 7 == 3 else writer.commit()

    def read(mine: list[str]) -> None:
        reader = Reader()
        try:
            while not over.is_set():
                mine += reader.read()
            mine += reader.read_until(WRITERS * COMMITTED - len(mine))
        finally:
            connections.close_all()

    readers = [threading.Thread(target=read, args=(mine,)) for mine in seen]
    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in readers:
        thread.join()
    with system_transaction():
        every = list(OutboxEvent.objects.order_by("pk").values_list("charge_point", flat=True))
    assert len(every) == WRITERS * COMMITTED
    assert seen == [every, every]


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    yield
    connections.close_all()
