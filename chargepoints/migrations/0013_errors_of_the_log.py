"""Errors in the message log of all stations, found without reading the log: a few entries for each million frames.

Made while the system writes, partition by partition: an index of the whole table would hold its writers up.
"""

from typing import Any

from django.db import migrations

PARENT, INDEX = "chargepoints_message", "chargepoints_message_failed"
# Malformed frames and CALLERRORs (LoggedMessage.Kind).
ERRORS = "(tenant_id, at DESC) WHERE kind IN (0, 4)"
# Partitions that are made from now on have it from the beginning.
WITHOUT = """
SELECT part.relname FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid
WHERE inhparent = %s::regclass AND NOT EXISTS (
    SELECT 1 FROM pg_index own JOIN pg_inherits attached ON attached.inhrelid = own.indexrelid
    WHERE own.indrelid = part.oid AND attached.inhparent = %s::regclass
)
ORDER BY part.relname
"""


def index_errors(apps: Any, schema_editor: Any) -> None:
    """Can be run again after it was broken off: an index that is not attached was not finished."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {INDEX} ON ONLY {PARENT} {ERRORS}")
        cursor.execute(WITHOUT, [PARENT, INDEX])
        for (part,) in cursor.fetchall():
            cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{part}_failed"')
            cursor.execute(f'CREATE INDEX CONCURRENTLY "{part}_failed" ON "{part}" {ERRORS}')
            cursor.execute(f'ALTER INDEX {INDEX} ATTACH PARTITION "{part}_failed"')


class Migration(migrations.Migration):
    # An index that is made beside running work can't be made in a transaction.
    atomic = False
    dependencies = [("chargepoints", "0012_long_lists")]

    operations = [
        migrations.RunPython(index_errors, lambda apps, editor: editor.execute(f"DROP INDEX IF EXISTS {INDEX}"))
    ]
