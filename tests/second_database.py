"""A second database on the tests' server, for tenants that have one of their own: made once for a worker, emptied after use."""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections

from csms.local.testing import STARTED, make_database
from csms.settings.database import aliases_of
from tenants.databases import each, placement
from tenants.databases.move import Work, begin_move, go_on
from tenants.databases.names import APP, MAIN, OWNER, SYSTEM, alias_of
from tenants.databases.numbering import id_sequences, spread_ids
from tenants.databases.rows import moved_tables
from tenants.models import Tenant
from tests.conftest import FILLED, KEPT_TABLES

SPARE = "spare"


def _name() -> str:
    return f"{connections[OWNER].settings_dict['NAME']}_{SPARE}"


def spare_urls() -> dict[str, str]:
    """As CSMS_TENANT_DATABASES names it."""
    variables = {"app": "DATABASE_URL", "system": "DATABASE_SYSTEM_URL", "owner": "DATABASE_OWNER_URL"}
    return {login: os.environ[name].rpartition("/")[0] + "/" + _name() for login, name in variables.items()}


@functools.cache
def spare_administrator() -> "psycopg.Connection[tuple[Any, ...]]":
    """Past row-level security and foreign keys."""
    make_database(_name())
    aliases = aliases_of(SPARE, spare_urls(), pool=True)
    connections.settings.update(connections.configure_settings({**connections.settings, **aliases}))
    connection = psycopg.connect(os.environ[STARTED].rpartition("/")[0] + f"/{_name()}", autocommit=True)
    connection.execute("SET session_replication_role = replica")
    return connection


@contextmanager
def second_database() -> Iterator[str]:
    """The name of a second database that this process knows; afterwards it is empty, and nobody knows it any more."""
    administrator = spare_administrator()
    before = settings.TENANT_DATABASES
    settings.TENANT_DATABASES = (SPARE,)
    placement.forget()
    each._resting.clear()
    try:
        for database in (MAIN, SPARE):
            spread_ids(database)
        yield SPARE
    finally:
        settings.TENANT_DATABASES = before
        placement.forget()
        for login in (APP, SYSTEM, OWNER):
            connections[alias_of(login, SPARE)].close()
        filled = [name for name, _ in administrator.execute(FILLED) if name not in KEPT_TABLES]
        if filled:
            administrator.execute("; ".join(f'DELETE FROM "{name}"' for name in filled))
        _dense_again()


def _dense_again() -> None:
    """Other tests have one database."""
    with connections[OWNER].cursor() as cursor:
        for name in id_sequences(cursor):
            cursor.execute(f'ALTER SEQUENCE "{name}" INCREMENT BY 1')


def move_to(tenant: Tenant, database: str) -> dict[str, int]:
    """At once: nothing is at work for it."""
    move = begin_move(slug=tenant.slug, target=database, actor="test")
    copied = go_on(move, Work(still_at_work=lambda tenant: "", settle_s=0.0))
    tenant.refresh_from_db(using=SYSTEM)
    return copied


def rows_in(database: str, table: str, tenant_id: int) -> int:
    """Past all walls."""
    with psycopg.connect(os.environ[STARTED].rpartition("/")[0] + f"/{_database_name(database)}") as connection:
        row = connection.execute(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", [tenant_id]).fetchone()
    assert row is not None
    return int(row[0])


def _database_name(database: str) -> str:
    return str(connections[alias_of(OWNER, database)].settings_dict["NAME"])


def digests_of(database: str, tenant_id: int) -> dict[str, tuple[int, str]]:
    """Of the tenant's rows in each table that moves: their number, and what they say."""
    found = {}
    with psycopg.connect(os.environ[STARTED].rpartition("/")[0] + f"/{_database_name(database)}") as connection:
        connection.execute("SET timezone = 'UTC'")
        for table in moved_tables():
            row = connection.execute(
                f"SELECT count(*), coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') "
                f"FROM {table.name} t WHERE tenant_id = {tenant_id}"
            ).fetchone()
            assert row is not None
            found[table.name] = (int(row[0]), str(row[1]))
    return found
