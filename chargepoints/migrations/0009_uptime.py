"""How long stations were online: past sockets, and days made of them. Advice that was put away."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from tenants.rls import ProtectTable, TenantForeignKey

TENANT = (
    "tenant",
    models.ForeignKey(
        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant"
    ),
)
ID = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))


class Migration(migrations.Migration):
    dependencies = [
        ("chargepoints", "0008_charge_point_notes"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="PastConnection",
            fields=[
                ID,
                ("connection_id", models.UUIDField()),
                ("connected_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("remote_address", models.CharField(max_length=64)),
                ("reason", models.CharField(max_length=120)),
                ("noted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "charge_point",
                    TenantForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="past_connections",
                        to="chargepoints.chargepoint",
                    ),
                ),
                TENANT,
            ],
            options={
                "ordering": ["-ended_at"],
                "indexes": [
                    models.Index(fields=["charge_point", "-ended_at"], name="past_connections_of_station"),
                    django.contrib.postgres.indexes.BrinIndex(
                        autosummarize=True, fields=["noted_at"], name="past_connections_noted", pages_per_range=16
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OnlineDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "charge_point_id", "day", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("online_s", models.PositiveIntegerField()),
                ("expected_s", models.PositiveIntegerField()),
                (
                    "charge_point",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="chargepoints.chargepoint",
                    ),
                ),
                TENANT,
            ],
            options={"ordering": ["day"]},
        ),
        migrations.CreateModel(
            name="FleetOnlineDay",
            fields=[
                ID,
                ("day", models.DateField()),
                ("stations", models.PositiveIntegerField()),
                ("online_s", models.BigIntegerField()),
                ("expected_s", models.BigIntegerField()),
                ("computed_at", models.DateTimeField()),
                TENANT,
            ],
            options={
                "ordering": ["day"],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "day"), name="fleet_online_once_per_day"),
                ],
            },
        ),
        migrations.CreateModel(
            name="DismissedHint",
            fields=[
                ID,
                ("hint", models.CharField(max_length=40)),
                ("dismissed_by", models.CharField(max_length=150)),
                ("dismissed_at", models.DateTimeField(auto_now_add=True)),
                TENANT,
            ],
            options={
                "ordering": ["-dismissed_at"],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "hint"), name="hint_dismissed_once"),
                ],
            },
        ),
        # The gateway writes down what has ended; the days are made by the system.
        ProtectTable("PastConnection", app="SELECT, INSERT, DELETE"),
        ProtectTable("OnlineDay", app="SELECT, DELETE"),
        ProtectTable("FleetOnlineDay", app="SELECT"),
        ProtectTable("DismissedHint"),
    ]
