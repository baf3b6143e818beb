"""Row-level security and grants of webhooks."""

from typing import Any

from django.db import migrations

from tenants.rls import ALL, ProtectTable, grant


def system_only(apps: Any, schema_editor: Any) -> None:
    """No row-level security: it belongs to no tenant, and only the system role gets to it."""
    schema_editor.execute(grant(ALL, "tenants_feedcursor", system=True))


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_webhooks")]

    operations = [
        migrations.RunPython(system_only, migrations.RunPython.noop),
        ProtectTable("Webhook"),
        ProtectTable("WebhookDelivery"),
    ]
