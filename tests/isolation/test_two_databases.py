"""B in a database of its own: nothing of A is there, nothing of B's is left where A lives, whoever asks with whatever role."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connections, transaction

from tenants.databases.directory import is_in_directory
from tenants.databases.rows import moved_tables
from tenants.models import Tenant
from tenants.owned import owned_tables
from tests.isolation.conftest import B_LIVES_APART
from tests.isolation.marks import NOBODY, A, B
from tests.isolation.stock import add_gateway, fill
from tests.second_database import SPARE, move_to, second_database, spare_administrator

pytestmark = pytest.mark.skipif(B_LIVES_APART, reason="the suite is in two databases already")
MINE = {table.name for table in moved_tables()}
OF_THE_DIRECTORY = {table.name for table in owned_tables() if is_in_directory(table.model)}
NOT_ALLOWED, NOT_THERE = "42501", "23503"


@pytest.fixture
def apart(db: None) -> Iterator[None]:
    """Both with a row of everything, B in the second database."""
    with second_database():
        add_gateway()
        for marks in (A, B):
            fill(marks)
        move_to(Tenant.objects.using("system").get(pk=B.number), SPARE)
        yield


def attempt(alias: str, tenant_id: int, statement: str, values: Any = ()) -> Any:
    """Under the app role of a database: rows, their number, or the SQLSTATE of the refusal. Nothing of it stays."""
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SELECT set_config('csms.tenant_id', %s, true)", [str(tenant_id)])
        try:
            cursor.execute(statement, values)
            found = cursor.fetchall() if cursor.description else cursor.rowcount
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except DatabaseError as error:
            cause = error.__cause__
            assert isinstance(cause, psycopg.Error)
            return cause.sqlstate
        finally:
            transaction.set_rollback(True, using=alias)
        return found


def test_each_tenant_is_in_its_own_place_and_only_there(apart: None) -> None:
    here, there = "default", f"default@{SPARE}"
    for table in sorted(MINE):
        count = f"SELECT count(*) FROM {table}"
        readable = attempt(there, B.number, count)
        if readable == NOT_ALLOWED:
            continue
        assert readable[0][0] > 0, table
        # B asks where A lives, A's number is set where B lives, and nobody's.
        for alias, tenant_id in ((here, B.number), (there, A.number), (there, 0)):
            assert attempt(alias, tenant_id, count) == [(0,)], (table, alias, tenant_id)
        assert attempt(here, A.number, count)[0][0] > 0, table


def test_the_second_database_has_nothing_of_a_and_nobody_of_the_directory(apart: None) -> None:
    administrator = spare_administrator()
    for table in sorted(MINE | OF_THE_DIRECTORY):
        rows = administrator.execute(f"SELECT t::text FROM {table} t").fetchall()
        assert not any(A.known_to(str(row)) for row in rows), table
        assert not (rows and table in OF_THE_DIRECTORY), table
    for table in ("tenants_user", "django_session", "tenants_browsersession", "tenants_authenticator"):
        assert administrator.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    assert administrator.execute("SELECT id FROM tenants_tenant").fetchall() == [(B.number,)]


def test_no_row_of_a_can_be_made_where_b_lives(apart: None) -> None:
    there = f"default@{SPARE}"
    ((row,),) = spare_administrator().execute("SELECT to_jsonb(t) FROM chargepoints_site t").fetchall()
    row |= {"id": NOBODY.number, "tenant_id": A.number}
    statement = (
        "INSERT INTO chargepoints_site OVERRIDING SYSTEM VALUE "
        "SELECT * FROM jsonb_populate_record(NULL::chargepoints_site, %s)"
    )
    refused = {attempt(there, tenant_id, statement, [json.dumps(row)]) for tenant_id in (A.number, B.number)}
    assert refused <= {NOT_ALLOWED, NOT_THERE}
    changed = attempt(there, B.number, "UPDATE chargepoints_site SET tenant_id = %s", [A.number])
    assert changed == NOT_ALLOWED


def test_the_walls_are_the_same_in_both(apart: None) -> None:
    policies = "SELECT tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies ORDER BY 1, 2"
    grants = (
        "SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants "
        "WHERE table_schema = 'public' AND table_name !~ '_[0-9]{8}$' ORDER BY 1, 2, 3"
    )
    from tests.conftest import superuser

    for query in (policies, grants):
        assert superuser().execute(query).fetchall() == spare_administrator().execute(query).fetchall()
