"""The scope of database work: one tenant, or the whole system.

`tenant_transaction(tenant_id)` opens a transaction whose rows are those of one tenant; the database
itself filters them (row-level security on `csms.tenant_id`, set LOCAL so that a pooled connection
can't carry it on). `system_transaction()` opens one under the system role, for sign-in, sweeps and
ingest. Inside either, plain ORM calls go to the right connection (`tenants.router`), and raw SQL to
`scope_connection()` and `system_connection()`. Outside any scope, tenant-owned tables show no rows.

Tenants may live in databases of their own (`tenants.databases`). A tenant's transaction finds its database by itself. The
system's is in the main one, unless `in_database(name)` says otherwise, or the tenant whose transaction is open lives elsewhere.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import structlog
from django.db import DatabaseError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tenants.databases.fence import ENTER, HOLD, TenantMoving, is_elsewhere
from tenants.databases.names import APP, MAIN, SYSTEM, alias_of, own_databases
from tenants.databases.placement import database_of, look_again

log = structlog.get_logger(__name__)

APP_ALIAS = APP
SYSTEM_ALIAS = SYSTEM
# A standby of the same database, under the app role; there is one where DATABASE_REPLICA_URL names it.
REPLICA_ALIAS = "replica"
# One that can't be reached is left alone for so long: finding out takes seconds.
REPLICA_REST_S = 30.0
_replica_rests_until = 0.0
SET_TENANT = "SELECT set_config('csms.tenant_id', %s, true)"


@dataclass(slots=True)
class Directory:
    """The transaction in the main database of a scope that is elsewhere: begun when something of the directory is asked for."""

    stack: ExitStack
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Where queries go: the connection's alias, the tenant (None: the whole system), the database."""

    alias: str
    tenant_id: int | None
    database: str = MAIN
    directory: Directory | None = field(default=None, compare=False)


_scope: ContextVar[Scope | None] = ContextVar("csms_scope", default=None)
_database: ContextVar[str] = ContextVar("csms_database", default=MAIN)


class ScopeError(RuntimeError):
    """A scope was opened inside one that it must not be opened in."""


def current_scope() -> Scope | None:
    """The innermost open scope of this thread or task."""
    return _scope.get()


def current_tenant_id() -> int:
    """The tenant of the open scope; ScopeError where there is none."""
    scope = _scope.get()
    if scope is None or scope.tenant_id is None:
        raise ScopeError("no tenant scope is open: use tenant_transaction(tenant_id)")
    return scope.tenant_id


def current_database() -> str:
    """The database that system transactions are in now."""
    return _database.get()


@contextmanager
def in_database(database: str) -> Iterator[None]:
    """System transactions inside are in this one."""
    token = _database.set(database)
    try:
        yield
    finally:
        _database.reset(token)


@contextmanager
def where_lives(tenant_id: int) -> Iterator[None]:
    """System transactions inside are in the tenant's database."""
    with in_database(database_of(tenant_id)):
        yield


def scope_alias() -> str:
    """The alias of the open scope's connection."""
    scope = _scope.get()
    return scope.alias if scope is not None else APP_ALIAS


def scope_connection() -> BaseDatabaseWrapper:
    """For raw SQL in the open scope."""
    return connections[scope_alias()]


def system_connection() -> BaseDatabaseWrapper:
    """For raw SQL under the system role, in the current database."""
    return connections[alias_of(SYSTEM, _database.get())]


@contextmanager
def tenant_transaction(tenant_id: int) -> Iterator[None]:
    """A transaction in which exactly the rows of `tenant_id` exist. Nests within itself (a savepoint).

    TenantMoving while its rows are on the way from one database to another.
    """
    outer = _scope.get()
    of_app = outer is not None and outer.tenant_id is not None and outer.alias != REPLICA_ALIAS
    if of_app and outer is not None and outer.tenant_id != tenant_id:
        raise ScopeError(f"tenant {tenant_id} asked for inside a transaction of tenant {outer.tenant_id}")
    # What runs on commit still sees the scope, but its transaction is over: the tenant must be set anew.
    if of_app and outer is not None and connections[outer.alias].in_atomic_block:
        with transaction.atomic(using=outer.alias):
            yield
    elif own_databases():
        with ExitStack() as stack:
            _enter(stack, tenant_id)
            yield
    else:
        token = _scope.set(Scope(APP_ALIAS, tenant_id))
        try:
            with transaction.atomic(using=APP_ALIAS):
                with connections[APP_ALIAS].cursor() as cursor:
                    cursor.execute(SET_TENANT, [str(tenant_id)])
                yield
        finally:
            _scope.reset(token)


