"""Taking a tenant's rows out of a database where it does not live: only as long as it is closed there.

A run of a move that was held up, and whose place another has taken, may go on erasing where the tenant lives by now. So each
batch looks at the fence under the lock that all shares, and whoever opens the fence waits for the batch under way.
"""

from tenants.context import in_database, system_connection, system_transaction
from tenants.databases import rows
from tenants.databases.fence import HOLD_ALONE, HOLD_WITH_OTHERS
from tenants.erasure.erase import erase_tables
from tenants.erasure.export import Progress
from tenants.models import ClosedTenant


class NotClosed(Exception):
    """The tenant is not closed in the database: another run has taken its move further, or moved it back."""


def close_and_clear(tenant_id: int, database: str) -> None:
    """What an attempt has left in the target. The caller has just made sure that it is alone at the move."""
    with in_database(database):
        with system_transaction():
            ClosedTenant.objects.get_or_create(tenant_number=tenant_id)
        with system_transaction(), system_connection().cursor() as cursor:
            # A process that took it for the tenant's place may still be inside.
            cursor.execute(HOLD_ALONE, [tenant_id])
    clear(tenant_id, database, lambda table, share, count: None)


def clear(tenant_id: int, database: str, progress: Progress) -> None:
    """All rows that live with their tenant. NotClosed: then what is left stays; RowsLeft."""
    with in_database(database):
        erase_tables(tenant_id, progress, rows.left_tables(), guard=stay_closed)


def stay_closed(tenant_id: int) -> None:
    """In an open system transaction: until it ends nobody opens the fence. NotClosed where it is open."""
    with system_connection().cursor() as cursor:
        cursor.execute(HOLD_WITH_OTHERS, [tenant_id])
    # A statement of its own: it sees what was committed while the lock was waited for.
    if not ClosedTenant.objects.filter(tenant_number=tenant_id).exists():
        raise NotClosed(f"Tenant {tenant_id} is not closed here any more: nothing more of it is erased.")


def open_fence(tenant_id: int) -> None:
    """In an open system transaction, as its first step: whoever erases there has ended, or finds it open."""
    with system_connection().cursor() as cursor:
        cursor.execute(HOLD_ALONE, [tenant_id])
    ClosedTenant.objects.filter(tenant_number=tenant_id).delete()
