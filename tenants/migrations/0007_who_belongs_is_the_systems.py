"""Only the system role makes people members: a tenant sees its members' names, so it must not choose whom it sees."""

from django.conf import settings
from django.db import migrations

from tenants.rls import grant


def revoke_writes(apps, schema_editor):
    schema_editor.execute(f'REVOKE INSERT, UPDATE, DELETE ON "tenants_membership" FROM "{settings.DATABASE_APP_ROLE}"')


def grant_writes(apps, schema_editor):
    schema_editor.execute(grant("INSERT, UPDATE, DELETE", "tenants_membership", app=True))


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0006_usage_and_platform_trail"),
    ]

    operations = [
        migrations.RunPython(revoke_writes, grant_writes),
    ]
