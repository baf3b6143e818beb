"""`scripts/restore BACKUP DATABASE`: a backup into a new database, beside whatever else the server has.

The three logins must be there (docs/deploy/roles.sh; `scripts/run` makes its own). Afterwards the restored database is
compared with what the backup noted of the original: walls, grants, keys and partitions, and the rows where they were counted.
"""

import argparse
import os
import re
import sys
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from csms.local.backup import embedded_url, read_manifest, run_tool
from csms.local.catalog import count_rows, differences, read_catalog
from csms.local.files import explain
from csms.local.problem import StartProblem
from csms.local.roles import APP, OWNER, SYSTEM, ensure_database

JOBS = 4
MOST_SAID = 20
TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"


def main() -> int:
    """Exit code 1 after a problem that was said in one line, 2 where the copy is not what was backed up."""
    options = _options()
    try:
        url = administrator_url(options.database)
        found = restore(options.backup, url, jobs=options.jobs)
        if options.media is not None:
            unpack(options.backup / "media.tar", options.media)
    except StartProblem as problem:
        print(f"scripts/restore: {problem}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"scripts/restore: {explain(error, options.backup)}", file=sys.stderr)
        return 1
    for line in found[:MOST_SAID]:
        print(f"scripts/restore: {line}", file=sys.stderr)
    if not found:
        print(f"  {options.database} is as it was backed up.")
    return 2 if found else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/restore", description="Restore a backup into a new database.")
    parser.add_argument("backup", type=Path, help="the folder that scripts/backup made")
    parser.add_argument("database", help="name of the database to be made")
    parser.add_argument("--media", type=Path, help="put the stations' files there")
    parser.add_argument("--jobs", type=int, default=JOBS, help="connections that load side by side")
    return parser.parse_args()


def administrator_url(database: str) -> str:
    """DATABASE_ADMIN_URL (a superuser's, its database doesn't count), else that of the embedded database."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", database):
        raise StartProblem(f"{database!r} is no name for a database: lower-case letters, digits and underscores.")
    if given := os.environ.get("DATABASE_ADMIN_URL"):
        return urlunsplit(urlsplit(given)._replace(path=f"/{database}"))
    return embedded_url(database)


def restore(backup: Path, url: str, *, jobs: int = JOBS) -> list[str]:
    """Make the database of `url` from `backup`; in what the copy differs. StartProblem where it holds tables already."""
    manifest = read_manifest(backup)
    try:
        _prepare(url)
        run_tool(
            "pg_restore",
            url,
            "--exit-on-error",
            f"--jobs={jobs}",
            f"--dbname={urlsplit(url).path.lstrip('/')}",
            str((backup / "database.dump").resolve()),
            folder=backup,
        )
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            _grant_on_database(connection)
            connection.execute("ANALYZE")
            return _compare(manifest, connection)
    except psycopg.Error as error:
        raise StartProblem(f"The database can't be restored: {str(error).splitlines()[0]}") from None


def _prepare(url: str) -> None:
    """The database, empty, and the logins that the dump names."""
    parts = urlsplit(url)
    database = parts.path.lstrip("/")
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True, connect_timeout=10) as admin:
        known = {row[0] for row in admin.execute("SELECT rolname FROM pg_roles")}
        missing = [role for role in (OWNER, APP, SYSTEM) if role not in known]
        if missing:
            raise StartProblem(f"The server lacks the logins {', '.join(missing)}: docs/deploy/roles.sh makes them.")
        ensure_database(admin, database, OWNER)
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        ((tables,),) = connection.execute(TABLES).fetchall()
        if tables:
            raise StartProblem(f"The database {database} has tables already: name a new one.")


def _grant_on_database(connection: "psycopg.Connection[Any]") -> None:
    """Grants on the database itself are not part of its dump (the aggregation sorts in temporary tables)."""
    statement = sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}")
    connection.execute(statement.format(sql.Identifier(connection.info.dbname), sql.Identifier(SYSTEM)))


def _compare(manifest: dict[str, Any], connection: "psycopg.Connection[Any]") -> list[str]:
    found = differences(manifest["catalog"], read_catalog(connection))
    if manifest["rows"] is not None:
        counts = count_rows(connection)
        found += [
            f"rows of {table}: {rows}, and {counts.get(table, 0)} were restored"
            for table, rows in manifest["rows"].items()
            if counts.get(table, 0) != rows
        ]
    return found


def unpack(archive: Path, media: Path) -> None:
    """The stations' files; no member may lead out of the folder."""
    media.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as packed:
        packed.extractall(media, filter="data")


if __name__ == "__main__":
    sys.exit(main())
