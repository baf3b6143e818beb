"""A backup of a system that is being written to, restored beside it: whole, walled off, and fit for work."""

import asyncio
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import connections

from chargepoints.models import ChargePoint, Connector, Transaction
from csms.local.backup import back_up, backup_url, read_manifest, run_tool, tool
from csms.local.catalog import differences, read_catalog
from csms.local.problem import StartProblem
from csms.local.restore import restore, unpack
from csms.local.testing import STARTED
from metering.models import DirtyRange
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant
from tenants.services.tenants import create_tenant
from tests.api.conftest import make_station
from tests.conftest import _empty_tables, eventually
from tests.stations import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
ROLE, PASSWORD = "csms_backup", "reads-every-row"
# What is written together must be restored together: a session, a late stretch, and lines in a partition.
LINES = 5
LINE = """
INSERT INTO chargepoints_message
    (at, tenant_id, charge_point_id, connection_id, direction, kind, message_id, action, payload, error_code, note)
VALUES (now(), %s, %s, gen_random_uuid(), 'in', 2, %s, 'Heartbeat', '[]', '', '')
"""


def url_of(database: str, role: str = "", password: str = "") -> str:
    """On the server of the tests; the superuser's unless a role is named."""
    parts = urlsplit(os.environ[STARTED])
    netloc = f"{role}:{password}@{parts.hostname}:{parts.port}" if role else parts.netloc
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))


class Writer(threading.Thread):
    """Sessions of one station, each committed whole, until it is told to stop."""

    def __init__(self, tenant: Tenant, station: ChargePoint) -> None:
        super().__init__(daemon=True)
        self.tenant, self.station = tenant, station
        with tenant_transaction(tenant.pk):
            self.connector = Connector.objects.select_related("evse").get(charge_point=station)
        self.written, self.ending, self.error = 0, threading.Event(), ""

    def run(self) -> None:
        try:
            while not self.ending.is_set():
                self._write(str(self.written))
                self.written += 1
        except Exception as error:
            self.error = repr(error)
        finally:
            connections.close_all()

    def _write(self, number: str) -> None:
        now = datetime.now(UTC)
        place = {"tenant_id": self.tenant.pk, "charge_point": self.station}
        with system_transaction():
            Transaction.objects.create(
                **place,
                connector=self.connector,
                evse=self.connector.evse,
                protocol_id=number,
                state=Transaction.State.STOPPED,
                started_at=now,
                start_received_at=now,
                meter_start_wh=0,
            )
            DirtyRange.objects.create(**place, evse_number=1, first=now, last=now)
            with connections["system"].cursor() as cursor:
                for _ in range(LINES):
                    cursor.execute(LINE, [self.tenant.pk, self.station.pk, number])


@contextmanager
def writing(*writers: Writer) -> Iterator[None]:
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        for writer in writers:
            writer.ending.set()
        for writer in writers:
            writer.join(timeout=PATIENCE_S)


@dataclass
class Copy:
    """What the tests look at; made once, for it takes some seconds."""

    backup: Path
    database: str
    differing: list[str]
    tenants: list[int]
    before: int
    after: int

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(url_of(self.database)) as connection:
            return connection.execute(statement, values).fetchall()


