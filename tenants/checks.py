"""System checks: misconfiguration shows by id before it shows by accident."""

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.db import connections

from tenants.context import APP_ALIAS, SYSTEM_ALIAS
from tenants.databases.names import is_known


@register("database", deploy=False)
def roles_are_unprivileged(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The runtime roles must not be able to switch row-level security off (`check --database default`)."""
    messages: list[CheckMessage] = []
    for alias in databases or []:
        if alias.partition("@")[0] not in (APP_ALIAS, SYSTEM_ALIAS):
            continue
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
            role, privileged = cursor.fetchone()
        if privileged:
            messages.append(
                Error(
                    f"database role {role!r} (alias {alias}) is a superuser or bypasses row-level security",
                    hint="Run manage.py setup_database and use the roles that it creates.",
                    id="tenants.E001",
                )
            )
    return messages


@register("database", deploy=False)
def homes_are_known(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Every database that a tenant lives in has an address (`check --database system`)."""
    if SYSTEM_ALIAS not in (databases or []):
        return []
    with connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute("SELECT database, min(slug) FROM tenants_tenant GROUP BY 1 ORDER BY 1")
        homes = cursor.fetchall()
    return [
        Error(
            f"tenant {slug!r} lives in the database {database!r}, which CSMS_TENANT_DATABASES doesn't name",
            hint="Name it for every process (docs/tenants.md).",
            id="tenants.E002",
        )
        for database, slug in homes
        if not is_known(database)
    ]
