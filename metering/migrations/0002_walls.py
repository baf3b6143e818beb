"""The partitioned table of samples; row-level security and grants."""

from typing import Any

from django.conf import settings
from django.db import migrations

from tenants.partitions import register_sql
from tenants.rls import ProtectTable, policy_sql

CREATE_SAMPLES = """
CREATE TABLE metering_sample (
    series_id bigint NOT NULL,
    at timestamptz NOT NULL,
    tenant_id bigint NOT NULL,
    transaction_id bigint,
    received_at timestamptz NOT NULL,
    context smallint NOT NULL,
    value numeric NOT NULL,
    raw_value text,
    raw_unit text,
    PRIMARY KEY (series_id, at, context)
) PARTITION BY RANGE (at);
"""


def wall_off_samples(apps: Any, schema_editor: Any) -> None:
    """As ProtectTable does for managed tables; partitions reach back as far as stations may replay."""
    for statement in policy_sql(
        "metering_sample", tenant_column="tenant_id", app="SELECT", system="SELECT, INSERT, DELETE"
    ):
        schema_editor.execute(statement)
    schema_editor.execute(register_sql("metering_sample", days_back=settings.METERING_SAMPLE_DAYS))


class Migration(migrations.Migration):
    dependencies = [("metering", "0001_initial"), ("chargepoints", "0003_walls")]

    operations = [
        migrations.RunSQL(CREATE_SAMPLES, "DROP TABLE metering_sample"),
        migrations.RunPython(wall_off_samples, migrations.RunPython.noop),
        ProtectTable("Series", app="SELECT, DELETE", system="SELECT, INSERT, DELETE"),
        ProtectTable("SignedReading", app="SELECT, DELETE", system="SELECT, INSERT, DELETE"),
        ProtectTable("QuarantinedReading", app="SELECT, DELETE", system="SELECT, INSERT, DELETE"),
    ]
