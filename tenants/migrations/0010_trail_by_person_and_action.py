"""The audit trail is filtered by person and by action without reading through the rest. Made while it is written."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("tenants", "0009_people")]

    operations = [
        AddIndexConcurrently(
            model_name="auditentry", index=models.Index(fields=["tenant", "actor", "-at"], name="audit_by_actor")
        ),
        AddIndexConcurrently(
            model_name="auditentry", index=models.Index(fields=["tenant", "action", "-at"], name="audit_by_action")
        ),
    ]
