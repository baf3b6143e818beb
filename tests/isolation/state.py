"""What the tables hold, as a whole: compared after each attempt, and put back as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.conftest import KEPT_TABLES, superuser
from tests.isolation.catalogue import Table, owned_tables, read, tables
from tests.isolation.marks import Marks

KEPT = "isolation_kept"
# Rows of nobody: sign-ins come and go while the suite runs.
PASSING = {"django_session", "tenants_browsersession"}


class Stock:
    """All rows of a database as they were when this was made; `put_back` compares with that."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]] | None" = None) -> None:
        self._connection = connection or superuser()
        self._owned = owned_tables()
        self._others = [
            table
            for table in tables().values()
            if not table.owner and not table.partition and table.name not in KEPT_TABLES | PASSING
        ]
        self._connection.execute(f"DROP SCHEMA IF EXISTS {KEPT} CASCADE; CREATE SCHEMA {KEPT}")
        for table in (*self._owned, *self._others):
            self._connection.execute(f'CREATE TABLE {KEPT}."{table.name}" AS SELECT * FROM "{table.name}"')
        self._digests = self._read_digests()

    def put_back(self, watched: Marks) -> set[str]:
        """All rows as they were; the tables in which rows of the one watched were not."""
        now = self._read_digests()
        places = {place for place in self._digests.keys() | now.keys() if self._digests.get(place) != now.get(place)}
        names = {name for name, _ in places}
        statements = [_put_back(table) for table in (*self._owned, *self._others) if table.name in names]
        if statements:
            self._connection.execute("; ".join(statements))
        return {name for name, owner in places if owner == watched.number}

    @contextmanager
    def without(self, marks: Marks) -> Iterator[None]:
        """As if the tenant had never been."""
        mine = [(table, f'"{table.owner}" = {marks.number}') for table in self._owned]
        self._connection.execute("; ".join(f'DELETE FROM "{table.name}" WHERE {where}' for table, where in mine))
        try:
            yield
        finally:
            self._connection.execute("; ".join(_put_back(table, where) for table, where in mine))

    def forget(self) -> None:
        self._connection.execute(f"DROP SCHEMA IF EXISTS {KEPT} CASCADE")

    def _read_digests(self) -> dict[tuple[str, int], str]:
        parts = [_digest_of(table) for table in (*self._owned, *self._others)]
        rows = self._connection.execute(" UNION ALL ".join(parts)).fetchall()
        return {(name, owner): digest for name, owner, digest in rows}


class TwoStocks(Stock):
    """Of the main database, and of the one where B lives."""

    def __init__(self, second: "psycopg.Connection[tuple[Any, ...]]") -> None:
        super().__init__()
        self._second = Stock(second)

    def put_back(self, watched: Marks) -> set[str]:
        return super().put_back(watched) | self._second.put_back(watched)

    @contextmanager
    def without(self, marks: Marks) -> Iterator[None]:
        with super().without(marks), self._second.without(marks):
            yield

    def forget(self) -> None:
        super().forget()
        self._second.forget()


def _digest_of(table: Table) -> str:
    owner = f'"{table.owner}"' if table.owner else "0"
    return (
        f"SELECT '{table.name}', {owner}::bigint, md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) "
        f'FROM "{table.name}" t GROUP BY 2'
    )


def _put_back(table: Table, where: str = "true") -> str:
    columns = ", ".join(f'"{column}"' for column in table.columns)
    return (
        f'DELETE FROM "{table.name}" WHERE {where}; INSERT INTO "{table.name}" ({columns}) OVERRIDING SYSTEM VALUE '
        f'SELECT {columns} FROM {KEPT}."{table.name}" WHERE {where}'
    )


def rows_about(marks: Marks, *, of: Marks) -> list[str]:
    """`table: row` of each row of one tenant that speaks of the other."""
    found = []
    for table in owned_tables():
        query = f'SELECT t::text FROM "{table.name}" t WHERE "{table.owner}" = %s'
        texts: list[tuple[Any, ...]] = read(query, [of.number])
        found += [f"{table.name}: {text}" for (text,) in texts if marks.known_to(text)]
    return found
