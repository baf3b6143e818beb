"""`scripts/backup FOLDER`: the database and the files of stations, of one moment, while the system runs.

The database is dumped from a snapshot that is held open meanwhile; what the dump must contain is read from that same
snapshot into `manifest.json`, so that `scripts/restore` can say whether all of it is back. Files are copied after the
database: a row of the snapshot names no file that isn't there yet.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg

from csms.local.catalog import count_rows, read_catalog
from csms.local.files import explain, read_json, write_json
from csms.local.postgres import ADMINISTRATOR, binaries
from csms.local.problem import StartProblem
from csms.local.system import DATABASE

ROOT = Path(__file__).resolve().parent.parent.parent
FORMAT = 1
# libpq's variables: on a command line other users of the machine could read the password.
VARIABLES = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY"}


def main() -> int:
    """Exit code 1 after a problem that was said in one line."""
    options = _options()
    try:
        print(f"  {back_up(backup_url(), data_folder() / 'media', options.folder, count=options.count_rows)}")
    except StartProblem as problem:
        print(f"scripts/backup: {problem}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"scripts/backup: {explain(error, options.folder)}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/backup", description="Back up the database and the stations' files.")
    parser.add_argument("folder", type=Path, help="where the backup's own folder is made")
    parser.add_argument("--count-rows", action="store_true", help="note how many rows each table has (reads them all)")
    return parser.parse_args()


def back_up(url: str, media: Path, folder: Path, *, count: bool = False) -> Path:
    """Make `folder/csms-TIME`; its path. StartProblem where the login may not read everything."""
    made_at = datetime.now(UTC)
    target = folder / f"csms-{made_at:%Y%m%dT%H%M%SZ}"
    draft = target.with_name(f".{target.name}.draft")
    draft.mkdir(mode=0o700, parents=True)
    try:
        with _connect(url) as connection:
            # One moment for the dump and for what is noted of it.
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute("SET LOCAL row_security = off")
            ((snapshot,),) = connection.execute("SELECT pg_export_snapshot()").fetchall()
            manifest = {
                "format": FORMAT,
                "made_at": made_at.isoformat(),
                "postgres": connection.info.server_version,
                "catalog": read_catalog(connection),
                "migrations": [" ".join(row) for row in connection.execute("SELECT app, name FROM django_migrations")],
                "rows": count_rows(connection) if count else None,
            }
            run_tool(
                "pg_dump",
                url,
                "--format=custom",
                f"--snapshot={snapshot}",
                f"--file={draft / 'database.dump'}",
                folder=draft,
            )
        _pack(media, draft / "media.tar")
        write_json(draft / "manifest.json", manifest)
        draft.rename(target)
    except psycopg.Error as error:
        raise StartProblem(f"The database can't be read: {str(error).splitlines()[0]}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def backup_url() -> str:
    """DATABASE_BACKUP_URL, else the embedded database of `scripts/run`."""
    if given := os.environ.get("DATABASE_BACKUP_URL"):
        return given
    return embedded_url(DATABASE)


def embedded_url(database: str) -> str:
    """The administrator of the embedded PostgreSQL. StartProblem where there is none."""
    state = read_json(data_folder() / "postgres" / "state.json")
    if "port" not in state:
        raise StartProblem(
            "Name a login that may read all rows (a superuser, or one with BYPASSRLS and pg_read_all_data) in "
            "DATABASE_BACKUP_URL: there is no embedded database here."
        )
    return f"postgresql://{ADMINISTRATOR}:{state['password']}@127.0.0.1:{state['port']}/{database}"


def data_folder() -> Path:
    return Path(os.environ.get("CSMS_DATA_DIR") or ROOT / ".data").resolve()


def tool(name: str) -> str:
    """PostgreSQL's own program: from CSMS_PG_BIN, else the embedded ones, else the path. As new as the server, or newer."""
    if given := os.environ.get("CSMS_PG_BIN"):
        return str(Path(given) / name)
    try:
        return str(binaries() / name)
    except StartProblem:
        if found := shutil.which(name):
            return found
        raise StartProblem(f"{name} is not installed: name the folder that has it in CSMS_PG_BIN.") from None


def run_tool(name: str, url: str, *arguments: str, folder: Path) -> None:
    """Run it against the database of `url`. StartProblem with its last words."""
    parts = urlsplit(url)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    given = {
        "PGHOST": parts.hostname or "127.0.0.1",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
    }
    given |= {VARIABLES[key]: value for key, value in parse_qsl(parts.query) if key in VARIABLES}
    done = subprocess.run(  # noqa: S603 (PostgreSQL's own programs)
        [tool(name), *arguments], env=environment | given, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise StartProblem(f"{name} failed: {lines[0] if lines else f'exit {done.returncode}'}")


def _connect(url: str) -> "psycopg.Connection[tuple[str, ...]]":
    return psycopg.connect(url, autocommit=True, connect_timeout=10)


def _pack(media: Path, target: Path) -> None:
    """Files may vanish meanwhile, past their keeping: then no row that is kept needs them."""
    with tarfile.open(target, "w") as archive:
        for path in sorted(media.rglob("*")) if media.is_dir() else ():
            if path.is_file():
                try:
                    archive.add(path, arcname=str(path.relative_to(media)), recursive=False)
                except FileNotFoundError:
                    continue


def read_manifest(backup: Path) -> dict[str, object]:
    """StartProblem where the folder is no backup of ours."""
    try:
        manifest = json.loads((backup / "manifest.json").read_text())
    except (OSError, ValueError):
        manifest = {}
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise StartProblem(f"{backup} is no backup made by scripts/backup.")
    return manifest


if __name__ == "__main__":
    sys.exit(main())
