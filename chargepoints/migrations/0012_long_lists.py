"""What lists of millions of rows are filtered and ordered by. Made while the system runs."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # An index that is made beside running work can't be made in a transaction.
    atomic = False
    dependencies = [("chargepoints", "0011_found_by_beginning")]

    operations = [
        AddIndexConcurrently(
            "Transaction",
            models.Index(
                fields=["tenant", "-started_at"], condition=models.Q(state="inferred"), name="transactions_inferred"
            ),
        ),
        AddIndexConcurrently(
            "Transaction",
            models.Index(
                fields=["tenant", "-started_at"], condition=~models.Q(verdict="Accepted"), name="transactions_refused"
            ),
        ),
        AddIndexConcurrently(
            "Transaction",
            models.Index(
                fields=["tenant", "stop_reason", "-started_at"],
                condition=~models.Q(stop_reason__in=["", "EVDisconnected", "Local", "Remote"]),
                name="transactions_ended_oddly",
            ),
        ),
        AddIndexConcurrently(
            "UnmatchedStop", models.Index(fields=["tenant", "-received_at"], name="unmatched_stops_by_time")
        ),
        AddIndexConcurrently(
            "Command", models.Index(fields=["tenant", "action", "-created_at"], name="commands_by_action")
        ),
        AddIndexConcurrently(
            "Command",
            models.Index(
                fields=["tenant", "state", "-created_at"],
                condition=models.Q(state__in=["rejected", "failed", "timed_out", "cancelled"]),
                name="commands_not_done",
            ),
        ),
        AddIndexConcurrently(
            "Command",
            models.Index(
                fields=["tenant", "outcome", "-created_at"], condition=~models.Q(outcome=""), name="commands_by_outcome"
            ),
        ),
        AddIndexConcurrently(
            "FirmwareUpdate", models.Index(fields=["tenant", "-created_at"], name="firmware_updates_by_time")
        ),
        AddIndexConcurrently("StationUpload", models.Index(fields=["tenant", "-created_at"], name="uploads_by_time")),
    ]
