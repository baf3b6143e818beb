"""Energy of whole fleets by hour and day. What there is already is filled in by the hourly task."""

import django.db.models.deletion
from django.db import migrations, models

from tenants.rls import ProtectTable


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0008_erasable"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="FleetBucket",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "period",
                    models.PositiveSmallIntegerField(choices=[(1, "hour"), (2, "day"), (3, "week"), (4, "month")]),
                ),
                ("start", models.DateTimeField()),
                ("end", models.DateTimeField()),
                ("energy_wh", models.DecimalField(decimal_places=6, max_digits=24)),
                ("estimated", models.BooleanField(default=False)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["start"],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "period", "start"), name="fleet_bucket_once"),
                ],
            },
        ),
        ProtectTable("FleetBucket", app="SELECT"),
    ]
