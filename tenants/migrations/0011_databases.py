"""Tenants may live in databases of their own: where each does, its moves, and who is turned away here."""

from django.db import migrations, models

from tenants.databases.fence import CREATE_FUNCTIONS, DROP_FUNCTIONS
from tenants.rls import ALL, grant


def grants(apps, schema_editor):
    """They belong to no tenant. The app role reads, as it enters, the numbers of those that don't live here."""
    schema_editor.execute(grant(ALL, "tenants_closedtenant", system=True))
    schema_editor.execute(grant("SELECT", "tenants_closedtenant", app=True))
    schema_editor.execute(grant("SELECT, INSERT, UPDATE", "tenants_tenantmove", system=True))
    schema_editor.execute(grant("SELECT", "tenants_databaseidentity", system=True))
    # Rows move under the system role; of this table it could not write yet.
    schema_editor.execute(grant("INSERT", "tenants_idempotentanswer", system=True))


class Migration(migrations.Migration):
    dependencies = [("tenants", "0010_trail_by_person_and_action")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="database",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="Where its data is kept; empty: in the main database. Changed by manage.py move_tenant only.",
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="status",
            field=models.CharField(
                choices=[
                    ("active", "Active"),
                    ("suspended", "Suspended"),
                    ("moving", "Being moved"),
                    ("erasing", "Being deleted"),
                ],
                default="active",
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="DatabaseIdentity",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("number", models.PositiveSmallIntegerField(unique=True)),
                ("made_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="ClosedTenant",
            fields=[
                ("tenant_number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("closed_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="TenantMove",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tenant_number", models.BigIntegerField()),
                ("tenant_slug", models.CharField(max_length=32)),
                ("source", models.CharField(blank=True, max_length=32)),
                ("target", models.CharField(blank=True, max_length=32)),
                (
                    "phase",
                    models.CharField(
                        choices=[
                            ("closing", "Closing"),
                            ("copying", "Copying"),
                            ("copied", "Copied"),
                            ("switched", "Removing the old rows"),
                            ("done", "Done"),
                            ("undone", "Given up"),
                        ],
                        default="closing",
                        max_length=10,
                    ),
                ),
                ("status_before", models.CharField(max_length=10)),
                (
                    "rows",
                    models.JSONField(default=dict, help_text="Table to the number of rows that were copied."),
                ),
                ("actor", models.CharField(max_length=150)),
                ("started_at", models.DateTimeField(auto_now_add=True)),
                ("switched_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-started_at", "-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=("tenant_number",), name="one_move_of_a_tenant"
                    )
                ],
            },
        ),
        migrations.RunPython(grants, migrations.RunPython.noop),
        migrations.RunSQL(CREATE_FUNCTIONS, DROP_FUNCTIONS),
    ]
