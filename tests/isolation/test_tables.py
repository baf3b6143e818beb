"""Every table, under the app role with B's tenant set: whatever of A's is asked for, changed or pointed at, it isn't there.

The walls are against mistakes of ours. Whoever runs SQL of their own can set another tenant, and unique indexes over rows
of all tenants tell whether a key is taken; no request gets there (the other files here).
"""

import json
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connections, models, transaction

from tenants.rls import CURRENT_TENANT
from tests.isolation.catalogue import Table, foreign_keys, may, owned_tables, read, tables
from tests.isolation.conftest import B_LIVES_APART, Cast
from tests.isolation.marks import NOBODY, A, B, Marks
from tests.isolation.stock import owned_models

# Here both are in one database; test_two_databases.py is about B in another.
pytestmark = pytest.mark.skipif(B_LIVES_APART, reason="the walls between two tenants of one database")
HERE = "tests/isolation/test_tables.py"
APP, SYSTEM = settings.DATABASE_APP_ROLE, settings.DATABASE_SYSTEM_ROLE
WRITES = ("INSERT", "UPDATE", "DELETE")

# Tables without a tenant, and why that is well.
OF_NOBODY = {
    "auth_group": "Django's; we give no permissions by group",
    "auth_group_permissions": "Django's; we give no permissions by group",
    "auth_permission": "names of models only",
    "chargepoints_gateway": "our own processes",
    "csms_partitioned_table": "names of our own tables",
    "django_admin_log": "Django's; nothing is written there, our audit trail has tenants",
    "django_content_type": "names of models only",
    "django_migrations": "names of our own migrations",
    "django_session": "sign-ins, read under the system role before any tenant is known",
    "metering_aggregationstate": "one time for the whole system",
    "tenants_authenticator": "second factors of people, read under the system role at the sign-in",
    "tenants_browsersession": "sign-ins of people, read under the system role before any tenant is known",
    "tenants_closedtenant": "numbers of tenants that live in other databases",
    "tenants_databaseidentity": "the database's own name",
    "tenants_feedcursor": "how far the MQTT sink of the whole system has come",
    "tenants_platformentry": "what platform staff did; for them",
    "tenants_systemalert": "for platform staff",
    "tenants_tenantmove": "moves of tenants between databases; for platform staff",
    "tenants_user": "people may belong to several tenants: a policy of its own shows each tenant its own",
    "tenants_user_groups": "Django's; we give no permissions by group",
    "tenants_user_user_permissions": "Django's; people's permissions come from their role in a tenant",
}
# Of those, what the app role may read: nothing in them is a tenant's.
READ_BY_ALL = {
    *("auth_permission", "chargepoints_gateway", "django_content_type", "django_migrations"),
    *("metering_aggregationstate", "tenants_closedtenant", "tenants_user"),
}
# Refused by a policy or for want of a grant; by a foreign key; by a unique index over all tenants.
NOT_ALLOWED, NOT_THERE, TAKEN = "42501", "23503", "23505"
# Columns of which only one may be filled.
ALONE: dict[str, dict[str, None]] = {
    "metering_tariffassignment": dict.fromkeys(("id_tag_id", "charge_point_id", "site_id")),
}


def attempt(statement: str, parameters: list[Any], tenant: Marks | None = B) -> "str | list[Any] | int":
    """Under the app role: the rows or their number, or the SQLSTATE of the refusal. Nothing of it stays."""
    connection = connections["default"]
    with transaction.atomic(using="default"), connection.cursor() as cursor:
        if tenant is not None:
            cursor.execute("SELECT set_config('csms.tenant_id', %s, true)", [str(tenant.number)])
        try:
            cursor.execute(statement, parameters)
            found: list[Any] | int = cursor.fetchall() if cursor.description else cursor.rowcount
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except DatabaseError as error:
            cause = error.__cause__
            assert isinstance(cause, psycopg.Error)
            return str(cause.sqlstate)
        finally:
            transaction.set_rollback(True, using="default")
        return found


def row_of(table: Table, marks: Marks) -> dict[str, Any]:
    """Its row there, as JSON."""
    ((row,),) = read(
        f'SELECT to_jsonb(t) FROM "{table.name}" t WHERE "{table.owner}" = %s ORDER BY t::text LIMIT 1', [marks.number]
    )
    return dict(row)


def insert(table: Table, row: dict[str, Any], conflict: str = "") -> "str | list[Any] | int":
    columns = ", ".join(f'"{column}"' for column in table.columns)
    chosen = ", ".join(f'(r)."{column}"' for column in table.columns)
    statement = (
        f'INSERT INTO "{table.name}" ({columns}) OVERRIDING SYSTEM VALUE SELECT {chosen} '
        f'FROM jsonb_populate_record(NULL::"{table.name}", %s::jsonb) AS r {conflict}'
    )
    return attempt(statement, [json.dumps(row)])


def anew(row: dict[str, Any]) -> dict[str, Any]:
    """With a key that nobody has."""
    if "id" not in row:
        return row
    return row | {"id": str(NOBODY.uuid) if isinstance(row["id"], str) else NOBODY.number}


