"""Alerts and signed readings in the order of their lists. Made while the system runs."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # An index that is made beside running work can't be made in a transaction.
    atomic = False
    dependencies = [("metering", "0009_fleet_buckets")]

    operations = [
        AddIndexConcurrently("Alert", models.Index(fields=["tenant", "-opened_at"], name="alerts_by_time")),
        AddIndexConcurrently("SignedReading", models.Index(fields=["tenant", "-at"], name="signed_readings_by_time")),
    ]
