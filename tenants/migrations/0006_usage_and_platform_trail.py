"""Usage by day, the platform's trail, and what the fields of a tenant may hold."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import tenants.currencies
import tenants.validators
from tenants.rls import ProtectTable, grant


def system_only(apps, schema_editor):
    """The platform's trail belongs to no tenant: written and read by the system role, never changed."""
    schema_editor.execute(grant("SELECT, INSERT", "tenants_platformentry", system=True))


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0005_walls_of_webhooks"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="test_data",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="Made up by manage.py create_test_data: may be deleted without an export.",
            ),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="status",
            field=models.CharField(
                choices=[("active", "Active"), ("suspended", "Suspended"), ("erasing", "Being deleted")],
                default="active",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="timezone",
            field=models.CharField(
                default="UTC",
                help_text="Of its days in charts, bills and mails; a site may have its own.",
                max_length=64,
                validators=[tenants.validators.validate_time_zone],
            ),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="currency",
            field=models.CharField(
                default="EUR",
                help_text="ISO 4217. Of sessions without a tariff, of limits of cost, and of new tariffs and prices.",
                max_length=3,
                validators=[tenants.currencies.validate_currency],
            ),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="mqtt_topic_prefix",
            field=models.CharField(
                blank=True,
                default="ocpp",
                help_text="What its MQTT topics begin with; empty: ocpp.",
                max_length=64,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[A-Za-z0-9_.:-]+(/[A-Za-z0-9_.:-]+)*\\Z",
                        "Levels of letters, digits and _ . : - with a slash between two: fleet/ocpp.",
                    )
                ],
            ),
        ),
        migrations.CreateModel(
            name="UsageDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("messages", "OCPP messages"),
                            ("api_calls", "API requests"),
                            ("events", "Events"),
                            ("deliveries", "Webhook deliveries"),
                        ],
                        max_length=12,
                    ),
                ),
                ("number", models.BigIntegerField(default=0)),
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
                "ordering": ["-day", "kind"],
                "constraints": [models.UniqueConstraint(fields=("tenant", "day", "kind"), name="usage_once_per_day")],
            },
        ),
        migrations.CreateModel(
            name="PlatformEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("actor", models.CharField(max_length=150)),
                ("origin", models.CharField(help_text="admin or command", max_length=20)),
                ("action", models.CharField(max_length=40)),
                ("tenant_number", models.BigIntegerField(null=True)),
                ("tenant_slug", models.CharField(max_length=32)),
                ("changes", models.JSONField(default=dict)),
            ],
            options={
                "verbose_name_plural": "platform entries",
                "ordering": ["-at", "-id"],
                "indexes": [
                    models.Index(fields=["-at"], name="platform_trail_by_time"),
                    models.Index(fields=["tenant_slug", "-at"], name="platform_trail_of_tenant"),
                ],
            },
        ),
        ProtectTable("UsageDay", app="SELECT"),
        migrations.RunPython(system_only, migrations.RunPython.noop),
    ]
