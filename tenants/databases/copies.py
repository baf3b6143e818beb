"""Copies of a tenant's row in the database where the tenant lives, so that what refers to it there finds it.

The main database's row is the truth. Its copy is written in the transaction that changes it from within the tenant's scope,
else right after the commit; a periodic task mends what a crash or an outage in between has left.
"""

from typing import Any

import structlog
from django.db import connections, transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from tenants.context import (
    current_database,
    current_scope,
    directory_transaction,
    system_connection,
    system_transaction,
)
from tenants.databases.names import SYSTEM, is_known
from tenants.models import Tenant

log = structlog.get_logger(__name__)

READ = "SELECT id, to_jsonb(t)::text FROM tenants_tenant t WHERE database = %s ORDER BY id"


@receiver(post_save, sender=Tenant)
def keep_copy(instance: Tenant, using: str, update_fields: Any = None, raw: bool = False, **_: Any) -> None:
    """A tenant's row was saved."""
    if not instance.database or raw or not is_known(instance.database):
        return
    scope = current_scope()
    if scope is not None and scope.tenant_id == instance.pk and scope.database == instance.database:
        names = [
            field.attname
            for field in Tenant._meta.concrete_fields
            if not field.primary_key and (update_fields is None or field.name in update_fields)
        ]
        # Seen by what follows in this transaction.
        changed = {name: getattr(instance, name) for name in names}
        Tenant.objects.using(scope.alias).filter(pk=instance.pk).update(**changed)
    else:
        transaction.on_commit(lambda: copy_tenant(instance.pk, instance.database), using=using, robust=True)


def copy_tenant(tenant_id: int, database: str) -> None:
    """The main database's row to `database`."""
    with connections[SYSTEM].cursor() as cursor:
        cursor.execute("SELECT to_jsonb(t)::text FROM tenants_tenant t WHERE id = %s", [tenant_id])
        row = cursor.fetchone()
    if row is not None:
        with connections[f"{SYSTEM}@{database}"].cursor() as cursor:
            write_copy(cursor, row[0])


def write_copy(cursor: Any, row: str) -> None:
    """`row`: as `to_jsonb` gives it."""
    columns = [str(field.column) for field in Tenant._meta.concrete_fields if not field.primary_key]
    listed, excluded = ", ".join(columns), ", ".join(f"EXCLUDED.{column}" for column in columns)
    cursor.execute(
        f"INSERT INTO tenants_tenant (id, {listed}) OVERRIDING SYSTEM VALUE "
        f"SELECT id, {listed} FROM jsonb_populate_record(NULL::tenants_tenant, %s::jsonb) "
        f"ON CONFLICT (id) DO UPDATE SET ({listed}) = ROW({excluded})",
        [row],
    )


def drop_copy(tenant_id: int, database: str) -> None:
    """It doesn't live in `database` any more, which is not the main one; nothing there refers to it."""
    with connections[f"{SYSTEM}@{database}"].cursor() as cursor:
        cursor.execute("DELETE FROM tenants_tenant WHERE id = %s", [tenant_id])


def mend_copies() -> int:
    """In the current database (`in_database`): the copies of all that live here; how many were not as they should be."""
    database = current_database()
    if not database:
        return 0
    with directory_transaction(), system_connection().cursor() as cursor:
        cursor.execute(READ, [database])
        true = dict(cursor.fetchall())
    with system_transaction(), system_connection().cursor() as cursor:
        cursor.execute(READ, [database])
        copies = dict(cursor.fetchall())
        wrong = [row for tenant_id, row in true.items() if copies.get(tenant_id) != row]
        for row in wrong:
            write_copy(cursor, row)
    if wrong:
        log.warning("copies of tenants mended", database=database, tenants=len(wrong))
    return len(wrong)
