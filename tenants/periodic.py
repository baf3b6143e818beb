"""Tasks of the beat: what a run can't do while PostgreSQL is away, the next one does; a line in the log says so."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import structlog
from celery import shared_task
from django.db import InterfaceError, OperationalError
from psycopg_pool import PoolClosed, PoolTimeout

if TYPE_CHECKING:
    from celery.app.task import Task

log = structlog.get_logger(__name__)

# Also a deadlock or a cancelled statement: another run mends that as well.
AWAY = (OperationalError, InterfaceError, PoolTimeout, PoolClosed)
P = ParamSpec("P")
R = TypeVar("R")


def periodic_task(**options: Any) -> "Callable[[Callable[P, R]], Task[P, R]]":
    """`shared_task(**options)` without a traceback every few seconds of an outage. Returns None then."""

    def decorate(run: Callable[P, R]) -> "Task[P, R]":
        @wraps(run)
        def patient(*given: P.args, **named: P.kwargs) -> R | None:
            try:
                return run(*given, **named)
            except AWAY as error:
                first_line = str(error).partition("\n")[0]
                log.warning("database away, left to the next run", task=run.__name__, error=first_line[:200])
                return None

        return cast("Task[P, R]", shared_task(**options)(patient))

    return decorate
