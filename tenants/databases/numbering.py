"""Numbers of databases, and ids that are apart: a row keeps its id wherever its tenant lives, and comes back with it.

Database n gives ids n, n + 1000, n + 2000... (the main one has 0), each beyond what the main one had given before. So no
two of them ever give the same, and a sequence may be moved forward at will: ids of the feed must grow wherever the tenant
lives. What was given before there was a second database stays as it is.

Done by `manage.py migrate` under the owner's login, wherever a sequence isn't so yet; without another database nothing is.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction

from tenants.databases.directory import is_in_directory
from tenants.databases.names import MAIN, MAIN_WORD, OWNER, alias_of, called
from tenants.owned import owned_models

STEP = 1000
# Protocol ids: 32 bits, given by a sequence of their own, each used once by a station for a long time.
FREE_SEQUENCES = """
SELECT c.relname FROM pg_class c WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace
AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i')) ORDER BY 1
"""
OUTBOX = "tenants_outboxevent_id_seq"


class WrongDatabase(Exception):
    """An address leads to another database than the one that it is named for."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """How far it has come, and by which steps."""

    last: int
    step: int


def number_of(database: str) -> int:
    """Registered in the main database and in itself: the same ever after. WrongDatabase where it is another one."""
    word = called(database)
    with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
        cursor.execute("LOCK TABLE tenants_databaseidentity IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("SELECT name, number FROM tenants_databaseidentity")
        known: dict[str, int] = dict(cursor.fetchall())
        missing = [name for name in dict.fromkeys((MAIN_WORD, word)) if name not in known]
        for name in missing:
            known[name] = 0 if name == MAIN_WORD else max([0, *known.values()]) + 1
            if known[name] >= STEP:
                raise WrongDatabase(f"there are {STEP - 1} other databases already: no more numbers")
            _insert(cursor, name, known[name])
    if database != MAIN:
        _sign(database, known[word])
    return known[word]


def _sign(database: str, number: int) -> None:
    """The database itself says who it is."""
    with transaction.atomic(using=alias_of(OWNER, database)), connections[alias_of(OWNER, database)].cursor() as cursor:
        own = _identities(cursor)
        if not own:
            _insert(cursor, database, number)
        elif own != {database: number}:
            raise WrongDatabase(f"the database at the address of {database!r} is {_said(own)}")


def check_identity(database: str, cursor: Any) -> None:
    """WrongDatabase unless the connection leads to the database of that name, made ready by `manage.py migrate`."""
    own = _identities(cursor)
    if not own:
        raise WrongDatabase(f"the database {called(database)} has no number yet: run manage.py migrate")
    if (called(database) not in own) if database == MAIN else set(own) != {database}:
        raise WrongDatabase(f"the database at the address of {called(database)!r} is {_said(own)}")


def _identities(cursor: Any) -> dict[str, int]:
    cursor.execute("SELECT name, number FROM tenants_databaseidentity")
    return dict(cursor.fetchall())


def _said(own: dict[str, int]) -> str:
    return "the main one" if MAIN_WORD in own else f"that of {', '.join(sorted(own))}"


def _insert(cursor: Any, name: str, number: int) -> None:
    cursor.execute(
        "INSERT INTO tenants_databaseidentity (name, number, made_at) VALUES (%s, %s, now())", [name, number]
    )


def id_sequences(cursor: Any) -> list[str]:
    """Of the tables whose rows live with their tenant."""
    found = []
    for model in owned_models():
        if is_in_directory(model) or "id" not in {field.column for field in model._meta.concrete_fields}:
            continue
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [model._meta.db_table])
        if name := cursor.fetchone()[0]:
            found.append(str(name).removeprefix("public."))
    return sorted(set(found))


def free_sequences(cursor: Any) -> list[str]:
    """Those that belong to no table."""
    cursor.execute(FREE_SEQUENCES)
    return [name for (name,) in cursor.fetchall()]


def read_sequence(cursor: Any, name: str) -> Sequence:
    cursor.execute(
        f'SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END, p.seqincrement FROM "{name}" s, pg_sequence p '
        "WHERE p.seqrelid = %s::regclass",
        [f'"{name}"'],
    )
    return Sequence(*cursor.fetchone())


def spread_ids(database: str) -> int:
    """Give every sequence of ids of the database its steps; how many had others. The main one's must have theirs already."""
    number, spread = number_of(database), 0
    with connections[alias_of(OWNER, database)].cursor() as cursor:
        names = id_sequences(cursor)
    for name in names:
        spread += _spread(database, name, number)
    return spread


def _spread(database: str, name: str, number: int) -> bool:
    beyond = 0
    if database != MAIN:
        with connections[OWNER].cursor() as cursor:
            beyond = read_sequence(cursor, name).last
    alias = alias_of(OWNER, database)
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        if read_sequence(cursor, name).step == STEP:
            return False
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        # From here on nobody takes a number until this has committed.
        cursor.execute(f'ALTER SEQUENCE "{name}" INCREMENT BY {STEP}')
        _restart(cursor, name, number, max(beyond, read_sequence(cursor, name).last))
    return True


def _restart(cursor: Any, name: str, number: int, beyond: int) -> None:
    following = (beyond // STEP + 1) * STEP + number
    cursor.execute(f'ALTER SEQUENCE "{name}" RESTART WITH {following}')


def advance(database: str, name: str, beyond: int) -> None:
    """The next number is greater than `beyond`. For one that is spread, or one that belongs to no table."""
    alias, number = alias_of(OWNER, database), number_of(database)
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        sequence = read_sequence(cursor, name)
        if sequence.last >= beyond:
            return
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        if sequence.step == STEP:
            _restart(cursor, name, number, beyond)
        else:
            cursor.execute("SELECT setval(%s::regclass, %s)", [f'"{name}"', beyond])
