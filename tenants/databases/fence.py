"""Who comes to a database where a tenant doesn't live (any more) is refused by the database itself.

A process remembers where tenants live, and may be stopped for a minute between looking and writing. So each transaction of
a tenant enters by `csms_enter_tenant`: it takes a lock that it shares with the tenant's other transactions, and then
looks whether the tenant is closed here. A move closes the tenant, and takes the same lock alone: when it has it, whoever had
entered before has ended, and whoever comes later is refused.

Only processes that know of other databases enter so; the others refuse a tenant whose database they have no address for.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec

import psycopg
from django.db import DatabaseError

P = ParamSpec("P")

# Class "CS" is no class of PostgreSQL's.
ELSEWHERE = "CS001"
# The first half of a two-part advisory lock: none of ours has two parts otherwise.
LOCK_CLASS = 1_129_270_349
ENTER = "SELECT csms_enter_tenant(%s)"
# Also for raw connections, which write for many tenants: what they write belongs to tenants that are not closed.
HOLD = "SELECT csms_hold_tenant(t) FROM unnest(%s::bigint[]) AS t"
CREATE_FUNCTIONS = f"""
CREATE FUNCTION csms_hold_tenant(tenant bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({LOCK_CLASS}, (tenant % 2147483647)::int);
    IF EXISTS (SELECT 1 FROM tenants_closedtenant WHERE tenant_number = tenant) THEN
        RAISE EXCEPTION 'tenant % does not live in this database, or is on the move', tenant USING ERRCODE = '{ELSEWHERE}';
    END IF;
END $$;

CREATE FUNCTION csms_enter_tenant(tenant bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM csms_hold_tenant(tenant);
    PERFORM set_config('csms.tenant_id', tenant::text, true);
END $$;
"""
DROP_FUNCTIONS = """
DROP FUNCTION csms_enter_tenant(bigint);
DROP FUNCTION csms_hold_tenant(bigint);
"""
HOLD_ALONE = f"SELECT pg_advisory_xact_lock({LOCK_CLASS}, (%s %% 2147483647)::int)"
HOLD_WITH_OTHERS = f"SELECT pg_advisory_xact_lock_shared({LOCK_CLASS}, (%s %% 2147483647)::int)"


class TenantMoving(Exception):
    """A tenant's rows are on the move between databases: try again in a minute."""

    retry_after_s = 30


def passes_over_moving(act: Callable[P, bool]) -> Callable[P, bool]:
    """For sweeps that take one row after another: a tenant that is being moved is left to a later run (False)."""

    @wraps(act)
    def act_or_pass(*given: P.args, **named: P.kwargs) -> bool:
        try:
            return act(*given, **named)
        except TenantMoving:
            return False

    return act_or_pass


def is_elsewhere(error: BaseException) -> bool:
    """Whether the database has refused a tenant that doesn't live there."""
    cause = error.__cause__ if isinstance(error, DatabaseError) else error
    return isinstance(cause, psycopg.Error) and cause.sqlstate == ELSEWHERE


def sorted_ids(tenant_ids: Iterable[int]) -> list[int]:
    """In one order, so that two that hold several wait for each other instead of deadlocking."""
    return sorted(set(tenant_ids))
