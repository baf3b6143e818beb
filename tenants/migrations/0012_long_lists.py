"""Deliveries of all webhooks in the order of their list. Made while the system runs."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # An index that is made beside running work can't be made in a transaction.
    atomic = False
    dependencies = [("tenants", "0011_databases")]

    operations = [
        AddIndexConcurrently(
            "WebhookDelivery", models.Index(fields=["tenant", "-created_at", "-id"], name="deliveries_by_time")
        ),
        AddIndexConcurrently(
            "WebhookDelivery",
            models.Index(
                fields=["tenant", "-created_at"], condition=models.Q(state="dead"), name="deliveries_given_up"
            ),
        ),
    ]
