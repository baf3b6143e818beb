"""System checks: misconfiguration shows by id before it shows by accident."""

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.db import connections

from tenants.context import APP_ALIAS, SYSTEM_ALIAS


@register("database", deploy=False)
def roles_are_unprivileged(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The runtime roles must not be able to switch row-level security off (`check --database default`)."""
    messages: list[CheckMessage] = []
    for alias in (APP_ALIAS, SYSTEM_ALIAS):
        if alias not in (databases or []):
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
