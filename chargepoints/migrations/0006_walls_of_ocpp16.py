"""Row-level security and grants of what came with the rest of OCPP 1.6; ids that stations know things by."""

from typing import Any

from django.conf import settings
from django.db import migrations

from tenants.rls import ProtectTable

# 1.6 stations store them as 32-bit numbers: reservationId, and requestId of the security extension.
CREATE_SEQUENCES = """
CREATE SEQUENCE chargepoints_reservation_protocol_id AS integer MINVALUE 1 START 1 CYCLE;
CREATE SEQUENCE chargepoints_request_id AS integer MINVALUE 1 START 1 CYCLE;
"""
DROP_SEQUENCES = "DROP SEQUENCE chargepoints_reservation_protocol_id; DROP SEQUENCE chargepoints_request_id;"


def sequences(apps: Any, schema_editor: Any) -> None:
    roles = f'"{settings.DATABASE_APP_ROLE}", "{settings.DATABASE_SYSTEM_ROLE}"'
    for name in ("chargepoints_reservation_protocol_id", "chargepoints_request_id"):
        schema_editor.execute(f"GRANT USAGE ON SEQUENCE {name} TO {roles}")


class Migration(migrations.Migration):
    dependencies = [("chargepoints", "0005_ocpp16_complete")]

    operations = [
        migrations.RunSQL(CREATE_SEQUENCES, DROP_SEQUENCES),
        migrations.RunPython(sequences, migrations.RunPython.noop),
        ProtectTable("AuthorizationWebhook"),
        ProtectTable("LocalAuthList"),
        ProtectTable("BulkCommand"),
        ProtectTable("BulkTarget"),
        ProtectTable("Reservation"),
        ProtectTable("FirmwareFile"),
        ProtectTable("FirmwareRollout"),
        ProtectTable("FirmwareUpdate"),
        ProtectTable("StationUpload"),
        ProtectTable("CertificateAuthority"),
        ProtectTable("StationCertificate"),
        ProtectTable("InstalledCertificate"),
        ProtectTable("SecurityEvent", app="SELECT, INSERT, DELETE", system="SELECT, INSERT, DELETE"),
    ]
