"""A run of a move that loses its lock, and another that takes its place: whatever the first goes on to do harms nothing."""

import threading
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from tenants.context import in_database, system_transaction, tenant_transaction
from tenants.databases.alone import HELD, MOVES_LOCK_CLASS
from tenants.databases.clearing import NotClosed, clear, close_and_clear
from tenants.databases.move import UnderWay, begin_move, go_on, move_of, undo_move
from tenants.databases.rows import RowsDiffer
from tenants.models import ClosedTenant, Tenant, TenantMove
from tests.isolation.marks import A, B
from tests.isolation.stock import add_gateway, fill
from tests.second_database import SPARE, digests_of, move_to, rows_in
from tests.tenants.databases.test_move import KilledError, killed_at, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def owned(spare: str) -> Tenant:
    """B, with a row of everything, beside A."""
    add_gateway()
    for marks in (A, B):
        fill(marks)
    return Tenant.objects.using("system").get(pk=B.number)


def lose_the_lock() -> None:
    """As when the main database is restarted: the connection that held it is gone."""
    named = settings.DATABASES["owner"]
    given = {name.lower(): named[name] for name in ("USER", "PASSWORD", "HOST", "PORT")}
    with psycopg.connect(dbname=named["NAME"], autocommit=True, **given) as looking:
        holders = looking.execute(
            # Other databases of the server have moves of their own.
            "SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database AND datname = current_database() "
            "WHERE locktype = 'advisory' AND classid = %s AND granted",
            [MOVES_LOCK_CLASS],
        ).fetchall()
    assert len(holders) == 1
    pid = holders[0][0]
    with connections["system"].cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 60000)", [pid])
        cursor.execute(HELD, [pid, MOVES_LOCK_CLASS, B.number])
        assert cursor.fetchone() == (False,)


def overtaken_at(step: str, act: Any) -> Any:
    """The lock is lost at that step, and another run does what it wants in the meantime."""

    def reached(done: str) -> None:
        if done == step:
            lose_the_lock()
            act()

    return reached


@pytest.mark.parametrize("step", ["quiet", "target ready", "copied", "switched"])
def test_a_run_that_was_overtaken_ends_without_harm(owned: Tenant, step: str) -> None:
    before = digests_of("", B.number)

    def other() -> None:
        go_on(begin_move(slug=B.slug, target=SPARE, actor="other"), work())

    with pytest.raises((UnderWay, RowsDiffer, psycopg.Error)):
        go_on(begin_move(slug=B.slug, target=SPARE, actor="test"), work(overtaken_at(step, other)))
    assert digests_of(SPARE, B.number) == before
    with tenant_transaction(B.number):
        pass
    assert {one.phase for one in TenantMove.objects.using("system").all()} == {TenantMove.Phase.DONE}


@pytest.mark.parametrize("step", ["target ready", "copied"])
def test_a_run_that_was_given_up_by_another_leaves_nothing_behind(owned: Tenant, step: str) -> None:
    before = digests_of("", B.number)

    def other() -> None:
        move = move_of(B.number)
        assert move is not None
        undo_move(move)

    with pytest.raises((UnderWay, psycopg.Error)):
        go_on(begin_move(slug=B.slug, target=SPARE, actor="test"), work(overtaken_at(step, other)))
    assert digests_of("", B.number) == before
    with tenant_transaction(B.number):
        pass
    # What the first run still wrote in the target goes with the next attempt; it is closed there.
    with in_database(SPARE), system_transaction():
        assert ClosedTenant.objects.filter(tenant_number=B.number).exists()
    move_to(owned, SPARE)
    assert digests_of(SPARE, B.number) == before


def test_what_lives_in_a_database_is_not_erased_there(owned: Tenant) -> None:
    """A run was held up before it erased the old rows; meanwhile the tenant has come back."""
    before = digests_of("", B.number)
    with pytest.raises(NotClosed):
        clear(B.number, "", lambda table, share, count: None)
    assert digests_of("", B.number) == before


def test_who_erases_slowly_stops_where_the_tenant_lives_meanwhile(owned: Tenant) -> None:
    with pytest.raises(KilledError):
        go_on(begin_move(slug=B.slug, target=SPARE, actor="test"), work(killed_at("rows copied")))
    rows_there = rows_in(SPARE, "chargepoints_site", B.number)
    assert rows_there
    inside, leave = threading.Event(), threading.Event()
    refused: list[bool] = []

    def erase_slowly() -> None:
        def wait(*_: Any) -> None:
            inside.set()
            assert leave.wait(60)

        try:
            clear(B.number, SPARE, wait)
        except NotClosed:
            refused.append(True)
        finally:
            connections.close_all()

    thread = threading.Thread(target=erase_slowly)
    thread.start()
    try:
        assert inside.wait(60)
        # The other run erases too, copies anew and opens the fence: the slow one finds it open.
        go_on(begin_move(slug=B.slug, target=SPARE, actor="test"), work())
        there = digests_of(SPARE, B.number)
    finally:
        leave.set()
        thread.join(60)
    assert refused == [True]
    assert digests_of(SPARE, B.number) == there
    assert rows_in(SPARE, "chargepoints_site", B.number) == rows_there


def test_clearing_shuts_the_fence_first(owned: Tenant) -> None:
    close_and_clear(A.number, SPARE)
    with in_database(SPARE), system_transaction():
        assert ClosedTenant.objects.filter(tenant_number=A.number).exists()
