"""Taking a tenant's rows out of the database: small transactions, in the order of references, until nothing is left.

Whoever is interrupted begins anew: what is gone is gone, the tenant itself goes last. Only its own rows are locked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tenants.context import system_connection, system_transaction
from tenants.erasure.export import Progress, parent_ids
from tenants.owned import OwnedTable, owned_tables

# Rows of one transaction: some tens of milliseconds.
BATCH = 5000
MOST_PARENTS = 500
INDEXED_BY_TENANT = """
SELECT DISTINCT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] WHERE a.attname = 'tenant_id'
"""

Guard = Callable[[int], None]


class RowsLeft(Exception):
    """Something still writes for the tenant."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows of a table went."""

    table: str
    rows: int


def erase_tables(
    tenant_id: int, progress: Progress, tables: Sequence[OwnedTable] | None = None, *, guard: Guard | None = None
) -> list[Erased]:
    """Every row of the tenant's, in all tables but its own. RowsLeft where new ones keep coming.

    `tables`: some only, those that refer to others first. In the current database. `guard(tenant_id)` is asked in the
    transaction of each batch, before it: what it raises ends the erasing.
    """
    tables = owned_tables() if tables is None else tables
    batches = _Batches(tenant_id, progress, guard)
    done = {table.name: batches.erase(table) for table in tables}
    # What was written meanwhile by a process that had read the tenant's state before it was suspended; and what hung
    # on stations that were deleted before.
    late = tables_with_rows(tenant_id, tables)
    for table in tables:
        if table.name in late:
            done[table.name] += batches.erase_late(table)
    if left := tables_with_rows(tenant_id, tables):
        raise RowsLeft(", ".join(left))
    return [Erased(name, rows) for name, rows in done.items()]


class _Batches:
    """One tenant's rows, a transaction for each batch."""

    def __init__(self, tenant_id: int, progress: Progress, guard: Guard | None) -> None:
        self._tenant, self._progress, self._guard = tenant_id, progress, guard

    def erase(self, table: OwnedTable) -> int:
        """The rows that went."""
        rows = self._by_parent(table) if table.parent else self._by_id(table)
        self._progress(table.name, 1.0, rows)
        return rows

    def erase_late(self, table: OwnedTable) -> int:
        """Those that were written meanwhile: a few."""
        return self._execute(f"DELETE FROM {table.name} WHERE tenant_id = %s", [self._tenant])

    def _by_id(self, table: OwnedTable) -> int:
        """The newest first: corrections before what they correct."""
        total, rows = _count(self._tenant, table.name), 0
        statement = (
            f"DELETE FROM {table.name} WHERE tenant_id = %s AND id IN "
            f"(SELECT id FROM {table.name} WHERE tenant_id = %s ORDER BY id DESC LIMIT {BATCH})"
        )
        while rows < total:
            gone = self._execute(statement, [self._tenant, self._tenant])
            if not gone:
                break
            rows += gone
            self._progress(table.name, min(1.0, rows / total), rows)
        return rows

    def _by_parent(self, table: OwnedTable) -> int:
        """As many parents at a time as make a batch: a station may have sent a handful of readings or a million."""
        parents, rows, at, size = parent_ids(self._tenant, table), 0, 0, 1
        statement = f"DELETE FROM {table.name} WHERE tenant_id = %s AND {table.parent_column} = ANY(%s)"
        while at < len(parents):
            gone = self._execute(statement, [self._tenant, parents[at : at + size]])
            rows, at = rows + gone, at + size
            size = max(1, size // 2) if gone > BATCH else min(MOST_PARENTS, size * 2)
            self._progress(table.name, min(1.0, at / len(parents)), rows)
        return rows

    def _execute(self, statement: str, values: list[Any]) -> int:
        return _execute(self._tenant, statement, values, self._guard)


def erase_people(tenant_id: int) -> int:
    """Delete those who belong to this tenant and to no other, platform staff aside. Before their memberships go."""
    only_here = (
        "SELECT u.id FROM tenants_user u JOIN tenants_membership m ON m.user_id = u.id AND m.tenant_id = %s "
        "WHERE NOT u.is_superuser AND NOT EXISTS "
        "(SELECT 1 FROM tenants_membership o WHERE o.user_id = u.id AND o.tenant_id <> %s)"
    )
    with system_transaction(), system_connection().cursor() as cursor:
        cursor.execute(only_here, [tenant_id, tenant_id])
        people = [row[0] for row in cursor.fetchall()]
        for table, column in (
            ("tenants_membership", "user_id"),
            ("tenants_browsersession", "user_id"),
            ("tenants_authenticator", "user_id"),
            ("tenants_user_groups", "user_id"),
            ("tenants_user_user_permissions", "user_id"),
            ("tenants_user", "id"),
        ):
            cursor.execute(f"DELETE FROM {table} WHERE {column} = ANY(%s)", [people])
    return len(people)


def erase_tenant_row(tenant_id: int) -> bool:
    """The last step; also what tells others that it doesn't live here."""
    _execute(tenant_id, "DELETE FROM tenants_closedtenant WHERE tenant_number = %s", [tenant_id])
    return bool(_execute(tenant_id, "DELETE FROM tenants_tenant WHERE id = %s", [tenant_id]))


def tables_with_rows(tenant_id: int, tables: Sequence[OwnedTable] | None = None) -> list[str]:
    """Tables (of `tables`, else of all) that still have rows of the tenant; those without an index on it are not looked at.

    These are readings, which were found by their series. Where that was deleted before, they go with their day's partition.
    """
    found = []
    with system_transaction(), system_connection().cursor() as cursor:
        cursor.execute(INDEXED_BY_TENANT)
        indexed = {name for (name,) in cursor.fetchall()}
        for table in owned_tables() if tables is None else tables:
            if table.name in indexed:
                cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table.name} WHERE tenant_id = %s)", [tenant_id])
                if cursor.fetchone()[0]:
                    found.append(table.name)
    return found


def _count(tenant_id: int, table: str) -> int:
    with system_transaction(), system_connection().cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", [tenant_id])
        return int(cursor.fetchone()[0])


def _execute(tenant_id: int, statement: str, values: list[Any], guard: Guard | None = None) -> int:
    with system_transaction(), system_connection().cursor() as cursor:
        if guard is not None:
            guard(tenant_id)
        # Rows that are otherwise kept for good may go with their tenant only (metering 0008).
        cursor.execute("SELECT set_config('csms.erasing_tenant', %s, true)", [str(tenant_id)])
        cursor.execute(statement, values)
        return int(cursor.rowcount)
