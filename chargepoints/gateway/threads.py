"""ORM work of the gateway: threads sized to the connection pool, none of asgiref's single shared thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from django.db import close_old_connections

from tenants.tracing import carry

T = TypeVar("T")


class DatabaseThreads:
    """Runs plain functions off the event loop; connections go back to the pool after each."""

    def __init__(self, size: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=name)

    async def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Await `function(*args, **kwargs)`. Log context goes along."""
        bound = structlog.contextvars.get_contextvars()
        loop, carried = asyncio.get_running_loop(), carry(function)
        return await loop.run_in_executor(self._executor, _call, carried, args, kwargs, bound)

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=False)


def _call(function: Callable[..., T], args: Any, kwargs: Any, bound: dict[str, Any]) -> T:
    close_old_connections()
    try:
        with structlog.contextvars.bound_contextvars(**bound):
            return function(*args, **kwargs)
    finally:
        close_old_connections()
