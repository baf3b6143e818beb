"""One run at a time works on a tenant's move: another's idea of how far it is would erase what has arrived."""

from collections.abc import Iterator
from contextlib import contextmanager

from tenants.context import directory_transaction
from tenants.databases.fence import LOCK_CLASS
from tenants.databases.names import MAIN
from tenants.databases.rows import connected
from tenants.models import TenantMove

# Beside the fence's own.
MOVES_LOCK_CLASS = LOCK_CLASS + 1


class UnderWay(Exception):
    """Another run is at this move, or has taken it further meanwhile; nothing was changed by this."""


@contextmanager
def alone(move: TenantMove) -> Iterator[None]:
    """Hold the move in a transaction of the main database; `move` is read anew. UnderWay where another has it.

    The lock is the transaction's: it ends with the process, and works behind a pool of connections.
    """
    with connected(MAIN) as holding:
        holding.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        asked = [MOVES_LOCK_CLASS, move.tenant_number % (2**31 - 1)]
        row = holding.execute("SELECT pg_try_advisory_xact_lock(%s::int, %s::int)", asked).fetchone()
        if row != (True,):
            raise UnderWay(f"Another run is moving {move.tenant_slug} at this moment.")
        with directory_transaction():
            move.refresh_from_db()
        if move.ended_at is not None:
            raise UnderWay(f"The move of {move.tenant_slug} has ended: {move.get_phase_display().lower()}.")
        yield


def set_phase(move: TenantMove, phase: str) -> None:
    """From where this run knows it to be. UnderWay where it is elsewhere: the lock was lost with its connection."""
    with directory_transaction():
        known = TenantMove.objects.filter(pk=move.pk, phase=move.phase, ended_at=None)
        if not known.update(phase=phase):
            raise UnderWay(f"Another run has taken the move of {move.tenant_slug} further.")
    move.phase = phase
