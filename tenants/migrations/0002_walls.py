"""Row-level security and grants: the runtime roles get what they need and no more."""

from typing import Any

from django.conf import settings
from django.db import migrations

from tenants.partitions import CREATE_FUNCTIONS, DROP_FUNCTIONS, function_grants
from tenants.rls import ALL, ProtectTable, grant

PEOPLE_VISIBLE = "id IN (SELECT user_id FROM tenants_membership)"


def people_policies(apps: Any, schema_editor: Any) -> None:
    """People are visible to the tenants that they belong to; their passwords to the system role only."""
    app_role, system_role = settings.DATABASE_APP_ROLE, settings.DATABASE_SYSTEM_ROLE
    visible = "id, username, first_name, last_name, email, is_active, is_staff, is_superuser, date_joined, last_login"
    for statement in (
        "ALTER TABLE tenants_user ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE tenants_user FORCE ROW LEVEL SECURITY",
        f'CREATE POLICY own_tenant ON tenants_user FOR SELECT TO "{app_role}" USING ({PEOPLE_VISIBLE})',
        f'CREATE POLICY all_tenants ON tenants_user TO "{system_role}" USING (true) WITH CHECK (true)',
        f'GRANT SELECT ({visible}) ON tenants_user TO "{app_role}"',
        grant(ALL, "tenants_user", system=True),
        grant(ALL, "tenants_user_groups", system=True),
        grant(ALL, "tenants_user_user_permissions", system=True),
        grant("SELECT", "auth_permission", app=True, system=True),
        grant("SELECT", "auth_group", system=True),
        grant("SELECT", "auth_group_permissions", system=True),
        grant("SELECT", "django_content_type", app=True, system=True),
        grant("SELECT", "django_migrations", app=True, system=True),
        grant(ALL, "django_session", system=True),
    ):
        schema_editor.execute(statement)


def schema_usage(apps: Any, schema_editor: Any) -> None:
    """Use of the schema, and its sequences (ids only, no data)."""
    roles = f'"{settings.DATABASE_APP_ROLE}", "{settings.DATABASE_SYSTEM_ROLE}"'
    schema_editor.execute(f"GRANT USAGE ON SCHEMA public TO {roles}")
    schema_editor.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {roles}")
    schema_editor.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {roles}")
    schema_editor.execute(function_grants())


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0001_initial"),
        ("sessions", "0001_initial"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.RunSQL(CREATE_FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunPython(schema_usage, migrations.RunPython.noop),
        ProtectTable("Tenant", app="SELECT, UPDATE", tenant_column="id"),
        ProtectTable("Membership"),
        ProtectTable("ApiKey"),
        # The trail is written and read, never changed.
        ProtectTable("AuditEntry", app="SELECT, INSERT", system="SELECT, INSERT, DELETE"),
        ProtectTable("OutboxEvent", app="SELECT, INSERT", system="SELECT, INSERT, DELETE"),
        ProtectTable("IdempotentAnswer", system="SELECT, DELETE"),
        migrations.RunPython(people_policies, migrations.RunPython.noop),
    ]
