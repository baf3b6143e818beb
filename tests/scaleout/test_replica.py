"""Reports read from a standby: a real one, that streams from the server of the tests."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connections
from django.db.utils import DatabaseError

from chargepoints.models import ChargePoint
from csms.local.files import read_json, write_json
from csms.local.postgres import FAST, EmbeddedPostgres
from csms.local.testing import STARTED
from tenants import context
from tenants.api.csv_export import tenant_pages
from tenants.context import REPLICA_ALIAS, ScopeError, report_transaction, system_transaction, tenant_transaction
from tenants.models import Tenant
from tests.e2e.stack import own_folder
from tests.stations import PATIENCE_S

pytestmark = pytest.mark.e2e


def copy_cluster(primary: Path, folder: Path, admin_url: str) -> None:
    """A base backup by the server's own functions (the wheel brings no pg_basebackup)."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("SELECT pg_backup_start('standby', fast => true)")
        leave = shutil.ignore_patterns("postmaster.*", "pgsql_tmp*")
        try:
            shutil.copytree(primary / "cluster", folder / "cluster", ignore=leave, copy_function=copy_if_there)
        except shutil.Error as error:
            # A database that another worker has dropped meanwhile takes its folder along.
            if any(Path(source).exists() for source, *_ in error.args[0]):
                raise
        row = admin.execute("SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)").fetchone()
    assert row is not None
    (folder / "cluster" / "backup_label").write_text(row[0])
    (folder / "cluster" / "standby.signal").touch()
    write_json(folder / "state.json", {"password": read_json(primary / "state.json")["password"]})


def copy_if_there(source: str, target: str) -> str:
    """Files come and go under a running server; what is missing the log brings."""
    try:
        return str(shutil.copy2(source, target))
    except FileNotFoundError:
        return target


@pytest.fixture(scope="module")
def standby() -> Iterator[EmbeddedPostgres]:
    """It follows the tests' server, all databases of it."""
    with own_folder() as folder:
        yield from standby_in(folder)


def standby_in(folder: Path) -> Iterator[EmbeddedPostgres]:
    admin_url = os.environ[STARTED]
    primary = Path(os.environ["CSMS_DATA_DIR"]) / "postgres"
    conninfo = psycopg.conninfo.make_conninfo(admin_url, dbname="")
    server = EmbeddedPostgres(folder, (*FAST, f"primary_conninfo={conninfo}", "hot_standby=on"))
    copy_cluster(primary, folder, admin_url)
    if server.user:
        for path in [folder, *folder.rglob("*")]:
            shutil.chown(path, server.user, server.user)
    (folder / "cluster").chmod(0o700)
    server.prepare()
    server.start()
    server.wait_ready()
    yield server
    server.stop()


@pytest.fixture
def replica(db: None, standby: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedPostgres]:
    """As DATABASE_REPLICA_URL would have it."""
    alias = {**connections.settings["default"], "PORT": str(standby.port), "HOST": "127.0.0.1"}
    monkeypatch.setitem(connections.settings, REPLICA_ALIAS, alias)
    monkeypatch.setattr(context, "_replica_rests_until", 0.0)
    yield standby
    used: Any = connections[REPLICA_ALIAS]
    used.close()
    # It belongs to the alias, and would outlive this one.
    used.close_pool()
    del connections[REPLICA_ALIAS]


def catch_up(standby: EmbeddedPostgres) -> None:
    """Wait until it has all that is committed now."""
    deadline = time.monotonic() + PATIENCE_S
    with (
        psycopg.connect(os.environ[STARTED]) as primary,
        psycopg.connect(standby.admin_url(), autocommit=True) as there,
    ):
        (wanted,) = primary.execute("SELECT pg_current_wal_insert_lsn()").fetchone() or ("",)
        while True:
            row = there.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [wanted]).fetchone()
            if row and row[0]:
                return
            assert time.monotonic() < deadline, "the standby doesn't follow"


def make_station(tenant: Tenant, identity: str) -> None:
    with system_transaction():
        ChargePoint.objects.create(tenant=tenant, identity=identity, identity_key=identity.lower())


def is_standby() -> bool:
    with connections[context.current_scope().alias].cursor() as cursor:  # type: ignore[union-attr]
        cursor.execute("SELECT pg_is_in_recovery()")
        return bool(cursor.fetchone()[0])


def test_a_report_reads_its_tenants_rows_from_the_replica(
    tenant: Tenant, other_tenant: Tenant, replica: EmbeddedPostgres
) -> None:
    make_station(tenant, "CP1")
    make_station(other_tenant, "THEIRS")
    catch_up(replica)
    with report_transaction(tenant.pk):
        assert is_standby()
        assert list(ChargePoint.objects.values_list("identity", flat=True)) == ["CP1"]
    with tenant_transaction(tenant.pk):
        assert not is_standby()


def test_an_export_pages_through_the_replica(tenant: Tenant, replica: EmbeddedPostgres) -> None:
    make_station(tenant, "CP1")
    catch_up(replica)
    asked = []

    def read_after(last: ChargePoint | None) -> list[ChargePoint]:
        asked.append(is_standby())
        return [] if last else list(ChargePoint.objects.all())

    assert [row.identity for page in tenant_pages(tenant.pk, read_after) for row in page] == ["CP1"]
    assert asked == [True, True]


def test_a_report_can_write_nothing(tenant: Tenant, replica: EmbeddedPostgres) -> None:
    catch_up(replica)
    with pytest.raises(DatabaseError, match="read-only"), report_transaction(tenant.pk):
        ChargePoint.objects.create(tenant=tenant, identity="CP1", identity_key="cp1")


def test_a_report_of_another_tenant_is_refused_inside_a_transaction(
    tenant: Tenant, other_tenant: Tenant, replica: EmbeddedPostgres
) -> None:
    with pytest.raises(ScopeError), tenant_transaction(tenant.pk), report_transaction(other_tenant.pk):
        pass


def test_a_replica_that_is_away_leaves_the_work_to_the_primary(
    tenant: Tenant, replica: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections.settings[REPLICA_ALIAS], "PORT", "1")
    make_station(tenant, "CP1")
    for _ in range(2):
        with report_transaction(tenant.pk):
            assert not is_standby()
            assert ChargePoint.objects.get().identity == "CP1"
    # It was asked once: finding out takes seconds.
    assert context._replica_rests_until > time.monotonic()


def test_without_a_replica_reports_read_from_the_primary(tenant: Tenant) -> None:
    assert REPLICA_ALIAS not in django_settings.DATABASES
    make_station(tenant, "CP1")
    with report_transaction(tenant.pk):
        assert ChargePoint.objects.get().identity == "CP1"
