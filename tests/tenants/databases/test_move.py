"""A tenant's rows go to another database and come back: all of them, exactly, whatever happens on the way."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from chargepoints.events import ChargePointConnected
from chargepoints.models import ChargePoint, Site
from metering.models import AggregationState, DirtyRange
from tenants.context import directory_transaction, in_database, system_transaction, tenant_transaction
from tenants.databases.clearing import close_and_clear
from tenants.databases.fence import TenantMoving
from tenants.databases.move import MoveRefused, NotQuiet, UnderWay, Work, begin_move, go_on, move_of, undo_move
from tenants.databases.rows import moved_tables
from tenants.delivery.feed import settled_events, settled_id
from tenants.events import publish
from tenants.models import ClosedTenant, OutboxEvent, PlatformEntry, Tenant, TenantMove
from tests.conftest import wait_until
from tests.isolation.marks import A, B
from tests.isolation.stock import add_gateway, fill
from tests.second_database import SPARE, digests_of, move_to, rows_in
from tests.stations import PATIENCE_S

pytestmark = pytest.mark.django_db
STEPS = [
    *("begun", "quiet", "fence shut", "closed", "target ready", "rows copied", "copied", "target opened"),
    *("switched", "erased"),
]


class KilledError(Exception):
    """The process ends here."""


def work(reached: Any = lambda step: None, busy: str = "", wait_s: float = PATIENCE_S) -> Work:
    return Work(still_at_work=lambda tenant: busy, settle_s=0.0, reached=reached, wait_s=wait_s)


def killed_at(step: str) -> Any:
    def reached(done: str) -> None:
        if done == step:
            raise KilledError(step)

    return reached


@pytest.fixture
def owned(spare: str) -> Tenant:
    """B, with a row of everything, beside A."""
    add_gateway()
    for marks in (A, B):
        fill(marks)
    _add_readings(5000)
    return Tenant.objects.using("system").get(pk=B.number)


def _add_readings(count: int) -> None:
    with connections["system"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO metering_sample (tenant_id, series_id, at, context, value, received_at) "
            "SELECT %s, %s, date_trunc('day', now()) + n * interval '1 ms', 9, n / 7.0, now() "
            "FROM generate_series(1, %s) AS n",
            [B.number, B.number, count],
        )


def test_every_row_arrives_as_it_was_and_comes_back(owned: Tenant) -> None:
    before, of_a = digests_of("", B.number), digests_of("", A.number)
    assert all(rows for name, (rows, _) in before.items()), "a table that moves has no row"
    copied = move_to(owned, SPARE)
    assert owned.database == SPARE
    assert owned.status == Tenant.Status.ACTIVE
    assert digests_of(SPARE, B.number) == before
    assert copied == {name: rows for name, (rows, _) in before.items()}
    assert set(digests_of("", B.number).values()) == {(0, "")}
    assert digests_of("", A.number) == of_a
    assert set(digests_of(SPARE, A.number).values()) == {(0, "")}
    # Who belongs to it stays where people sign in.
    assert rows_in("", "tenants_membership", B.number) == rows_in("", "tenants_apikey", B.number) == 1
    move_to(owned, "")
    assert digests_of("", B.number) == before
    assert set(digests_of(SPARE, B.number).values()) == {(0, "")}
    assert not Tenant.objects.using(f"system@{SPARE}").filter(pk=B.number).exists()


def test_killed_at_any_point_the_same_command_goes_on(owned: Tenant) -> None:
    before = digests_of("", B.number)
    for number, step in enumerate(STEPS):
        source, target = ("", SPARE) if number % 2 == 0 else (SPARE, "")
        with pytest.raises(KilledError):
            go_on(begin_move(slug=B.slug, target=target, actor="test"), work(killed_at(step)))
        go_on(begin_move(slug=B.slug, target=target, actor="test"), work())
        owned.refresh_from_db(using="system")
        assert (owned.database, owned.status) == (target, Tenant.Status.ACTIVE), step
        assert digests_of(target, B.number) == before, step
        assert set(digests_of(source, B.number).values()) == {(0, "")}, step
    with directory_transaction():
        assert {one.phase for one in TenantMove.objects.all()} == {TenantMove.Phase.DONE}
        assert PlatformEntry.objects.filter(action="moved").count() == TenantMove.objects.count() == len(STEPS)


def test_until_the_switch_a_move_is_given_up_without_a_trace(owned: Tenant) -> None:
    before = digests_of("", B.number)
    for step in STEPS[: STEPS.index("switched")]:
        with pytest.raises(KilledError):
            go_on(begin_move(slug=B.slug, target=SPARE, actor="test"), work(killed_at(step)))
        move = move_of(B.number)
        assert move is not None
        undo_move(move)
        owned.refresh_from_db(using="system")
        assert (owned.database, owned.status) == ("", Tenant.Status.ACTIVE), step
        assert digests_of("", B.number) == before, step
        assert set(digests_of(SPARE, B.number).values()) == {(0, "")}, step
        with tenant_transaction(B.number):
            assert ChargePoint.objects.exists(), step
    with pytest.raises(KilledError):
        go_on(begin_move(slug=B.slug, target=SPARE, actor="test"), work(killed_at("switched")))
    switched = move_of(B.number)
    assert switched is not None
    with pytest.raises(MoveRefused, match="finish the move"):
        undo_move(switched)


def test_a_move_given_up_half_way_and_then_gone_on_with_loses_nothing(
    owned: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows in the target were complete, and are erased when the one who gives up is killed."""
    before = digests_of("", B.number)
    with pytest.raises(KilledError):
        go_on(begin_move(slug=B.slug, target=SPARE, actor="test"), work(killed_at("copied")))

    def clear_and_die(*given: Any) -> Any:
        close_and_clear(*given)
        raise KilledError

    move = move_of(B.number)
    assert move is not None
    monkeypatch.setattr("tenants.databases.move.close_and_clear", clear_and_die)
    with pytest.raises(KilledError):
        undo_move(move)
    monkeypatch.undo()
    go_on(begin_move(slug=B.slug, target=SPARE, actor="test"), work())
    assert digests_of(SPARE, B.number) == before


