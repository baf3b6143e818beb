"""The language that a person has chosen. Only the system role reads it: pages take it from the browser's cookie."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0012_long_lists")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="language",
            field=models.CharField(blank=True, db_default="", default="", max_length=10),
        ),
    ]
