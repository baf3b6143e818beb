"""Row-level security and grants of smart charging; the ids that stations know our profiles by."""

from typing import Any

from django.conf import settings
from django.db import migrations

from tenants.rls import ProtectTable

# 1.6 stations store chargingProfileId as a 32-bit number. Ours begin above what people give by hand.
CREATE_SEQUENCE = """
CREATE SEQUENCE smartcharging_profile_id AS integer MINVALUE 1000000 START 1000000 CYCLE;
"""


def grant_sequence(apps: Any, schema_editor: Any) -> None:
    roles = f'"{settings.DATABASE_APP_ROLE}", "{settings.DATABASE_SYSTEM_ROLE}"'
    schema_editor.execute(f"GRANT USAGE ON SEQUENCE smartcharging_profile_id TO {roles}")


class Migration(migrations.Migration):
    dependencies = [("smartcharging", "0001_smart_charging")]

    operations = [
        migrations.RunSQL(CREATE_SEQUENCE, "DROP SEQUENCE smartcharging_profile_id"),
        migrations.RunPython(grant_sequence, migrations.RunPython.noop),
        ProtectTable("ProfileTemplate"),
        ProtectTable("ChargingProfile"),
        ProtectTable("ScheduleCheck"),
        ProtectTable("Circuit"),
        ProtectTable("CircuitMember"),
        ProtectTable("Allotment"),
        ProtectTable("LimitSent"),
        ProtectTable("CircuitRound"),
        ProtectTable("CircuitLimit"),
        ProtectTable("CircuitMeter"),
        ProtectTable("EnergyPrice"),
        ProtectTable("SessionNeed"),
        ProtectTable("IdTagNeed"),
    ]
