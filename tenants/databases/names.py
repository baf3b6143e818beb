"""Names of databases, and the aliases that Django's connections to them have."""

import re

from django.conf import settings

# The database of DATABASE_URL, where every tenant lives that no other place is noted for.
MAIN = ""
# What people call it.
MAIN_WORD = "main"
VALID = re.compile(r"^[a-z0-9][a-z0-9-]{0,31}\Z")
APP, SYSTEM, OWNER = "default", "system", "owner"


def own_databases() -> tuple[str, ...]:
    """Those named by CSMS_TENANT_DATABASES, beside the main one."""
    names: tuple[str, ...] = settings.TENANT_DATABASES
    return names


def all_databases() -> tuple[str, ...]:
    """The main one first."""
    return (MAIN, *own_databases())


def is_known(database: str) -> bool:
    """Whether this process has an address for it."""
    return database == MAIN or database in own_databases()


def alias_of(login: str, database: str) -> str:
    """`login`: APP, SYSTEM or OWNER. The main database's are the plain words."""
    return f"{login}@{database}" if database else login


def called(database: str) -> str:
    """For people."""
    return database or MAIN_WORD
