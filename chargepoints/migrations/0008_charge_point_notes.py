"""Dated notes of people about a charge point."""

import django.db.models.deletion
from django.db import migrations, models

import tenants.rls


class Migration(migrations.Migration):
    dependencies = [
        ("chargepoints", "0007_security_settings"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChargePointNote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("author", models.CharField(max_length=150)),
                ("text", models.TextField(max_length=5000)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "charge_point",
                    tenants.rls.TenantForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dated_notes",
                        to="chargepoints.chargepoint",
                    ),
                ),
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
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(fields=["charge_point", "-created_at"], name="notes_of_charge_point"),
                ],
            },
        ),
        tenants.rls.ProtectTable("ChargePointNote", app="SELECT, INSERT, DELETE"),
    ]
