"""A tenant's rows as JSON lines, a file for each table, read in pages: no transaction outlives a page.

Secrets stay behind (hashes of passwords, sealed keys): an export is for people and other systems, not for restoring.
Decimals, times and identifiers are written by PostgreSQL, exactly as it has them.
"""

import gzip
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenants.context import in_database, system_connection, system_transaction
from tenants.databases.directory import is_in_directory
from tenants.databases.names import MAIN
from tenants.models import Tenant
from tenants.owned import OwnedTable, owned_tables

PAGE = 5000
_SECRET = re.compile(r"(password|password_hash|secret|_digest)$|^(private_key|key_hash|token_hash)$")
# Not the tenant's data: answers kept for a day, in case a request is sent again. New passwords are among them.
NOT_EXPORTED = frozenset({"tenants_idempotentanswer"})
# Told after each page: the table, how much of it is done (0 to 1), and the rows so far.
Progress = Callable[[str, float, int], None]


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file of the export; `sha256` (hex) of what lies on the disk."""

    name: str
    rows: int
    bytes: int
    sha256: str


def exported_columns(table: OwnedTable) -> list[str]:
    """All but secrets."""
    return [column for column in table.columns if not _SECRET.search(column)]


def export_tables(tenant: Tenant, folder: Path, progress: Progress) -> list[ExportedFile]:
    """Write `<table>.jsonl.gz` for every table, and the tenant itself, into `folder`. Each is on the disk on return."""
    written = []
    for table in owned_tables():
        if table.name not in NOT_EXPORTED:
            pages = _pages(tenant.pk, table, progress)
            with in_database(MAIN if is_in_directory(table.model) else tenant.database):
                written.append(_write(folder / f"{table.name}.jsonl.gz", pages))
    with in_database(MAIN):
        written.append(_write(folder / "tenants_tenant.jsonl.gz", iter([[_tenant_row(tenant)]])))
        written.append(_write(folder / "tenants_user.jsonl.gz", iter([_people(tenant)])))
    return written


def _pages(tenant_id: int, table: OwnedTable, progress: Progress) -> Iterator[list[str]]:
    rows = 0
    if not table.parent:
        total = _count(tenant_id, table)
        for page in _keyset(table, "tenant_id = %s", [tenant_id], table.key):
            rows += len(page)
            progress(table.name, rows / max(total, rows), rows)
            yield page
    else:
        parents = parent_ids(tenant_id, table)
        rest = tuple(column for column in table.key if column != table.parent_column)
        for number, parent in enumerate(parents, 1):
            where = f"tenant_id = %s AND {table.parent_column} = %s"
            for page in _keyset(table, where, [tenant_id, parent], rest):
                rows += len(page)
                yield page
            progress(table.name, number / len(parents), rows)
    progress(table.name, 1.0, rows)


def _keyset(table: OwnedTable, where: str, values: list[Any], key: tuple[str, ...]) -> Iterator[list[str]]:
    """Pages in the order of `key`; each begins behind the last row of the one before."""
    keys, prefixed = ", ".join(key), ", ".join(f"k.{column}" for column in key)
    shown = ", ".join(f"k.{column}" for column in exported_columns(table))
    after: list[Any] = []
    while True:
        beyond = f" AND ({keys}) > ({', '.join(['%s'] * len(key))})" if after else ""
        query = (
            f"SELECT row_to_json(x)::text, {prefixed} FROM "
            f"(SELECT * FROM {table.name} WHERE {where}{beyond} ORDER BY {keys} LIMIT {PAGE}) k "
            f"CROSS JOIN LATERAL (SELECT {shown}) x ORDER BY {prefixed}"
        )
        rows = _read(query, [*values, *after])
        if rows:
            yield [row[0] for row in rows]
        if len(rows) < PAGE:
            return
        after = list(rows[-1][1:])


def parent_ids(tenant_id: int, table: OwnedTable) -> list[int]:
    """What the rows of a table with a long key hang on."""
    return [row[0] for row in _read(f"SELECT id FROM {table.parent} WHERE tenant_id = %s ORDER BY id", [tenant_id])]


def _count(tenant_id: int, table: OwnedTable) -> int:
    return int(_read(f"SELECT count(*) FROM {table.name} WHERE tenant_id = %s", [tenant_id])[0][0])


def _tenant_row(tenant: Tenant) -> str:
    return str(_read("SELECT row_to_json(t)::text FROM tenants_tenant t WHERE id = %s", [tenant.pk])[0][0])


def _people(tenant: Tenant) -> list[str]:
    columns = "u.id, u.username, u.first_name, u.last_name, u.email, u.is_active, u.date_joined, u.last_login, m.role"
    return [
        row[0]
        for row in _read(
            f"SELECT row_to_json(x)::text FROM (SELECT {columns} FROM tenants_membership m "
            "JOIN tenants_user u ON u.id = m.user_id WHERE m.tenant_id = %s ORDER BY u.id) x",
            [tenant.pk],
        )
    ]


def _read(query: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with system_transaction(), system_connection().cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())


def _write(path: Path, pages: Iterator[list[str]]) -> ExportedFile:
    rows = 0
    with path.open("xb") as raw:
        with gzip.open(raw, "wt", encoding="utf-8", compresslevel=6) as out:
            for page in pages:
                out.writelines(f"{line}\n" for line in page)
                rows += len(page)
        raw.flush()
        os.fsync(raw.fileno())
    with path.open("rb") as stored:
        digest = hashlib.file_digest(stored, "sha256").hexdigest()
    return ExportedFile(path.name, rows, path.stat().st_size, digest)


def write_manifest(path: Path, content: dict[str, Any]) -> None:
    """What the export holds, with a digest of every file."""
    with path.open("x") as out:
        json.dump(content, out, indent=2, default=str)
        out.flush()
        os.fsync(out.fileno())
