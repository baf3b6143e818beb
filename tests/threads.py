"""Threads of tests and their database connections: back to the pool after each piece of work, as in the gateway.

A connection that ends with its thread is one that PostgreSQL starts a process for, and that lies about until the garbage
collector comes by.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.db import connections


def give_connections_back() -> None:
    """Those of this thread."""
    for connection in connections.all(initialized_only=True):
        connection.close()


class _Threads(ThreadPoolExecutor):
    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        return super().submit(_run, function, *args, **kwargs)


def _run(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    finally:
        give_connections_back()


class Loops(asyncio.DefaultEventLoopPolicy):
    """Event loops whose `asyncio.to_thread` gives connections back."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().new_event_loop()
        loop.set_default_executor(_Threads(thread_name_prefix="test"))
        return loop