def test_a_second_run_beside_the_first_is_refused_and_harms_nothing(owned: Tenant) -> None:
    before, refused = digests_of("", B.number), []
    stale = begin_move(slug=B.slug, target=SPARE, actor="test")

    def beside(step: str) -> None:
        for act in (lambda: go_on(stale, work()), lambda: undo_move(stale)):
            with pytest.raises(UnderWay, match="at this moment"):
                act()
            refused.append(step)

    go_on(begin_move(slug=B.slug, target=SPARE, actor="test"), work(beside))
    assert {*refused} == {*STEPS}
    # What it still believes of the move is not acted upon.
    for act in (lambda: go_on(stale, work()), lambda: undo_move(stale)):
        with pytest.raises(UnderWay, match="has ended"):
            act()
    assert digests_of(SPARE, B.number) == before


def test_a_suspended_tenant_stays_suspended(owned: Tenant) -> None:
    with directory_transaction():
        Tenant.objects.filter(pk=B.number).update(status=Tenant.Status.SUSPENDED)
    move_to(owned, SPARE)
    assert owned.status == Tenant.Status.SUSPENDED


def test_whoever_is_inside_is_waited_for_and_whoever_comes_late_is_told_so(owned: Tenant) -> None:
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        try:
            with tenant_transaction(B.number):
                Site.objects.create(tenant_id=B.number, name="written while the move began")
                inside.set()
                leave.wait(PATIENCE_S)
        finally:
            connections["default"].close()

    thread = threading.Thread(target=stay)
    thread.start()
    assert inside.wait(PATIENCE_S)
    move = begin_move(slug=B.slug, target=SPARE, actor="test")
    with pytest.raises(NotQuiet, match="still under way"):
        go_on(move, work(wait_s=0.5))
    with pytest.raises(TenantMoving), tenant_transaction(B.number):
        pass
    with tenant_transaction(A.number):
        assert Site.objects.exists()
    leave.set()
    thread.join()
    go_on(move, work())
    with tenant_transaction(B.number):
        assert Site.objects.filter(name="written while the move began").exists()


def test_nothing_is_copied_while_something_is_at_work(owned: Tenant) -> None:
    move = begin_move(slug=B.slug, target=SPARE, actor="test")
    with pytest.raises(NotQuiet, match="3 of its charge points"):
        go_on(move, work(busy="3 of its charge points are still connected.", wait_s=0.0))
    assert set(digests_of(SPARE, B.number).values()) == {(0, "")}


def test_ids_of_both_places_never_meet_and_events_go_on_growing(owned: Tenant) -> None:
    ids: list[int] = []
    events: list[int] = []

    def add() -> None:
        with tenant_transaction(B.number):
            ids.append(Site.objects.create(tenant_id=B.number, name=f"site {len(ids)}").pk)
            publish(ChargePointConnected(charge_point=B.key, at=timezone.now(), gateway_id="g"))
            events.append(OutboxEvent.objects.exclude(pk=B.number).order_by("-pk").values_list("pk", flat=True)[0])
        with tenant_transaction(A.number):
            ids.append(Site.objects.create(tenant_id=A.number, name=f"site {len(ids)}").pk)

    add()
    for place in (SPARE, "", SPARE):
        add()
        move_to(owned, place)
        add()
    assert len(set(ids)) == len(ids)
    assert events == sorted(set(events))
    # Whoever reads the feed with a cursor finds all that came after it.
    with in_database(SPARE):
        # A transaction elsewhere on the server holds the newest back until it has ended.
        wait_until(lambda: settled_id() >= events[-1])
        end = settled_id()
        with system_transaction():
            after = settled_events(end).filter(tenant_id=B.number, pk__gt=events[2]).order_by("pk")
            assert list(after.values_list("pk", flat=True)) == events[3:]


