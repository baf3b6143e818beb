"""Row-level security and grants, the transaction id sequence, the partitioned message log."""

from typing import Any

from django.db import migrations

from tenants.partitions import register_sql
from tenants.rls import ProtectTable, grant, policy_sql

MESSAGE_TABLE = "chargepoints_message"
CREATE_MESSAGES = """
CREATE TABLE chargepoints_message (
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    tenant_id bigint NOT NULL,
    charge_point_id bigint NOT NULL,
    connection_id uuid NOT NULL,
    direction text NOT NULL,
    kind smallint NOT NULL,
    message_id text NOT NULL,
    action text NOT NULL,
    payload text NOT NULL,
    error_code text NOT NULL,
    note text NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX chargepoints_message_station ON chargepoints_message (charge_point_id, at DESC);
CREATE INDEX chargepoints_message_tenant ON chargepoints_message (tenant_id, at DESC);
"""
# Positive 32-bit, as OCPP 1.6 stations store it; one sequence, so that an id names one session everywhere.
CREATE_SEQUENCE = "CREATE SEQUENCE chargepoints_ocpp_transaction_id AS integer MINVALUE 1 START 1000 CYCLE"


def wall_off_messages(apps: Any, schema_editor: Any) -> None:
    """As ProtectTable does for managed tables. Partitions get no grants: they are reached through the parent."""
    for statement in policy_sql(
        MESSAGE_TABLE, tenant_column="tenant_id", app="SELECT", system="SELECT, INSERT, DELETE"
    ):
        schema_editor.execute(statement)
    schema_editor.execute(register_sql(MESSAGE_TABLE))
    schema_editor.execute(grant("SELECT", "chargepoints_gateway", app=True))
    schema_editor.execute(grant("SELECT, INSERT, UPDATE, DELETE", "chargepoints_gateway", system=True))


class Migration(migrations.Migration):
    dependencies = [("chargepoints", "0002_initial"), ("tenants", "0002_walls")]

    operations = [
        migrations.RunSQL(CREATE_SEQUENCE, "DROP SEQUENCE chargepoints_ocpp_transaction_id"),
        migrations.RunSQL(CREATE_MESSAGES, "DROP TABLE chargepoints_message"),
        migrations.RunPython(wall_off_messages, migrations.RunPython.noop),
        ProtectTable("Site"),
        ProtectTable("ChargePoint"),
        ProtectTable("Evse"),
        ProtectTable("Connector"),
        ProtectTable("StatusChange", app="SELECT, INSERT, DELETE", system="SELECT, INSERT, DELETE"),
        ProtectTable("IdTag"),
        ProtectTable("Command"),
        ProtectTable("Transaction"),
        ProtectTable("UnmatchedStop"),
        ProtectTable("StationConnection"),
        ProtectTable("SignInAttempt"),
        ProtectTable("ConfigurationKey"),
    ]
