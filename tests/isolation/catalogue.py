"""What PostgreSQL's own catalogue says: tables, partitions, columns, keys, grants."""

from dataclasses import dataclass
from typing import Any

from tests.conftest import superuser

TABLES = """
SELECT c.relname, c.relkind = 'p', c.relispartition, c.relrowsecurity AND c.relforcerowsecurity,
       array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'f')
GROUP BY 1, 2, 3, 4 ORDER BY 1
"""
FOREIGN_KEYS = """
SELECT k.conname, k.conrelid::regclass::text, k.confrelid::regclass::text,
       (SELECT array_agg(a.attname::text ORDER BY n) FROM unnest(k.conkey) WITH ORDINALITY AS u(num, n)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num),
       (SELECT array_agg(a.attname::text ORDER BY n) FROM unnest(k.confkey) WITH ORDINALITY AS u(num, n)
        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num)
FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0 AND k.connamespace = 'public'::regnamespace
ORDER BY 1
"""
TENANT_TABLE = "tenants_tenant"


@dataclass(frozen=True, slots=True)
class Table:
    """A table or a partition. `columns`: those that can be written."""

    name: str
    partitioned: bool
    partition: bool
    walled: bool
    columns: tuple[str, ...]

    @property
    def owner(self) -> str:
        """The column that says whose a row is; empty: nobody's."""
        return "tenant_id" if "tenant_id" in self.columns else "id" if self.name == TENANT_TABLE else ""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference that the database holds."""

    name: str
    table: str
    target: str
    columns: tuple[str, ...]
    target_columns: tuple[str, ...]

    @property
    def pairs(self) -> set[tuple[str, str]]:
        return set(zip(self.columns, self.target_columns, strict=True))


def tables() -> dict[str, Table]:
    """All of them, partitions too, by name."""
    rows = superuser().execute(TABLES).fetchall()
    return {row[0]: Table(row[0], row[1], row[2], row[3], tuple(row[4])) for row in rows}


def owned_tables() -> list[Table]:
    """Those whose rows belong to tenants, partitions aside."""
    return [table for table in tables().values() if table.owner and not table.partition]


def foreign_keys() -> tuple[ForeignKey, ...]:
    rows = superuser().execute(FOREIGN_KEYS).fetchall()
    return tuple(ForeignKey(row[0], row[1], row[2], tuple(row[3]), tuple(row[4])) for row in rows)


def may(role: str, privilege: str, table: str) -> bool:
    """Whether a role has a privilege on a table, or on any of its columns."""
    query = "SELECT has_table_privilege(%s, %s, %s) OR has_any_column_privilege(%s, %s, %s)"
    if privilege in {"DELETE", "TRUNCATE", "TRIGGER"}:
        query = "SELECT has_table_privilege(%s, %s, %s) OR (%s || %s || %s) IS NULL"
    row = superuser().execute(query, [role, table, privilege] * 2).fetchone()
    return bool(row and row[0])


def read(query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """Past all walls."""
    return superuser().execute(query, parameters).fetchall()
