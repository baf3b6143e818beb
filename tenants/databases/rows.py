"""A tenant's rows from one database to another: all of them, as of one instant, in one transaction of the target.

Read in one snapshot of the source, written by COPY and INSERT (a COPY into a table is refused under row-level security), what
others refer to first. Before the target commits, each table is counted on both sides, and the digests of its rows are compared:
either all is there, exactly, or nothing. Under the system role; ids, secrets and times are as they were.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connections
from psycopg import sql

from tenants.databases.directory import EVERYWHERE, is_in_directory
from tenants.databases.fence import HOLD_WITH_OTHERS
from tenants.databases.names import SYSTEM, alias_of
from tenants.erasure.export import Progress
from tenants.models import Tenant
from tenants.owned import OwnedTable, owned_tables

Connection = psycopg.Connection[tuple[Any, ...]]
# What Django adds for its own use.
NOT_LIBPQ = {
    *("context", "cursor_factory", "prepare_threshold", "server_side_binding", "pool", "assume_role", "isolation_level")
}
# Rows of one statement where a table is copied in parts: what PostgreSQL keeps in mind to check references stays small.
ROWS_AT_ONCE = 200_000
PARTS = "csms_moving"
COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
PARTITIONED = """
SELECT c.relname, to_date(right(child.relname, 8), 'YYYYMMDD')
FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid JOIN pg_class c ON c.oid = inhparent
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'p' AND child.relname ~ '_[0-9]{8}$' ORDER BY 1, 2
"""


class RowsDiffer(Exception):
    """What arrived is not what was there: nothing was kept of it."""


@dataclass(frozen=True, slots=True)
class Digest:
    """Of rows in any order."""

    rows: int
    checksum: int


def moved_tables() -> list[OwnedTable]:
    """Those whose rows live with their tenant, what others refer to first. Sockets don't move: they are closed."""
    return [table for table in reversed(owned_tables()) if not is_in_directory(table.model) and not _of_sockets(table)]


def left_tables() -> list[OwnedTable]:
    """All that is taken away from the old place, those that refer to others first."""
    return [table for table in owned_tables() if not is_in_directory(table.model)]


def _of_sockets(table: OwnedTable) -> bool:
    """Refers to something of the database itself: a gateway that holds a socket."""
    targets = {field.related_model for field in table.model._meta.concrete_fields if field.is_relation}
    return any(
        isinstance(target, type) and target is not Tenant and target._meta.label in EVERYWHERE for target in targets
    )


@contextmanager
def connected(database: str) -> Iterator[Connection]:
    """A connection of its own under the system role."""
    parameters = connections[alias_of(SYSTEM, database)].get_connection_params()
    given = {name: value for name, value in parameters.items() if name not in NOT_LIBPQ}
    with psycopg.connect(prepare_threshold=None, **given) as connection:
        yield connection


def copy_rows(tenant_id: int, source: str, target: str, progress: Progress) -> dict[str, int]:
    """Committed on return: table -> rows. RowsDiffer, or an error of a database: then nothing was."""
    with connected(source) as reading, connected(target) as writing:
        _make_partitions(reading, writing)
        reading.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for connection in (reading, writing):
            connection.execute("SET LOCAL statement_timeout = 0")
            # As text, rows look the same on both sides.
            connection.execute("SET LOCAL timezone = 'UTC'")
            connection.execute("SET LOCAL extra_float_digits = 3")
        # References are checked by each statement: kept for the end, millions would fill the memory.
        writing.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # Whoever gives the move up meanwhile waits, and erases what arrives (clearing).
        writing.execute(HOLD_WITH_OTHERS, [tenant_id])
        copied = {}
        for table in moved_tables():
            copied[table.name] = _Copying(reading, writing, tenant_id, table, progress).copy()
            progress(table.name, 1.0, copied[table.name])
    return copied


def _make_partitions(reading: Connection, writing: Connection) -> None:
    """Every day that the source has."""
    days = reading.execute(PARTITIONED).fetchall()
    for table, day in days:
        writing.execute("SELECT csms_ensure_partition(%s, %s)", [table, day])
    reading.commit()
    writing.commit()


class _Copying:
    """One table: whole, or, where it is long, what hangs on some parents at a time."""

    def __init__(
        self, reading: Connection, writing: Connection, tenant_id: int, table: OwnedTable, progress: Progress
    ) -> None:
        self._reading, self._writing, self._progress = reading, writing, progress
        self._tenant, self._spec = tenant_id, table
        self._table = sql.Identifier(table.name)
        named = [name for (name,) in reading.execute(COLUMNS, [table.name])]
        self._columns = sql.SQL(", ").join(sql.Identifier(name) for name in named)

    def copy(self) -> int:
        """The rows that were copied."""
        self._writing.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0").format(
                sql.Identifier(PARTS), self._columns, self._table
            )
        )
        rows = self._by_parents() if self._spec.parent else self._part(sql.SQL("TRUE"))
        self._writing.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(PARTS)))
        return rows

    def _by_parents(self) -> int:
        parents = [
            parent
            for (parent,) in self._reading.execute(
                sql.SQL("SELECT id FROM {} WHERE tenant_id = %s ORDER BY id").format(sql.Identifier(self._spec.parent)),
                [self._tenant],
            )
        ]
        rows, at, size = 0, 0, 1
        while at < len(parents):
            of_these = sql.SQL("{} = ANY({})").format(
                sql.Identifier(self._spec.parent_column), sql.Literal(parents[at : at + size])
            )
            part = self._part(of_these)
            rows, at = rows + part, at + size
            self._progress(self._spec.name, at / len(parents), rows)
            size = max(1, size // 2) if part > ROWS_AT_ONCE else min(500, size * 2)
        return rows

    def _part(self, condition: sql.Composable) -> int:
        where = sql.SQL("tenant_id = {} AND {}").format(sql.Literal(self._tenant), condition)
        out = sql.SQL("COPY (SELECT {} FROM {} WHERE {}) TO STDOUT").format(self._columns, self._table, where)
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(PARTS), self._columns)
        with self._reading.cursor().copy(out) as read, self._writing.cursor().copy(into) as written:
            for block in read:
                written.write(block)
        # One statement: rows of a table may refer to others of it.
        self._writing.execute(
            sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}").format(
                self._table, self._columns, self._columns, sql.Identifier(PARTS)
            )
        )
        self._writing.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(PARTS)))
        there, here = self._digest(self._reading, where), self._digest(self._writing, where)
        if there != here:
            raise RowsDiffer(
                f"{self._spec.name}: {there.rows} rows in the source, {here.rows} in the target, or not alike"
            )
        return here.rows

    def _digest(self, connection: Connection, where: sql.Composable) -> Digest:
        query = sql.SQL(
            "SELECT count(*), COALESCE(sum(hashtextextended(r::text, 0)::numeric), 0) FROM (SELECT {} FROM {} WHERE {}) r"
        ).format(self._columns, self._table, where)
        row = connection.execute(query).fetchone()
        assert row is not None  # noqa: S101 (an aggregate has a row)
        return Digest(int(row[0]), int(row[1]))
