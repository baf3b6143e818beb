"""Events of one charge point are found without reading through the others'. Made while events are written."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("tenants", "0007_who_belongs_is_the_systems")]

    operations = [
        migrations.AlterModelOptions(name="apikey", options={"ordering": ["name"], "verbose_name": "API key"}),
        migrations.AlterModelOptions(name="outboxevent", options={"ordering": ["id"], "verbose_name": "event"}),
        AddIndexConcurrently(
            model_name="outboxevent",
            index=models.Index(fields=["tenant", "charge_point", "id"], name="outbox_of_station"),
        ),
    ]
