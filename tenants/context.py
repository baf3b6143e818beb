"""The scope of database work: one tenant, or the whole system.

`tenant_transaction(tenant_id)` opens a transaction whose rows are those of one tenant; the database
itself filters them (row-level security on `csms.tenant_id`, set LOCAL so that a pooled connection
can't carry it on). `system_transaction()` opens one under the system role, for sign-in, sweeps and
ingest. Inside either, plain ORM calls go to the right connection (`tenants.router`).
Outside any scope, tenant-owned tables show no rows.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import structlog
from django.db import OperationalError, connections, transaction

log = structlog.get_logger(__name__)

APP_ALIAS = "default"
SYSTEM_ALIAS = "system"
# A standby of the same database, under the app role; there is one where DATABASE_REPLICA_URL names it.
REPLICA_ALIAS = "replica"
# One that can't be reached is left alone for so long: finding out takes seconds.
REPLICA_REST_S = 30.0
_replica_rests_until = 0.0


@dataclass(frozen=True, slots=True)
class Scope:
    """Where queries go: the database alias, and the tenant (None: the whole system)."""

    alias: str
    tenant_id: int | None


_scope: ContextVar[Scope | None] = ContextVar("csms_scope", default=None)


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


@contextmanager
def tenant_transaction(tenant_id: int) -> Iterator[None]:
    """A transaction in which exactly the rows of `tenant_id` exist. Nests within itself (a savepoint)."""
    outer = _scope.get()
    if outer is not None and outer.alias == APP_ALIAS and outer.tenant_id != tenant_id:
        raise ScopeError(f"tenant {tenant_id} asked for inside a transaction of tenant {outer.tenant_id}")
    # What runs on commit still sees the scope, but its transaction is over: the tenant must be set anew.
    nested = outer is not None and outer.alias == APP_ALIAS and connections[APP_ALIAS].in_atomic_block
    token = _scope.set(Scope(APP_ALIAS, tenant_id))
    try:
        with transaction.atomic(using=APP_ALIAS):
            if not nested:
                with connections[APP_ALIAS].cursor() as cursor:
                    cursor.execute("SELECT set_config('csms.tenant_id', %s, true)", [str(tenant_id)])
            yield
    finally:
        _scope.reset(token)


@contextmanager
def report_transaction(tenant_id: int) -> Iterator[None]:
    """As `tenant_transaction`, to read only, and from the replica where there is one: it may be seconds behind.

    A replica that can't be reached leaves the work to the primary.
    """
    outer = _scope.get()
    if outer is not None and outer.tenant_id not in (None, tenant_id):
        raise ScopeError(f"a report of tenant {tenant_id} asked for inside a transaction of tenant {outer.tenant_id}")
    if not _has_replica():
        with tenant_transaction(tenant_id):
            yield
        return
    token = _scope.set(Scope(REPLICA_ALIAS, tenant_id))
    try:
        with transaction.atomic(using=REPLICA_ALIAS):
            with connections[REPLICA_ALIAS].cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
                cursor.execute("SELECT set_config('csms.tenant_id', %s, true)", [str(tenant_id)])
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
    """A transaction over all tenants, under the system role's few grants."""
    token = _scope.set(Scope(SYSTEM_ALIAS, None))
    try:
        with transaction.atomic(using=SYSTEM_ALIAS):
            yield
    finally:
        _scope.reset(token)


def on_commit(act: Callable[[], object]) -> None:
    """Run `act` once the scope's transaction has committed; an error there must not undo what is stored."""
    scope = _scope.get()
    alias = scope.alias if scope else APP_ALIAS
    transaction.on_commit(lambda: act() and None, using=alias, robust=True)
