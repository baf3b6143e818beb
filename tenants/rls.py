"""Row-level security: the database keeps tenants apart (DESIGN §5).

A migration lists `ProtectTable("Model", ...)` after creating the table of a tenant-owned model; a test
fails for any that doesn't. Each such table gets FORCE ROW LEVEL SECURITY, a policy for the app role on
`csms.tenant_id`, an open policy for the system role, the grants named, a unique (tenant_id, id), and
foreign keys made composite with tenant_id, so that no row can point into another tenant.
"""

from typing import Any

from django.apps.registry import Apps
from django.conf import settings
from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

CURRENT_TENANT = "(SELECT NULLIF(current_setting('csms.tenant_id', true), '')::bigint)"
ALL = "SELECT, INSERT, UPDATE, DELETE"


class TenantForeignKey(models.ForeignKey[Any, Any]):
    """A reference inside one tenant's data. ProtectTable gives it its (composite) constraint."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        return name, path, args, kwargs


class TenantOneToOneField(models.OneToOneField[Any, Any]):
    """As TenantForeignKey, at most one row for each target."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        return name, path, args, kwargs


def policy_sql(table: str, *, tenant_column: str, app: str, system: str) -> list[str]:
    """The statements that wall a table off. `app` and `system` are lists of privileges, maybe empty."""
    app_role, system_role = settings.DATABASE_APP_ROLE, settings.DATABASE_SYSTEM_ROLE
    mine = f"{tenant_column} = {CURRENT_TENANT}"
    statements = [
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
        f'CREATE POLICY own_tenant ON "{table}" TO "{app_role}" USING ({mine}) WITH CHECK ({mine})',
        f'CREATE POLICY all_tenants ON "{table}" TO "{system_role}" USING (true) WITH CHECK (true)',
    ]
    if app:
        statements.append(f'GRANT {app} ON "{table}" TO "{app_role}"')
    if system:
        statements.append(f'GRANT {system} ON "{table}" TO "{system_role}"')
    return statements


def composite_keys_sql(model: type[models.Model]) -> list[str]:
    """UNIQUE (tenant_id, id) where there is an id, and one composite foreign key for each TenantForeignKey."""
    table = model._meta.db_table
    statements = []
    # Nothing refers to a table without a key of one column.
    if model._meta.pk.name == "id":
        statements.append(f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_tenant_uniq" UNIQUE (tenant_id, id)')
    for field in model._meta.local_fields:
        if not isinstance(field, TenantForeignKey | TenantOneToOneField):
            continue
        target = field.related_model._meta.db_table
        # The application deletes dependants itself; NULLing only the reference keeps tenant_id in place.
        action = f"ON DELETE SET NULL ({field.column})" if field.null else ""
        statements.append(
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{field.column}_tenant_fk" '
            f'FOREIGN KEY (tenant_id, {field.column}) REFERENCES "{target}" (tenant_id, id) {action} '
            "DEFERRABLE INITIALLY DEFERRED"
        )
    return statements


class ProtectTable(Operation):
    """Migration operation: row-level security, grants and composite keys for one model's table."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, name: str, *, app: str = ALL, system: str = ALL, tenant_column: str = "tenant_id") -> None:
        self.name, self.app, self.system, self.tenant_column = name, app, system, tenant_column

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        return None

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if not self.allow_migrate_model(schema_editor.connection.alias, _model(to_state.apps, app_label, self.name)):
            return
        model = _model(to_state.apps, app_label, self.name)
        table = model._meta.db_table
        keys = composite_keys_sql(model) if self.tenant_column == "tenant_id" else []
        for statement in policy_sql(table, tenant_column=self.tenant_column, app=self.app, system=self.system) + keys:
            schema_editor.execute(statement)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = _model(from_state.apps, app_label, self.name)._meta.db_table
        for policy in ("own_tenant", "all_tenants"):
            schema_editor.execute(f'DROP POLICY IF EXISTS {policy} ON "{table}"')

    def describe(self) -> str:
        return f"Row-level security on {self.name}"


def _model(apps: Any, app_label: str, name: str) -> type[models.Model]:
    registry: Apps = apps
    return registry.get_model(app_label, name)


def grant(privileges: str, table: str, *, app: bool = False, system: bool = False) -> str:
    """A GRANT statement for tables that belong to no tenant (sessions, content types, people)."""
    roles = [settings.DATABASE_APP_ROLE] * app + [settings.DATABASE_SYSTEM_ROLE] * system
    return f'GRANT {privileges} ON "{table}" TO {", ".join(f"{chr(34)}{role}{chr(34)}" for role in roles)}'
