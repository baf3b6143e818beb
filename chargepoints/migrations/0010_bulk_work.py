"""Work on many charge points: what kind it is, what it tries again, and when one was skipped."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chargepoints", "0009_uptime")]

    operations = [
        migrations.AddField(
            "bulkcommand",
            "kind",
            models.CharField(
                choices=[("command", "Command"), ("local_list", "Local list")],
                db_default="command",
                default="command",
                max_length=12,
            ),
        ),
        migrations.AddField(
            "bulkcommand",
            "retry_of",
            models.UUIDField(blank=True, help_text="The one whose failures it tries again.", null=True),
        ),
        migrations.AddField("bulktarget", "skipped_at", models.DateTimeField(blank=True, null=True)),
    ]
