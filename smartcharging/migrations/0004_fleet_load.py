"""The power of whole fleets by the minute."""

import django.db.models.deletion
from django.db import migrations, models

from tenants.rls import ProtectTable


class Migration(migrations.Migration):
    dependencies = [
        ("smartcharging", "0003_default_templates"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="FleetLoad",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("power_w", models.DecimalField(decimal_places=1, max_digits=14)),
                ("limit_w", models.DecimalField(decimal_places=1, max_digits=14, null=True)),
                ("charging", models.PositiveIntegerField()),
                ("online", models.PositiveIntegerField()),
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
                "ordering": ["at"],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "at"), name="fleet_load_once_a_minute"),
                ],
            },
        ),
        ProtectTable("FleetLoad", app="SELECT"),
    ]
