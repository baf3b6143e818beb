from django.db import migrations, models
from django.db.models.functions import MD5, Cast


class Migration(migrations.Migration):
    dependencies = [("metering", "0002_walls")]

    operations = [
        migrations.AddField(
            model_name="quarantinedreading",
            name="transaction_id",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name="quarantinedreading",
            constraint=models.UniqueConstraint(
                models.F("charge_point"),
                models.F("evse_number"),
                models.F("reason"),
                MD5(Cast("reading", models.TextField())),
                name="quarantined_reading_once",
            ),
        ),
    ]
