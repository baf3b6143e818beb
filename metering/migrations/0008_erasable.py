"""Charge detail records and frozen tariffs can go, with their whole tenant and in no other way."""

from django.conf import settings
from django.db import migrations

TABLES = ("metering_chargedetailrecord", "metering_sessiontariff")
# Whoever erases a tenant says so in the transaction (tenants.erasure); any other deletion is a mistake.
CREATE_GUARD = """
CREATE FUNCTION csms_only_with_its_tenant() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.tenant_id::text IS DISTINCT FROM current_setting('csms.erasing_tenant', true) THEN
        RAISE EXCEPTION 'rows of % are kept: they go with their tenant only', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END $$
"""
DROP_GUARD = "DROP FUNCTION csms_only_with_its_tenant()"


def guard(apps, schema_editor):
    for table in TABLES:
        schema_editor.execute(
            f"CREATE TRIGGER kept BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION csms_only_with_its_tenant()"
        )
        schema_editor.execute(f'GRANT DELETE ON {table} TO "{settings.DATABASE_SYSTEM_ROLE}"')


def unguard(apps, schema_editor):
    for table in TABLES:
        schema_editor.execute(f'REVOKE DELETE ON {table} FROM "{settings.DATABASE_SYSTEM_ROLE}"')
        schema_editor.execute(f"DROP TRIGGER kept ON {table}")


class Migration(migrations.Migration):
    dependencies = [("metering", "0007_alert_kinds_of_smart_charging")]

    operations = [
        migrations.RunSQL(CREATE_GUARD, DROP_GUARD),
        migrations.RunPython(guard, unguard),
        migrations.AlterModelOptions(name="bucketstatistics", options={"verbose_name_plural": "bucket statistics"}),
    ]
