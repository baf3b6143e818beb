"""The usual thresholds, for tenants that are there already. New ones get them when they are made."""

from typing import Any

from django.db import migrations

ADD_DEFAULTS = """
INSERT INTO metering_threshold
    (tenant_id, measurand, min_value, max_value, severity, minimum_duration_s, enabled, created_at)
SELECT t.id, d.measurand, d.min_value, d.max_value, d.severity, 0, true, now()
FROM tenants_tenant t CROSS JOIN (VALUES
    ('Power.Active.Import', NULL::numeric, 50000, 'warning'),
    ('Temperature', -10, 70, 'critical'),
    ('Voltage', 207, 253, 'warning'),
    ('Current.Import', NULL, 80, 'critical')
) AS d (measurand, min_value, max_value, severity)
WHERE NOT EXISTS (SELECT 1 FROM metering_threshold o WHERE o.tenant_id = t.id)
"""


def add_defaults(apps: Any, schema_editor: Any) -> None:
    """The owner is subject to row-level security like everyone: lifted for this transaction, which holds both tables."""
    tables = ("tenants_tenant", "metering_threshold")
    for table in tables:
        schema_editor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    schema_editor.execute(ADD_DEFAULTS)
    # The walls can't go up again while a check of the new rows is due.
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table in tables:
        schema_editor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


class Migration(migrations.Migration):
    dependencies = [("metering", "0005_walls_of_aggregates")]

    operations = [migrations.RunPython(add_defaults, migrations.RunPython.noop)]