def references() -> list[tuple[type[models.Model], Any]]:
    """Each field that refers from rows of a tenant to rows of a tenant."""
    owned = set(owned_models())
    return [
        (model, field)
        for model in owned
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.name != "tenant" and field.remote_field.model in owned
    ]


def test_every_table_belongs_to_tenants_or_says_why_not(cast: Cast) -> None:
    found = {name for name, table in tables().items() if not table.owner and not table.partition}
    assert found - set(OF_NOBODY) == set(), f"{HERE}: give the table a tenant_id, or say in OF_NOBODY why it needs none"
    assert set(OF_NOBODY) - found == set(), f"{HERE}: OF_NOBODY names tables that aren't there"


def test_there_is_a_row_of_everything_in_both_tenants(cast: Cast) -> None:
    for table in owned_tables():
        counted = dict(read(f'SELECT "{table.owner}", count(*) FROM "{table.name}" GROUP BY 1'))
        assert {A.number, B.number} <= set(counted), f"tests/isolation/stock.py: no model fills {table.name}"


def test_every_table_of_tenants_is_walled_by_the_same_two_policies(cast: Cast) -> None:
    policies: dict[str, dict[str, tuple[Any, ...]]] = {}
    for table, name, *rest in read(
        "SELECT tablename, policyname, permissive, roles::text[], cmd, qual, with_check FROM pg_policies"
    ):
        policies.setdefault(table, {})[name] = tuple(rest)
    for table in owned_tables():
        assert table.walled, f"{table.name}: its migration lacks ProtectTable"
        mine = policies[table.name]
        assert set(mine) == {"own_tenant", "all_tenants"}, table.name
        assert mine["all_tenants"] == ("PERMISSIVE", [SYSTEM], "ALL", "true", "true"), table.name
        permissive, roles, command, reading, writing = mine["own_tenant"]
        assert (permissive, roles, command) == ("PERMISSIVE", [APP], "ALL"), table.name
        assert reading == writing == _rule(table.owner), table.name
    assert policies.keys() <= {table.name for table in owned_tables()} | {"tenants_user"}


def _rule(column: str) -> str:
    """The policy's expression as PostgreSQL spells it."""
    assert "current_setting('csms.tenant_id', true)" in CURRENT_TENANT
    return f"({column} = ( SELECT (NULLIF(current_setting('csms.tenant_id'::text, true), ''::text))::bigint AS \"nullif\"))"


def test_the_app_role_has_no_more_of_nobodys_tables_than_reading(cast: Cast) -> None:
    for name in OF_NOBODY:
        assert may(APP, "SELECT", name) == (name in READ_BY_ALL), f"{HERE}: {name}: OF_NOBODY, READ_BY_ALL or its grant"
        assert not any(may(APP, privilege, name) for privilege in WRITES), name


def test_nothing_but_tables_and_columns_of_their_own_can_be_reached(cast: Cast) -> None:
    views = read("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')")
    assert views == [], "a view reads with its owner's rights: it needs security_invoker and a place in this suite"
    functions = read(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef "
        "AND has_function_privilege(%s, oid, 'EXECUTE')",
        [APP],
    )
    assert functions == [], "a function that runs with its owner's rights sees past the walls: REVOKE it from PUBLIC"
    sequences = read(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' "
        "AND (has_sequence_privilege(%s, oid, 'SELECT') OR has_sequence_privilege(%s, oid, 'UPDATE'))",
        [APP, APP],
    )
    assert sequences == [], "how far a sequence has come counts the rows of all"
    assert read("SELECT has_schema_privilege(%s, 'public', 'CREATE')", [APP]) == [(False,)]


def test_partitions_are_reached_through_their_table_only(cast: Cast) -> None:
    partitions = [table for table in tables().values() if table.partition]
    assert partitions
    for table in partitions:
        granted = [p for p in ("SELECT", *WRITES, "TRUNCATE") if may(APP, p, table.name) or may(SYSTEM, p, table.name)]
        assert granted == [], f"{table.name}: {granted}"
        assert attempt(f'SELECT count(*) FROM "{table.name}"', []) == NOT_ALLOWED


def test_the_roles_can_neither_truncate_nor_hang_triggers_on_tables(cast: Cast) -> None:
    for name in tables():
        for role in (APP, SYSTEM):
            assert not may(role, "TRUNCATE", name), name
            assert not may(role, "TRIGGER", name), name


def test_nothing_of_a_is_read_or_counted_as_b(cast: Cast) -> None:
    for table in (table for table in owned_tables() if may(APP, "SELECT", table.name)):
        ((of_b,),) = read(f'SELECT count(*) FROM "{table.name}" WHERE "{table.owner}" = %s', [B.number])
        assert attempt(f'SELECT count(*) FROM "{table.name}"', []) == [(of_b,)], table.name
        assert attempt(f'SELECT * FROM "{table.name}" WHERE "{table.owner}" = %s', [A.number]) == [], table.name
        seen = str(attempt(f'SELECT t::text FROM "{table.name}" t', []))
        assert not A.known_to(seen), f"{table.name}: {seen}"