def _enter(stack: ExitStack, tenant_id: int) -> None:
    """Where it lives; once more where it has just moved."""
    try:
        stack.push(_entered(tenant_id, database_of(tenant_id)))
    except DatabaseError as error:
        if not is_elsewhere(error):
            raise
        try:
            stack.push(_entered(tenant_id, look_again(tenant_id)))
        except DatabaseError as second:
            if not is_elsewhere(second):
                raise
            raise TenantMoving(f"tenant {tenant_id} is on the move to another database") from None


def _entered(tenant_id: int, database: str) -> ExitStack:
    """An open transaction of the tenant, to be closed by whoever gets it."""
    alias = alias_of(APP, database)
    with _scoped(alias, tenant_id, database) as stack:
        stack.enter_context(transaction.atomic(using=alias))
        with connections[alias].cursor() as cursor:
            cursor.execute(ENTER, [tenant_id])
        return stack.pop_all()


def _scoped(alias: str, tenant_id: int | None, database: str) -> ExitStack:
    """The scope is set until it closes, and with it what was begun in the directory: after the scope's own transaction."""
    stack = ExitStack()
    directory = Directory(ExitStack()) if database else None
    token, place = _scope.set(Scope(alias, tenant_id, database, directory)), _database.set(database)
    stack.callback(_scope.reset, token)
    stack.callback(_database.reset, place)
    if directory is not None:
        stack.push(directory.stack)
    return stack


def directory_alias() -> str:
    """Where the directory is read and written from the open scope: in the main database, under the scope's role."""
    scope = _scope.get()
    if scope is None or scope.directory is None:
        return scope.alias if scope is not None else APP_ALIAS
    alias = APP_ALIAS if scope.tenant_id is not None else SYSTEM_ALIAS
    if not scope.directory.is_open:
        scope.directory.stack.enter_context(transaction.atomic(using=alias))
        scope.directory.is_open = True
        if scope.tenant_id is not None:
            with connections[alias].cursor() as cursor:
                cursor.execute(SET_TENANT, [str(scope.tenant_id)])
    return alias


@contextmanager
def report_transaction(tenant_id: int) -> Iterator[None]:
    """As `tenant_transaction`, to read only, and from the replica where there is one: it may be seconds behind.

    A replica that can't be reached leaves the work to the primary. Databases of single tenants have none.
    """
    outer = _scope.get()
    if outer is not None and outer.tenant_id not in (None, tenant_id):
        raise ScopeError(f"a report of tenant {tenant_id} asked for inside a transaction of tenant {outer.tenant_id}")
    if database_of(tenant_id) or not _has_replica():
        with tenant_transaction(tenant_id):
            yield
        return
    token = _scope.set(Scope(REPLICA_ALIAS, tenant_id))
    try:
        with transaction.atomic(using=REPLICA_ALIAS):
            with connections[REPLICA_ALIAS].cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
                cursor.execute(SET_TENANT, [str(tenant_id)])
            yield
    finally:
        _scope.reset(token)


def _has_replica() -> bool:
    global _replica_rests_until
    if REPLICA_ALIAS not in connections or time.monotonic() < _replica_rests_until:
        return False
    try:
        connections[REPLICA_ALIAS].ensure_connection()
    except OperationalError as error:
        _replica_rests_until = time.monotonic() + REPLICA_REST_S
        log.warning("replica away, the primary is asked", error=str(error)[:200])
        return False
    return True


@contextmanager
def system_transaction() -> Iterator[None]:
    """A transaction over all tenants of the current database, under the system role's few grants."""
    database = _database.get()
    if database:
        alias = alias_of(SYSTEM, database)
        with _scoped(alias, None, database), transaction.atomic(using=alias):
            yield
        return
    token = _scope.set(Scope(SYSTEM_ALIAS, None))
    try:
        with transaction.atomic(using=SYSTEM_ALIAS):
            yield
    finally:
        _scope.reset(token)


def hold_tenant(tenant_id: int) -> None:
    """In an open system transaction that writes for one tenant: it lives here until that ends, or DatabaseError."""
    if own_databases():
        with system_connection().cursor() as cursor:
            cursor.execute(HOLD, [[tenant_id]])


@contextmanager
def directory_transaction() -> Iterator[None]:
    """`system_transaction` in the main database, whatever the current one is: tenants, people, sign-in."""
    with in_database(MAIN), system_transaction():
        yield


def on_commit(act: Callable[[], object]) -> None:
    """Run `act` once the scope's transaction has committed; an error there must not undo what is stored."""
    scope = _scope.get()
    alias = scope.alias if scope else APP_ALIAS
    transaction.on_commit(lambda: act() and None, using=alias, robust=True)
