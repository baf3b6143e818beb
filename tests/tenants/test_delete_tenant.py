"""Deleting a tenant: exported first, then erased to the last row, file and key, and nothing of anybody else's."""

import gzip
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from django.utils import timezone

from chargepoints.files.storage import path_of, store
from chargepoints.models import Transaction
from csms.leftovers import folder_of
from metering.live.keys import hash_key
from metering.models import BucketStatistics, Sample, Series
from tenants.context import system_transaction
from tenants.erasure import erase
from tenants.erasure.export import NOT_EXPORTED, exported_columns
from tenants.models import Membership, PlatformEntry, Tenant, User
from tenants.owned import owned_tables
from tests.admin.conftest import stocked
from tests.api.conftest import make_session, make_station
from tests.conftest import make_user

__all__ = ["stocked"]

SECRET = "not-for-an-export"


def delete(slug: str = "acme", **options: Any) -> str:
    out = StringIO()
    call_command("delete_tenant", slug, confirm=slug, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def rows_of(tenant_id: int) -> dict[str, int]:
    """By table, those that have any; counted by the superuser's eyes of the system role."""
    counts = {}
    with system_transaction(), connections["system"].cursor() as cursor:
        for table in owned_tables():
            cursor.execute(f"SELECT count(*) FROM {table.name} WHERE tenant_id = %s", [tenant_id])
            if count := cursor.fetchone()[0]:
                counts[table.name] = count
    return counts


@pytest.fixture
def full(stocked: Transaction, redis_clean: "redis.Redis") -> Transaction:
    """A tenant with a row of everything, readings, aggregates, files and keys in Redis."""
    now, tenant_id, station_id = timezone.now(), stocked.tenant_id, stocked.charge_point_id
    with system_transaction(), connections["system"].cursor() as cursor:
        series = Series.objects.create(
            tenant_id=tenant_id, charge_point_id=station_id, evse_number=1, measurand="SoC", unit="Percent"
        )
        Sample.objects.bulk_create(
            Sample(
                series=series,
                tenant_id=tenant_id,
                at=now - timedelta(minutes=minute),
                context=0,
                value=minute,
                received_at=now,
            )
            for minute in range(30)
        )
        BucketStatistics.objects.create(
            tenant_id=tenant_id,
            series=series,
            period=1,
            start=now,
            minimum=0,
            maximum=1,
            total=1,
            count=2,
            last=1,
            last_at=now,
        )
        cursor.execute(
            "INSERT INTO chargepoints_message (at, tenant_id, charge_point_id, connection_id, direction, kind, message_id, "
            "action, payload, error_code, note) SELECT now(), %s, %s, gen_random_uuid(), 'in', 2, 'm', 'Heartbeat', '[]', '', '' "
            "FROM generate_series(1, 12)",
            [tenant_id, station_id],
        )
        cursor.execute("UPDATE chargepoints_chargepoint SET password_hash = %s, next_password = %s", [SECRET, SECRET])
        cursor.execute("UPDATE tenants_webhook SET secret = %s", [SECRET])
    store(tenant_id, "uploads", [b"diagnostics"], 100)
    for key in (f"csms:throttle:tenant:{tenant_id}:1", hash_key(station_id, 1), f":1:csms:local-lists:{tenant_id}"):
        redis_clean.set(key, "1")
    return stocked


def test_everything_is_exported_and_then_gone(
    full: Transaction, other_tenant: Tenant, tmp_path: Path, redis_clean: "redis.Redis"
) -> None:
    kept_station = make_station(other_tenant)
    make_session(kept_station)
    kept_file = store(other_tenant.pk, "uploads", [b"theirs"], 100)
    redis_clean.set(f"csms:throttle:tenant:{other_tenant.pk}:1", "1")
    theirs, ours = rows_of(other_tenant.pk), rows_of(full.tenant_id)
    assert len(ours) >= 45
    make_user("zoe", Tenant.objects.using("system").get(pk=full.tenant_id))
    said = delete(export=tmp_path)
    (folder,) = tmp_path.iterdir()
    assert str(folder) in said

    exported = {
        path.name.removesuffix(".jsonl.gz"): [
            json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()
        ]
        for path in folder.glob("*.gz")
    }
    expected = {table: count for table, count in ours.items() if table not in NOT_EXPORTED}
    for table, count in expected.items():
        assert len(exported[table]) >= count, table
    assert exported["metering_sample"][0].keys() >= {"value", "at", "series_id"}
    assert [row["username"] for row in exported["tenants_user"]] == ["zoe"]
    assert [path.read_bytes() for path in (folder / "files").rglob("*") if path.is_file()] == [b"diagnostics"]
    assert SECRET not in str(exported)

    assert rows_of(full.tenant_id) == {}
    assert rows_of(other_tenant.pk) == theirs
    with system_transaction():
        assert list(Tenant.objects.values_list("slug", flat=True)) == ["umbrella"]
        assert not User.objects.filter(username="zoe").exists()
        trail = list(PlatformEntry.objects.order_by("id").values_list("action", "tenant_slug"))
    assert trail == [("status", "acme"), ("export", "acme"), ("status", "acme"), ("delete", "acme")]
    assert not folder_of(full.tenant_id).exists()
    assert path_of(kept_file.name).exists()
    assert [key.decode() for key in redis_clean.scan_iter()] == [f"csms:throttle:tenant:{other_tenant.pk}:1"]


def test_one_that_was_killed_goes_on_with_what_is_left(
    full: Transaction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the process had been killed in the middle of the tables.
    real, calls = erase._execute, 0

    def killed(*given: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 20:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(erase, "_execute", killed)
    with pytest.raises(KeyboardInterrupt):
        delete(export=tmp_path)
    monkeypatch.undo()
    with system_transaction():
        assert Tenant.objects.get(pk=full.tenant_id).status == "erasing"
    assert rows_of(full.tenant_id)
    assert "going on" in delete(export=tmp_path)
    assert rows_of(full.tenant_id) == {}
    # The export from before holds everything: it was not made again of the rest.
    assert len(list(tmp_path.iterdir())) == 1


def test_an_export_that_was_killed_is_made_anew(full: Transaction, tmp_path: Path, monkeypatch: Any) -> None:
    def killed(*given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("csms.management.commands.delete_tenant.write_manifest", killed)
    with pytest.raises(KeyboardInterrupt):
        delete(export=tmp_path)
    monkeypatch.undo()
    before = rows_of(full.tenant_id)
    with system_transaction():
        assert Tenant.objects.get(pk=full.tenant_id).status == "suspended"
    for part in tmp_path.iterdir():
        part.rename(part.with_name("killed.part"))
    delete(export=tmp_path)
    (manifest,) = tmp_path.glob("acme-*/manifest.json")
    rows = {one["file"].removesuffix(".jsonl.gz"): one["rows"] for one in json.loads(manifest.read_text())["tables"]}
    assert all(rows[table] == count for table, count in before.items() if table not in NOT_EXPORTED)


def test_what_refuses_leaves_everything_as_it_was(full: Transaction, tmp_path: Path) -> None:
    before = rows_of(full.tenant_id)
    with pytest.raises(CommandError, match="not its slug"):
        call_command("delete_tenant", "acme", confirm="acne", stdout=StringIO())
    with pytest.raises(CommandError, match="no tenant"):
        delete("nobody")
    with pytest.raises(CommandError, match="real data"):
        delete(no_export=True)
    with pytest.raises(CommandError, match="Nothing was deleted"):
        delete(export=Path("/proc/nowhere"))
    assert rows_of(full.tenant_id) == before


def test_readings_that_wait_in_redis_are_waited_for(
    full: Transaction, tmp_path: Path, redis_clean: "redis.Redis"
) -> None:
    redis_clean.set("{csms:spill}:values", 12)
    with pytest.raises(CommandError, match="12 readings wait"):
        delete(export=tmp_path, wait=0.0)
    assert rows_of(full.tenant_id)


def test_only_test_data_goes_without_an_export(full: Transaction, tmp_path: Path) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=full.tenant_id).update(test_data=True)
    delete(export=tmp_path, no_export=True)
    assert rows_of(full.tenant_id) == {}
    assert list(tmp_path.iterdir()) == []


def test_people_of_other_tenants_too_and_platform_staff_stay(
    tenant: Tenant, other_tenant: Tenant, tmp_path: Path, redis_clean: Any
) -> None:
    from tenants.services.tenants import add_member

    both = make_user("both", tenant)
    add_member(tenant=other_tenant, user=both, role="viewer")
    make_user("root", tenant, superuser=True)
    make_user("only", tenant)
    delete(export=tmp_path)
    with system_transaction():
        assert set(User.objects.values_list("username", flat=True)) == {"both", "root"}
        assert Membership.objects.get().tenant_id == other_tenant.pk


def test_charge_records_go_with_their_tenant_only(stocked: Transaction) -> None:
    refused = pytest.raises(DatabaseError, match="go with their tenant only")
    with refused, system_transaction(), connections["system"].cursor() as cursor:
        cursor.execute("DELETE FROM metering_chargedetailrecord")


def test_every_table_of_tenants_can_be_erased_and_found(db: None) -> None:
    """By construction: the catalogue's tables, the system role's grants, and an index to find a tenant's rows by."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
            "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
        )
        assert {name for (name,) in cursor.fetchall()} == {table.name for table in owned_tables()}
        for table in owned_tables():
            cursor.execute(
                "SELECT has_table_privilege('csms_system', %s, 'DELETE'), has_table_privilege('csms_system', %s, 'SELECT')",
                [table.name, table.name],
            )
            assert cursor.fetchone() == (True, True), f"grant the system role DELETE on {table.name}"
            cursor.execute(
                "SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] "
                "WHERE i.indrelid = %s::regclass AND a.attname = %s",
                [table.name, table.parent_column or "tenant_id"],
            )
            assert cursor.fetchone(), f"{table.name}: no index that begins with {table.parent_column or 'tenant_id'}"


def test_no_column_that_sounds_like_a_secret_is_exported() -> None:
    suspicious = ("password", "secret", "token", "private", "_hash", "digest")
    fine = {
        *("password_set_at", "next_password_at", "password_rotation_days", "old_secret_until", "token", "token_key"),
        # Of public certificates.
        *("issuer_name_hash", "issuer_key_hash"),
    }
    for table in owned_tables():
        if table.name not in NOT_EXPORTED:
            found = {name for name in exported_columns(table) if any(word in name for word in suspicious)} - fine
            assert not found, (table.name, found)


def test_references_come_before_what_they_refer_to() -> None:
    order = [table.name for table in owned_tables()]
    for before, after in (
        ("metering_sample", "metering_series"),
        ("metering_chargedetailrecord", "chargepoints_transaction"),
        ("tenants_webhookdelivery", "tenants_outboxevent"),
        ("chargepoints_transaction", "chargepoints_chargepoint"),
    ):
        assert order.index(before) < order.index(after)
