"""Work on many while others work on the same: what is done is what was checked, and a check holds up nobody."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from time import monotonic
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargepoints.models import BulkTarget, ChargePoint, IdTag, StationConnection
from chargepoints.services.bulk import Order, create_bulk
from chargepoints.services.bulk_progress import _skip_offline
from chargepoints.services.bulk_tags import ChangedTags, InvalidChange, change_tags
from chargepoints.services.station_import import import_stations
from chargepoints.services.tag_import import InvalidFile, import_tags
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant
from tests.chargepoints.test_bulk import make_fleet

PATIENCE_S = 60
HELD_UP = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"


def make_tags(tenant: Tenant, *tokens: str, **fields: Any) -> list[IdTag]:
    with tenant_transaction(tenant.pk):
        return [IdTag.objects.create(tenant=tenant, token=name, token_key=name.lower(), **fields) for name in tokens]


def put_in_group(tenant: Tenant, tag: IdTag, parent: IdTag) -> ChangedTags:
    with tenant_transaction(tenant.pk):
        tags = IdTag.objects.filter(pk=tag.pk)
        return change_tags(tags=tags, change={"parent": parent}, actor="alice", origin="admin")


def beside(pool: ThreadPoolExecutor, act: Callable[[], Any]) -> "Future[Any]":
    """Someone else does it, on a connection of their own."""

    def run() -> Any:
        try:
            return act()
        finally:
            connections.close_all()

    return pool.submit(run)


def until_we_hold_it_up(other: "Future[Any]") -> None:
    """The open transaction holds a lock that the other one waits for."""
    deadline = monotonic() + PATIENCE_S
    while True:
        with connection.cursor() as cursor:
            cursor.execute(HELD_UP)
            if cursor.fetchone()[0]:
                return
        assert monotonic() < deadline
        assert not wait([other], 0.02).done, other.result()


@pytest.mark.parametrize("side", ["its parent gets a parent", "it becomes a parent"])
def test_a_group_stays_flat_whoever_comes_first(tenant: Tenant, side: str) -> None:
    card, fleet, other = make_tags(tenant, "CARD", "FLEET", "OTHER")
    child, parent = (fleet, other) if side == "its parent gets a parent" else (other, card)
    with ThreadPoolExecutor(1) as pool:
        with tenant_transaction(tenant.pk):
            IdTag.objects.select_for_update().get(pk=parent.pk)
            IdTag.objects.filter(pk=child.pk).update(parent=parent)
            later = beside(pool, lambda: put_in_group(tenant, card, fleet))
            until_we_hold_it_up(later)
        with pytest.raises(InvalidChange):
            later.result(PATIENCE_S)


def test_a_check_of_a_file_waits_for_nobody(tenant: Tenant) -> None:
    make_tags(tenant, "CARD")
    shared: dict[str, Any] = {"tenant": tenant, "dry_run": True, "actor": "alice", "origin": "admin"}
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.create(tenant=tenant, identity="CP-1", identity_key="cp-1")
    with ThreadPoolExecutor(1) as pool, system_transaction():
        Tenant.objects.select_for_update().get(pk=tenant.pk)
        ChargePoint.objects.select_for_update().get()
        IdTag.objects.select_for_update().get()
        stations = b"identity,name\nCP-1,Yard\nCP-2,New\n"
        beside(pool, lambda: import_stations(raw=stations, **shared)).result(PATIENCE_S)
        beside(pool, lambda: import_tags(raw=b"idTag,holder\nCARD,Ann\n", **shared)).result(PATIENCE_S)


def test_one_that_is_chosen_and_goes_offline_is_not_skipped_as_well(tenant: Tenant, no_worker: None) -> None:
    make_fleet(tenant, 2)
    make_fleet(tenant, 1, online=False, prefix="OFF")
    with tenant_transaction(tenant.pk):
        order = Order("ClearCache", {})
        bulk = create_bulk(stations=ChargePoint.objects.all(), order=order, requested_by="alice", origin="admin")
        waiting = BulkTarget.objects.filter(bulk=bulk, state="waiting")
        chosen = list(waiting.filter(charge_point__identity__startswith="CP").order_by("pk"))
    with system_transaction():
        StationConnection.objects.all().delete()
    with tenant_transaction(tenant.pk):
        _skip_offline(waiting, chosen, 10, timezone.now())
        skipped = BulkTarget.objects.filter(state="skipped")
        assert list(skipped.values_list("charge_point__identity", flat=True)) == ["OFF0"]


def test_a_file_of_parents_is_checked_with_a_fixed_number_of_queries(tenant: Tenant) -> None:
    """Each has a child of its own that the file doesn't name."""
    asked = []
    for number in (2, 20):
        parents = make_tags(tenant, *(f"P{number}-{n}" for n in range(number)))
        for parent in parents:
            make_tags(tenant, f"C-{parent.token}", parent=parent)
        raw = "idTag,parentIdTag\nTOP,\n" + "".join(f"{parent.token},TOP\n" for parent in parents)
        with CaptureQueriesContext(connection) as queries, pytest.raises(InvalidFile) as caught:
            import_tags(tenant=tenant, raw=raw.encode(), dry_run=True, actor="alice", origin="admin")
        asked.append(len(queries))
        assert len(caught.value.faults) == number
    assert asked[0] == asked[1]