def test_hours_that_the_old_place_had_not_summed_up_are_marked_in_the_new_one(owned: Tenant) -> None:
    here, there = datetime(2026, 11, 20, 12, tzinfo=UTC), datetime(2026, 11, 20, 15, tzinfo=UTC)
    for database, until in (("", here), (SPARE, there)):
        with in_database(database), system_transaction():
            AggregationState.objects.update_or_create(pk=1, defaults={"complete_until": until})
    move_to(owned, SPARE)
    with in_database(SPARE), system_transaction():
        assert (here, there) in set(DirtyRange.objects.filter(tenant_id=B.number).values_list("first", "last"))


@pytest.mark.parametrize(
    ("slug", "target", "reason"),
    [
        ("nobody", SPARE, "no tenant 'nobody'"),
        (B.slug, "elsewhere", "names no database 'elsewhere'"),
        (B.slug, "", "lives in main already"),
    ],
)
def test_nonsense_is_refused_with_what_is_wrong(owned: Tenant, slug: str, target: str, reason: str) -> None:
    with pytest.raises(MoveRefused, match=reason):
        begin_move(slug=slug, target=target, actor="test")
    owned.refresh_from_db(using="system")
    assert owned.status == Tenant.Status.ACTIVE


def test_a_database_that_is_not_ready_is_refused_with_what_to_do(owned: Tenant) -> None:
    with connections[f"owner@{SPARE}"].cursor() as cursor:
        cursor.execute("DELETE FROM tenants_databaseidentity")
    with pytest.raises(MoveRefused, match=r"no number yet: run manage\.py migrate"):
        begin_move(slug=B.slug, target=SPARE, actor="test")
    with connections[f"owner@{SPARE}"].cursor() as cursor:
        cursor.execute("INSERT INTO tenants_databaseidentity (name, number, made_at) VALUES ('other', 7, now())")
    with pytest.raises(MoveRefused, match="is that of other"):
        begin_move(slug=B.slug, target=SPARE, actor="test")


def test_another_move_is_refused_while_one_is_under_way(owned: Tenant) -> None:
    begin_move(slug=B.slug, target=SPARE, actor="test")
    with pytest.raises(MoveRefused, match="is on its way to spare"):
        begin_move(slug=B.slug, target="", actor="test")


def test_rows_that_do_not_arrive_as_they_were_are_not_kept(owned: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    from tenants.databases import rows

    monkeypatch.setattr(rows._Copying, "_digest", lambda self, connection, where: rows.Digest(1, id(connection)))
    with pytest.raises(rows.RowsDiffer):
        go_on(begin_move(slug=B.slug, target=SPARE, actor="test"), work())
    assert set(digests_of(SPARE, B.number).values()) == {(0, "")}
    monkeypatch.undo()
    go_on(begin_move(slug=B.slug, target=SPARE, actor="test"), work())


def test_the_fence_stays_shut_behind_a_tenant_and_opens_when_it_comes_back(owned: Tenant) -> None:
    def closed(database: str) -> bool:
        with in_database(database), system_transaction():
            return ClosedTenant.objects.filter(tenant_number=B.number).exists()

    move_to(owned, SPARE)
    assert (closed(""), closed(SPARE)) == (True, False)
    move_to(owned, "")
    assert (closed(""), closed(SPARE)) == (False, True)


def test_the_system_role_can_move_every_table(db: None) -> None:
    with connections["owner"].cursor() as cursor:
        for table in moved_tables():
            for privilege in ("SELECT", "INSERT", "DELETE"):
                cursor.execute("SELECT has_table_privilege('csms_system', %s, %s)", [table.name, privilege])
                assert cursor.fetchone() == (True,), (
                    f"{table.name}: grant {privilege} to the system role, it moves tenants"
                )


def test_moved_readings_are_older_than_the_newest_partition(owned: Tenant) -> None:
    """Days for which the target has no partition yet are made."""
    old = timezone.now().date() - timedelta(days=20)
    with system_transaction(), connections["system"].cursor() as cursor:
        cursor.execute("SELECT csms_ensure_partition('metering_sample', %s)", [old])
        cursor.execute(
            "INSERT INTO metering_sample (tenant_id, series_id, at, context, value, received_at) "
            "VALUES (%s, %s, %s, 9, 1, now())",
            [B.number, B.number, datetime(old.year, old.month, old.day, 6, tzinfo=UTC)],
        )
    before = digests_of("", B.number)["metering_sample"]
    move_to(owned, SPARE)
    assert digests_of(SPARE, B.number)["metering_sample"] == before
