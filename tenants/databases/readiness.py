"""Whether two databases are fit for a move between them: said before anything is done, with what to do about it."""

from typing import Any

from django.db import DatabaseError, connections

from tenants.databases.names import APP, MAIN, OWNER, SYSTEM, alias_of, called
from tenants.databases.numbering import STEP, WrongDatabase, check_identity, id_sequences, read_sequence

MIGRATIONS = "SELECT app, name FROM django_migrations"
OWNS = "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = 'tenants_tenant'::regclass"


class NotReady(Exception):
    """What is in the way, and what to do about it."""


def check_ready(source: str, target: str) -> None:
    """NotReady unless both can be reached by all three logins, are migrated alike, and give ids that are apart."""
    applied = {database: _look_into(database) for database in (source, target)}
    if missing := applied[source] ^ applied[target]:
        behind = target if missing & applied[source] else source
        raise NotReady(
            f"{called(behind)} has not the migrations of the other ({len(missing)} differ): run manage.py migrate."
        )
    for database in {source, target, MAIN}:
        _check_numbering(database)


def _look_into(database: str) -> set[tuple[str, str]]:
    """The migrations that it has."""
    try:
        for login in (APP, SYSTEM):
            with connections[alias_of(login, database)].cursor() as cursor:
                cursor.execute("SELECT 1")
        with connections[alias_of(OWNER, database)].cursor() as cursor:
            check_identity(database, cursor)
            cursor.execute(OWNS)
            if not cursor.fetchone()[0]:
                raise NotReady(f"{called(database)}: the owner's login is not the owner of its tables.")
            cursor.execute(MIGRATIONS)
            return set(cursor.fetchall())
    except WrongDatabase as error:
        raise NotReady(f"{error}.") from None
    except DatabaseError as error:
        first_line = str(error).strip().partition("\n")[0]
        raise NotReady(f"{called(database)} can't be used: {first_line}") from None


def _check_numbering(database: str) -> None:
    with connections[alias_of(OWNER, database)].cursor() as cursor:
        wrong = [name for name in id_sequences(cursor) if not _is_spread(cursor, name)]
    if wrong:
        raise NotReady(f"{called(database)}: {wrong[0]} may give ids that others give too: run manage.py migrate.")


def _is_spread(cursor: Any, name: str) -> bool:
    return read_sequence(cursor, name).step == STEP
