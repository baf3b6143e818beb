"""Where a tenant lives: `Tenant.database` in the main database says it, each process remembers it for a while.

What is remembered may be wrong for a moment after a move. Whoever then comes to the old place is refused there by the
database (`tenants.databases.fence`), and looks again. Where no other database is named, nobody is asked.
"""

import time

from django.db import connections

from tenants.databases.names import MAIN, SYSTEM, is_known, own_databases

REMEMBERED_S = 60.0
# Tenant -> (its database, when to look again).
_known: dict[int, tuple[str, float]] = {}


class UnknownDatabase(RuntimeError):
    """A tenant lives in a database that CSMS_TENANT_DATABASES of this process doesn't name."""


def database_of(tenant_id: int) -> str:
    """Its name (MAIN: the shared one). UnknownDatabase; the database's errors where the main one has to be asked."""
    if not own_databases():
        return MAIN
    known = _known.get(tenant_id)
    if known is not None and time.monotonic() < known[1]:
        return known[0]
    return look_again(tenant_id)


def remembered_database_of(tenant_id: int) -> str:
    """As far as this process knows, without asking: for the event loop, about tenants that have signed in here."""
    known = _known.get(tenant_id)
    return known[0] if known is not None and own_databases() else MAIN


def look_again(tenant_id: int) -> str:
    """Ask the main database. A tenant that isn't there counts as living in the main one: it has no rows anywhere."""
    with connections[SYSTEM].cursor() as cursor:
        cursor.execute("SELECT database FROM tenants_tenant WHERE id = %s", [tenant_id])
        row = cursor.fetchone()
    database = row[0] if row else MAIN
    remember(tenant_id, database)
    if not is_known(database):
        raise UnknownDatabase(
            f"tenant {tenant_id} lives in the database {database!r}: name it in CSMS_TENANT_DATABASES"
        )
    return database


def remember(tenant_id: int, database: str) -> None:
    """Seen in a row of the main database just now."""
    if own_databases():
        _known[tenant_id] = (database, time.monotonic() + REMEMBERED_S)


def forget() -> None:
    """Of all tenants."""
    _known.clear()
