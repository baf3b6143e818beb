"""Sends each query to the connection of the open scope (`tenants.context`)."""

from typing import Any

from django.db.models import Model

from tenants.context import APP_ALIAS, SYSTEM_ALIAS, current_scope

# Sign-in state belongs to no tenant; the app role has no grant on it.
SYSTEM_ONLY_APPS = {"sessions"}
OWNER_ALIAS = "owner"


class ScopeRouter:
    """Django database router: the alias of the open scope; migrations run as the owner only."""

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        # Only the system role may change people (Django notes each sign-in).
        return SYSTEM_ALIAS if model._meta.label == "tenants.User" else self.db_for_read(model, **hints)

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        if model._meta.app_label in SYSTEM_ONLY_APPS:
            return SYSTEM_ALIAS
        scope = current_scope()
        return scope.alias if scope else APP_ALIAS

    def allow_relation(self, first: Model, second: Model, **hints: Any) -> bool:
        """The aliases are logins to one database, so any two rows may be related."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == OWNER_ALIAS
