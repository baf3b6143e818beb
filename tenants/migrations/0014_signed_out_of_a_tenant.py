"""Since when a person's sign-ins open a tenant no more. Other tenants of theirs are not concerned."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0013_language_of_a_person")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="signed_out_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
