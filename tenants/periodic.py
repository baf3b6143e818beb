"""Tasks of the beat: what a run can't do while PostgreSQL is away, the next one does; a line in the log says so."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import structlog
from celery import shared_task

from tenants.context import where_lives
from tenants.databases.each import AWAY, in_each_database
from tenants.databases.fence import TenantMoving
from tenants.databases.names import own_databases

if TYPE_CHECKING:
    from celery.app.task import Task

log = structlog.get_logger(__name__)

__all__ = ["AWAY", "periodic_task"]

P = ParamSpec("P")
R = TypeVar("R")


def periodic_task(*, main_only: bool = False, **options: Any) -> "Callable[[Callable[P, R]], Task[P, R]]":
    """`shared_task(**options)` without a traceback every few seconds of an outage. Returns None then.

    Runs once in each database (`tenants.databases`), and returns the sum of what the runs return where they count. A task
    with a parameter `tenant_id` runs in that tenant's database; one that is `main_only` looks after the directory, or goes
    to the databases by itself.
    """

    def decorate(run: Callable[P, R]) -> "Task[P, R]":
        parameters = inspect.signature(run)
        of_tenant = "tenant_id" in parameters.parameters
        if parameters.parameters and not of_tenant and not main_only:
            raise TypeError(f"{run.__name__} is told what to do: say for which tenant, or that it is main_only")

        def placed(*given: P.args, **named: P.kwargs) -> R:
            if main_only or not own_databases():
                return run(*given, **named)
            if of_tenant:
                with where_lives(parameters.bind(*given, **named).arguments["tenant_id"]):
                    return run(*given, **named)
            return _together(in_each_database(lambda: run(*given, **named), what=run.__name__))

        @wraps(run)
        def patient(*given: P.args, **named: P.kwargs) -> R | None:
            try:
                return placed(*given, **named)
            except AWAY as error:
                first_line = str(error).partition("\n")[0]
                log.warning("database away, left to the next run", task=run.__name__, error=first_line[:200])
            except TenantMoving as error:
                log.info("left to the next run", task=run.__name__, reason=str(error))
            return None

        return cast("Task[P, R]", shared_task(**options)(patient))

    return decorate


def _together(results: list[R]) -> R:
    """What all runs did, where they count it; else what the first one says."""
    if all(isinstance(result, int) for result in results):
        return cast("R", sum(cast("list[int]", results)))
    return results[0]
