"""The log of limits in the order of its list. Made while the system runs."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # An index that is made beside running work can't be made in a transaction.
    atomic = False
    dependencies = [("smartcharging", "0004_fleet_load")]

    operations = [
        AddIndexConcurrently("LimitSent", models.Index(fields=["tenant", "-at"], name="limits_by_time")),
    ]
