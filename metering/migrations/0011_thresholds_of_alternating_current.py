"""Thresholds that hold for alternating current only. The usual bounds of voltage, current and power do."""

from typing import Any

from django.db import migrations, models

MARK_USUAL = """
UPDATE metering_threshold t SET ac_only = true
FROM (VALUES
    ('Power.Active.Import', NULL::numeric, 50000),
    ('Voltage', 207, 253),
    ('Current.Import', NULL, 80)
) AS d (measurand, min_value, max_value)
WHERE t.measurand = d.measurand AND t.charge_point_id IS NULL
    AND t.min_value IS NOT DISTINCT FROM d.min_value AND t.max_value IS NOT DISTINCT FROM d.max_value
"""


def mark_usual(apps: Any, schema_editor: Any) -> None:
    """The owner is subject to row-level security like everyone: lifted for this transaction, which holds the table."""
    schema_editor.execute("ALTER TABLE metering_threshold NO FORCE ROW LEVEL SECURITY")
    schema_editor.execute(MARK_USUAL)
    schema_editor.execute("ALTER TABLE metering_threshold FORCE ROW LEVEL SECURITY")


class Migration(migrations.Migration):
    dependencies = [("metering", "0010_long_lists")]

    operations = [
        migrations.AddField(
            model_name="threshold",
            name="ac_only",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Not where readings show direct current: its voltage and current are not those of the grid.",
                verbose_name="Alternating current only",
            ),
        ),
        migrations.RunPython(mark_usual, migrations.RunPython.noop),
    ]
