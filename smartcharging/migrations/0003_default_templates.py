"""The usual templates, for tenants that are there already. New ones get them when they are made."""

from typing import Any

from django.db import migrations

# As `services.templates.default_templates` makes them: daily, from a time of day in the tenant's zone.
ADD_DEFAULTS = """
INSERT INTO smartcharging_profiletemplate
    (tenant_id, name, description, purpose, stack_level, kind, recurrency, schedule, created_by, created_at)
SELECT t.id, d.name, d.description, 'tx_default', 1, 'recurring', 'daily',
    jsonb_build_object(
        'unit', 'A',
        'periods', jsonb_build_array(
            jsonb_build_object('start', 0, 'limit', d.first_a, 'phases', NULL),
            jsonb_build_object('start', d.first_s, 'limit', '6', 'phases', NULL)),
        'duration', 86400,
        'startAt', to_char(
            (('2026-01-01 ' || d.begins)::timestamp AT TIME ZONE COALESCE(z.name, 'UTC')) AT TIME ZONE 'UTC',
            'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'),
        'minRate', NULL),
    '', now()
FROM tenants_tenant t
LEFT JOIN pg_timezone_names z ON z.name = t.timezone
CROSS JOIN (VALUES
    ('overnight', 'Full power from 22:00 to 06:00, 6 A by day.', '22:00', '32', 28800),
    ('solar hours', '16 A from 10:00 to 16:00, 6 A otherwise.', '10:00', '16', 21600)
) AS d (name, description, begins, first_a, first_s)
WHERE NOT EXISTS (SELECT 1 FROM smartcharging_profiletemplate o WHERE o.tenant_id = t.id)
"""


def add_defaults(apps: Any, schema_editor: Any) -> None:
    """The owner is subject to row-level security like everyone: lifted for this transaction, which holds both tables."""
    tables = ("tenants_tenant", "smartcharging_profiletemplate")
    for table in tables:
        schema_editor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    schema_editor.execute(ADD_DEFAULTS)
    # The walls can't go up again while a check of the new rows is due.
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table in tables:
        schema_editor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


class Migration(migrations.Migration):
    dependencies = [("smartcharging", "0002_walls")]

    operations = [migrations.RunPython(add_defaults, migrations.RunPython.noop)]
