"""Row-level security and grants of aggregates, alerts and tariffs; the index that finds an hour's samples."""

from typing import Any

from django.conf import settings
from django.db import migrations

from tenants.rls import ProtectTable, grant

# Samples arrive nearly in the order of their time: a few kilobytes of index find an hour in a day's partition.
CREATE_INDEX = """
CREATE INDEX metering_sample_at ON metering_sample USING brin (at) WITH (pages_per_range = 32, autosummarize = on)
"""


def more_grants(apps: Any, schema_editor: Any) -> None:
    """Aggregation works in temporary tables; its state belongs to no tenant."""
    schema_editor.execute(grant("SELECT, INSERT, UPDATE", "metering_aggregationstate", system=True))
    schema_editor.execute(grant("SELECT", "metering_aggregationstate", app=True))
    schema_editor.execute(
        f"DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO \"{settings.DATABASE_SYSTEM_ROLE}\"', "
        "current_database()); END $$",
        params=None,
    )


class Migration(migrations.Migration):
    dependencies = [("metering", "0004_aggregates_alerts_tariffs"), ("tenants", "0003_system_alert")]

    operations = [
        migrations.RunSQL(CREATE_INDEX, "DROP INDEX metering_sample_at"),
        migrations.RunPython(more_grants, migrations.RunPython.noop),
        ProtectTable("MeteringSettings"),
        # Summed up by the system only; a person may delete a charge point with all that belongs to it.
        ProtectTable("Bucket", app="SELECT, DELETE"),
        ProtectTable("BucketStatistics", app="SELECT, DELETE"),
        ProtectTable("DirtyRange", app="SELECT, DELETE", system="SELECT, INSERT, DELETE"),
        ProtectTable("Threshold"),
        ProtectTable("Alert"),
        ProtectTable("AlertRecipient"),
        ProtectTable("Tariff"),
        ProtectTable("TariffAssignment"),
        ProtectTable("SessionTariff", app="SELECT, INSERT", system="SELECT, INSERT"),
        ProtectTable("RecordDue"),
        # A charge detail record is never changed.
        ProtectTable("ChargeDetailRecord", app="SELECT, INSERT", system="SELECT, INSERT"),
        ProtectTable("IdTagLimit"),
        ProtectTable("RemoteStartLimit"),
        ProtectTable("SessionLimit"),
        ProtectTable("SessionAnalytics"),
    ]
