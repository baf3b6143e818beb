"""What a tenant sets about security: rotation of passwords; and how near to their end certificates were told of."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from tenants.rls import ProtectTable

WARNED = {"blank": True, "editable": False, "null": True}


class Migration(migrations.Migration):
    dependencies = [
        ("chargepoints", "0006_walls_of_ocpp16"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="SecuritySettings",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "password_rotation_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Days after which a station's password is rotated; empty: never by itself.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(3650),
                        ],
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
            options={"verbose_name": "security settings", "verbose_name_plural": "security settings"},
        ),
        migrations.AddConstraint(
            model_name="securitysettings",
            constraint=models.UniqueConstraint(fields=("tenant",), name="security_settings_once"),
        ),
        migrations.AddField("chargepoint", "password_set_at", models.DateTimeField(**WARNED)),
        migrations.AddField("certificateauthority", "warned_days", models.PositiveSmallIntegerField(**WARNED)),
        migrations.AddField("stationcertificate", "warned_days", models.PositiveSmallIntegerField(**WARNED)),
        ProtectTable("SecuritySettings"),
    ]
