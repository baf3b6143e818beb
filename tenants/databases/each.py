"""Work that is done in every database: sweeps, leases, deliveries. What one can't do must not keep the others from it."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError
from psycopg_pool import PoolClosed, PoolTimeout

from tenants.context import in_database
from tenants.databases.names import MAIN, called, own_databases

log = structlog.get_logger(__name__)

T = TypeVar("T")
# Also a deadlock or a cancelled statement: another run mends that as well.
AWAY = (OperationalError, InterfaceError, PoolTimeout, PoolClosed)
# One that can't be reached is left alone for so long: finding out takes seconds, and others wait meanwhile.
REST_S = 30.0
_resting: dict[str, float] = {}


def in_each_database(run: Callable[[], T], *, what: str = "") -> list[T]:
    """`run()` with system transactions in the main database, then in each of the others; what they return.

    Errors of the main one are raised, once the others have had their turn. Of another one that is away (`AWAY`) the log tells;
    it has no part in the result, and is left alone for half a minute.
    """
    if not own_databases():
        return [run()]
    results: list[T] = []
    failed: Exception | None = None
    try:
        with in_database(MAIN):
            results.append(run())
    except Exception as error:
        failed = error
    for database in own_databases():
        if time.monotonic() < _resting.get(database, 0.0):
            continue
        try:
            with in_database(database):
                results.append(run())
        except AWAY as error:
            rest(database, error, what or getattr(run, "__name__", ""))
        except Exception as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return results


def rest(database: str, error: Exception, what: str) -> None:
    """It could not be reached just now."""
    _resting[database] = time.monotonic() + REST_S
    first_line = str(error).partition("\n")[0]
    log.warning("database away, left alone for a while", database=called(database), work=what, error=first_line[:200])


def is_resting(database: str) -> bool:
    return time.monotonic() < _resting.get(database, 0.0)
