"""Sessions and id tags are found by the beginning of their ids, among millions. Made while the system runs."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Collate


class Migration(migrations.Migration):
    # An index that is made beside running work can't be made in a transaction.
    atomic = False
    dependencies = [("chargepoints", "0010_bulk_work")]

    operations = [
        AddIndexConcurrently(
            "Transaction",
            models.Index(models.F("tenant"), Collate("protocol_id", "C"), name="transactions_by_protocol_id"),
        ),
        AddIndexConcurrently(
            "IdTag",
            models.Index(models.F("tenant"), Collate("token_key", "C"), name="id_tags_by_beginning"),
        ),
    ]