@pytest.fixture(scope="module")
def copy(django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    name = f"csms_copy_{uuid.uuid4().hex[:8]}"
    source = str(connections["owner"].settings_dict["NAME"])
    media = tmp_path_factory.mktemp("media")
    (media / "logs").mkdir()
    (media / "logs" / "cp1.zip").write_bytes(b"what a station sent")
    with django_db_blocker.unblock():
        tenants = [create_tenant(slug=slug, name=slug.title()) for slug in ("first", "second")]
        writers = [Writer(tenant, make_station(tenant)) for tenant in tenants]
        _make_backup_role()
        with writing(*writers):
            _wait_for(lambda: all(writer.written > 5 or writer.error for writer in writers))
            assert [writer.error for writer in writers] == ["", ""]
            before = sum(writer.written for writer in writers)
            backup = back_up(url_of(source, ROLE, PASSWORD), media, tmp_path_factory.mktemp("backups"), count=True)
            after_dump = [writer.written for writer in writers]
            _wait_for(lambda: all(writer.written > seen for writer, seen in zip(writers, after_dump, strict=True)))
        assert [writer.error for writer in writers] == ["", ""]
        _empty_tables()
        differing = restore(backup, url_of(name))
    yield Copy(backup, name, differing, [one.pk for one in tenants], before, sum(one.written for one in writers))
    with psycopg.connect(os.environ[STARTED], autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _make_backup_role() -> None:
    """As docs/operations.md says. Roles are the server's: another worker may be at it too."""
    with psycopg.connect(os.environ[STARTED]) as admin:
        admin.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [ROLE])
        if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            admin.execute(f"CREATE ROLE {ROLE} LOGIN BYPASSRLS PASSWORD '{PASSWORD}'")
        admin.execute(f"GRANT pg_read_all_data TO {ROLE}")


def _wait_for(condition: Any) -> None:
    asyncio.run(eventually(condition))


def test_walls_grants_keys_and_partitions_are_as_they_were(copy: Copy) -> None:
    assert copy.differing == []
    catalog = read_manifest(copy.backup)["catalog"]
    assert isinstance(catalog, dict)
    assert len(catalog["policies"]) > 100
    assert any("FOR VALUES FROM" in line for line in catalog["tables"])
    ((unwalled,),) = copy.ask(
        "SELECT count(*) FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity AND relkind IN ('r', 'p')"
    )
    assert unwalled == 0


def test_the_copy_is_of_one_moment_between_two_commits(copy: Copy) -> None:
    ((sessions,),) = copy.ask("SELECT count(*) FROM chargepoints_transaction")
    assert copy.before <= sessions < copy.after
    for table, each in (("metering_dirtyrange", 1), ("chargepoints_message", LINES)):
        counted = copy.ask(f"SELECT tenant_id, count(*) FROM {table} GROUP BY 1 ORDER BY 1")
        expected = copy.ask("SELECT tenant_id, count(*) * %s FROM chargepoints_transaction GROUP BY 1 ORDER BY 1", each)
        assert counted == expected, table


def test_keys_hold_and_numbers_go_on_where_they_were(copy: Copy) -> None:
    unchecked = copy.ask("SELECT conname FROM pg_constraint WHERE NOT convalidated")
    assert unchecked == []
    sequence = "pg_get_serial_sequence('chargepoints_transaction', 'id')"
    ((next_id, highest),) = copy.ask(f"SELECT nextval({sequence}), (SELECT max(id) FROM chargepoints_transaction)")
    assert next_id > highest


def test_the_app_role_works_on_the_copy_within_its_tenant_only(copy: Copy) -> None:
    app = urlsplit(os.environ["DATABASE_URL"])
    first, second = copy.tenants
    with psycopg.connect(urlunsplit(app._replace(path=f"/{copy.database}"))) as connection:
        count = "SELECT count(*), count(DISTINCT tenant_id) FROM chargepoints_transaction"
        assert connection.execute(count).fetchone() == (0, 0)
        connection.execute("SELECT set_config('csms.tenant_id', %s, true)", [str(first)])
        seen = connection.execute(count).fetchone()
        assert seen is not None
        assert (seen[0] > 5, seen[1]) == (True, 1)
        insert = "INSERT INTO chargepoints_site (tenant_id, name, address, timezone) VALUES (%s, 'New', '', '')"
        connection.execute(insert, [first])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(insert, [second])
        connection.rollback()


WORK = """
from datetime import date
from django.core.management import call_command
from chargepoints.services.provisioning import create_charge_point
from metering.aggregation.runs import aggregate_due_hours
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tenants.partitions import ensure_partitions
call_command("migrate", check_unapplied=True, verbosity=0)
call_command("check", databases=["default", "system"])
tenant = Tenant.objects.using("system").get(slug="first")
with tenant_transaction(tenant.pk):
    create_charge_point(identity="AFTER-THE-RESTORE")
assert ensure_partitions("metering_sample", date(2030, 1, 1), date(2030, 1, 1)) == 1
aggregate_due_hours()
print("worked")
"""


def test_the_system_runs_on_the_copy(copy: Copy) -> None:
    names = ("DATABASE_URL", "DATABASE_SYSTEM_URL", "DATABASE_OWNER_URL")
    environment = os.environ | {
        name: urlunsplit(urlsplit(os.environ[name])._replace(path=f"/{copy.database}")) for name in names
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "shell", "--no-imports", "-c", WORK],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("worked\n")
    assert copy.ask("SELECT count(*) FROM chargepoints_chargepoint WHERE identity = 'AFTER-THE-RESTORE'") == [(1,)]


def test_stations_files_are_in_the_backup_and_strangers_are_kept_out_of_it(copy: Copy, tmp_path: Path) -> None:
    unpack(copy.backup / "media.tar", tmp_path)
    assert (tmp_path / "logs" / "cp1.zip").read_bytes() == b"what a station sent"
    assert copy.backup.stat().st_mode & 0o077 == 0
    assert list(copy.backup.parent.iterdir()) == [copy.backup], "no draft is left"


def test_a_backup_is_not_restored_over_something(copy: Copy) -> None:
    with pytest.raises(StartProblem, match="has tables already"):
        restore(copy.backup, url_of(copy.database))
    with pytest.raises(StartProblem, match="is no backup"):
        restore(copy.backup.parent, url_of("csms_never"))


def test_what_is_missing_in_a_copy_is_named(copy: Copy) -> None:
    with psycopg.connect(url_of(copy.database)) as connection:
        whole = read_catalog(connection)
        connection.execute("DROP POLICY own_tenant ON chargepoints_transaction")
        connection.execute("REVOKE SELECT ON chargepoints_site FROM csms_app")
        connection.execute("ALTER TABLE chargepoints_connector DISABLE ROW LEVEL SECURITY")
        found = differences(whole, read_catalog(connection))
        connection.rollback()
    assert any(line.startswith("policies: missing: chargepoints_transaction own_tenant") for line in found)
    assert {line.split()[2] for line in found if line.startswith("tables: missing")} == {
        "chargepoints_site",
        "chargepoints_connector",
    }


@pytest.mark.parametrize("role", ["DATABASE_OWNER_URL", "DATABASE_URL"])
def test_a_login_that_sees_only_some_rows_makes_no_backup_at_all(tenant: Tenant, tmp_path: Path, role: str) -> None:
    with pytest.raises(StartProblem, match=r"row-level security|permission denied"):
        back_up(os.environ[role], tmp_path / "media", tmp_path / "backups")
    assert list((tmp_path / "backups").iterdir()) == []


def test_without_a_login_it_is_the_embedded_database_or_said_that_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DATABASE_BACKUP_URL", raising=False)
    monkeypatch.setenv("CSMS_DATA_DIR", str(tmp_path))
    with pytest.raises(StartProblem, match="DATABASE_BACKUP_URL"):
        backup_url()
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "state.json").write_text('{"password": "sesame", "port": 5433}')
    assert backup_url() == "postgresql://postgres:sesame@127.0.0.1:5433/csms"


def test_passwords_stand_on_no_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # A stand-in for PostgreSQL's program that shows its arguments where errors go.
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$@" "user=$PGUSER database=$PGDATABASE" >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("CSMS_PG_BIN", str(tmp_path))
    assert tool("pg_dump") == str(program)
    with pytest.raises(StartProblem) as caught:
        run_tool("pg_dump", "postgresql://some%40one:sesame@127.0.0.1:1/it", "--file=x", folder=tmp_path)
    assert str(caught.value) == "pg_dump failed: --file=x user=some@one database=it"
