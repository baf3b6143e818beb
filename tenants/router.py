"""Sends each query to the connection of the open scope (`tenants.context`)."""

from typing import Any

from django.db.models import Model

from tenants.context import APP_ALIAS, SYSTEM_ALIAS, current_scope, directory_alias
from tenants.databases.directory import is_in_directory
from tenants.databases.names import OWNER

# Sign-in state belongs to no tenant; the app role has no grant on it.
SYSTEM_ONLY_APPS = {"sessions"}
SYSTEM_ONLY_MODELS = {"tenants.BrowserSession", "tenants.Authenticator"}
OWNER_ALIAS = OWNER


class ScopeRouter:
    """Django database router: the alias of the open scope; migrations run as the owner only."""

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        # Only the system role may change people (Django notes each sign-in).
        if model._meta.label == "tenants.User":
            return SYSTEM_ALIAS
        # A tenant's row is changed where the directory is; other databases have a copy, which may be locked like the row.
        if model._meta.label == "tenants.Tenant" and isinstance(hints.get("instance"), model):
            return directory_alias()
        return self.db_for_read(model, **hints)

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        if model._meta.app_label in SYSTEM_ONLY_APPS or model._meta.label in SYSTEM_ONLY_MODELS:
            return SYSTEM_ALIAS
        scope = current_scope()
        if scope is None:
            return APP_ALIAS
        return directory_alias() if scope.database and is_in_directory(model) else scope.alias

    def allow_relation(self, first: Model, second: Model, **hints: Any) -> bool:
        """Of one database there are several logins, and what refers to the directory finds a copy: any two may be related."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db.partition("@")[0] == OWNER_ALIAS