@pytest.mark.parametrize("tenant", [None, NOBODY], ids=["no tenant", "a tenant that isn't there"])
def test_nothing_is_read_changed_or_deleted_without_a_tenant_of_ones_own(cast: Cast, tenant: Marks | None) -> None:
    for table in owned_tables():
        none: list[Any] = [NOT_ALLOWED, 0, []]
        assert attempt(f'SELECT 1 FROM "{table.name}"', [], tenant) in none, table.name
        assert attempt(f'DELETE FROM "{table.name}"', [], tenant) in none, table.name
        changed = attempt(f'UPDATE "{table.name}" SET "{table.owner}" = "{table.owner}"', [], tenant)
        assert changed in none, table.name


def test_people_of_a_are_not_seen_and_nobodys_password_is(cast: Cast) -> None:
    names = attempt("SELECT username, email FROM tenants_user", [])
    assert isinstance(names, list)
    assert len(names) == len(cast.people)
    assert not A.known_to(str(names))
    assert attempt("SELECT password FROM tenants_user", []) == NOT_ALLOWED


def test_nobody_is_made_a_member_to_be_seen(cast: Cast) -> None:
    """A membership shows a person to its tenant: B must not be able to have one of A's people."""
    row = anew(row_of(tables()["tenants_membership"], B)) | {"user_id": A.number}
    assert insert(tables()["tenants_membership"], row) == NOT_ALLOWED
    taken = attempt("UPDATE tenants_membership SET user_id = %s", [A.number])
    assert taken == NOT_ALLOWED


def test_rows_are_not_written_into_a(both: Cast) -> None:
    for table in owned_tables():
        assert insert(table, anew(row_of(table, A))) == NOT_ALLOWED, table.name
        moved = attempt(f'UPDATE "{table.name}" SET "{table.owner}" = %s', [A.number])
        assert moved == NOT_ALLOWED, f"{table.name}: {moved}"


def test_rows_of_a_are_neither_changed_nor_deleted_nor_locked(both: Cast) -> None:
    for table in owned_tables():
        mine = f'"{table.owner}" = {A.number}'
        none: list[Any] = [NOT_ALLOWED, 0, []]
        assert attempt(f'UPDATE "{table.name}" SET "{table.owner}" = "{table.owner}" WHERE {mine}', []) in none, (
            table.name
        )
        assert attempt(f'DELETE FROM "{table.name}" WHERE {mine}', []) in none, table.name
        assert attempt(f'SELECT 1 FROM "{table.name}" WHERE {mine} FOR UPDATE', []) in none, table.name


def test_a_row_of_a_is_not_overwritten_by_one_of_b_with_its_key(both: Cast) -> None:
    for table in (table for table in owned_tables() if table.owner != "id" and may(APP, "INSERT", table.name)):
        key = row_of(table, A)["id"]
        replaced = insert(table, row_of(table, B) | {"id": key}, "ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id")
        assert replaced in {NOT_ALLOWED, TAKEN}, f"{table.name}: {replaced}"


def test_every_foreign_key_between_rows_of_tenants_holds_the_tenant_too(cast: Cast) -> None:
    owned = {table.name: table for table in owned_tables()}
    for key in foreign_keys():
        if key.table in owned and key.target in owned and key.target != "tenants_tenant":
            assert ("tenant_id", "tenant_id") in key.pairs, f"{key.name}: use TenantForeignKey (tenants/rls.py)"


def test_every_reference_is_held_by_the_database_where_the_app_role_could_write_one(cast: Cast) -> None:
    held = {(key.table, column) for key in foreign_keys() for column, target in key.pairs if target == "id"}
    for model, field in references():
        table = model._meta.db_table
        if may(APP, "INSERT", table) or may(APP, "UPDATE", table):
            assert (table, field.column) in held, (
                f"{model._meta.label}.{field.name}: use TenantForeignKey (tenants/rls.py)"
            )


def test_no_row_of_b_points_at_a_row_of_a(both: Cast) -> None:
    for model, field in references():
        table = tables()[model._meta.db_table]
        theirs = str(A.uuid) if isinstance(field.target_field, models.UUIDField) else A.number
        if not may(APP, "INSERT", table.name) and not may(APP, "UPDATE", table.name):
            continue
        made = insert(table, anew(row_of(table, B)) | ALONE.get(table.name, {}) | {field.column: theirs})
        assert made in {NOT_ALLOWED, NOT_THERE, TAKEN}, f"{table.name}.{field.column}: {made}"
        others = "".join(f', "{column}" = NULL' for column in ALONE.get(table.name, {}) if column != field.column)
        changed = attempt(f'UPDATE "{table.name}" SET "{field.column}" = %s{others}', [theirs])
        assert changed in {NOT_ALLOWED, NOT_THERE, TAKEN}, f"{table.name}.{field.column}: {changed}"


def test_every_model_of_tenants_is_among_the_tables(cast: Cast) -> None:
    named = {table.name for table in owned_tables()}
    assert {model._meta.db_table for model in owned_models()} == named
    assert {model._meta.db_table for model in apps.get_models()} <= named | set(OF_NOBODY)
