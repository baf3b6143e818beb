"""One run at a time works on a tenant's move: another's idea of how far it is would erase what has arrived."""

from collections.abc import Iterator
from contextlib import contextmanager

from tenants.context import directory_transaction, system_connection
from tenants.databases.fence import LOCK_CLASS
from tenants.databases.names import MAIN
from tenants.databases.rows import connected
from tenants.models import TenantMove

# Beside the fence's own.
MOVES_LOCK_CLASS = LOCK_CLASS + 1
TRY = "SELECT pg_try_advisory_xact_lock(%s::int, %s::int), pg_backend_pid()"
HELD = """
SELECT EXISTS (
    SELECT 1 FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND pid = %s AND classid = %s AND objid = %s AND objsubid = 2
)
"""


class UnderWay(Exception):
    """Another run is at this move, or has taken it further meanwhile; nothing was changed by this."""


@contextmanager
def alone(move: TenantMove) -> Iterator[None]:
    """Hold the move in a transaction of the main database; `move` is read anew. UnderWay where another has it.

    The lock is the transaction's: it ends with the process, and works behind a pool of connections.
    """
    with connected(MAIN) as holding:
        holding.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        row = holding.execute(TRY, _lock_of(move)).fetchone()
        if row is None or not row[0]:
            raise UnderWay(f"Another run is moving {move.tenant_slug} at this moment.")
        move.held_by = row[1]
        with directory_transaction():
            move.refresh_from_db()
        if move.ended_at is not None:
            raise UnderWay(f"The move of {move.tenant_slug} has ended: {move.get_phase_display().lower()}.")
        yield


def require_alone(move: TenantMove) -> None:
    """Before each step that would harm another run's work: that this run still has the lock, and the move is where it
    knows it to be. UnderWay: the lock was lost with its connection.

    In an open directory transaction nobody takes it further until that has ended.
    """
    with directory_transaction():
        row = TenantMove.objects.select_for_update().get(pk=move.pk)
        with system_connection().cursor() as cursor:
            cursor.execute(HELD, [move.held_by, *_lock_of(move)])
            held = cursor.fetchone()[0]
        if not held or row.phase != move.phase or row.ended_at is not None:
            raise UnderWay(f"This run has lost its hold on the move of {move.tenant_slug}: start it again.")


def set_phase(move: TenantMove, phase: str) -> None:
    """From where this run knows it to be. UnderWay where it has lost its hold on it."""
    with directory_transaction():
        require_alone(move)
        TenantMove.objects.filter(pk=move.pk).update(phase=phase)
    move.phase = phase


def _lock_of(move: TenantMove) -> list[int]:
    return [MOVES_LOCK_CLASS, move.tenant_number % (2**31 - 1)]
