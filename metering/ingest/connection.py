"""Raw asynchronous connections under the system role, for the event loop (Django's are for threads)."""

import os
import socket
from typing import Any

import psycopg
from django.db import connections

from tenants.databases.names import MAIN, SYSTEM, alias_of

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
# What Django adds for its own use.
_NOT_LIBPQ = {
    "context",
    "cursor_factory",
    "prepare_threshold",
    "server_side_binding",
    "pool",
    "assume_role",
    "isolation_level",
}

# PostgreSQL can't take readings now, whatever they are: not there, shutting down, read-only, full, no such table.
AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.InternalError,
    psycopg.ProgrammingError,
    TimeoutError,
    OSError,
)


async def connect_system(database: str = MAIN) -> Connection:
    """A connection in autocommit. psycopg.OperationalError within connect_timeout where there is none to be had."""
    parameters = connections[alias_of(SYSTEM, database)].get_connection_params()
    return await psycopg.AsyncConnection.connect(
        autocommit=True,
        # A transaction-pooling proxy hands each transaction to another backend: nothing may be prepared on one.
        prepare_threshold=None,
        **{name: value for name, value in parameters.items() if name not in _NOT_LIBPQ},
    )


def cut(connection: Connection) -> None:
    """End a silent connection at once; whoever waits on it gets psycopg.OperationalError.

    Cancelling the task instead would wait for the server's consent, which a hung server never gives.
    """
    try:
        with socket.socket(fileno=os.dup(connection.fileno())) as doubled:
            doubled.shutdown(socket.SHUT_RDWR)
    except (OSError, psycopg.Error):
        # Already gone, which is what we wanted.
        return
