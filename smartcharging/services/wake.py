"""Waking the rebalancing of a tree: whatever happens, and however much at once, one round waits at a time.

A mark in Redis says that a round has been asked for; the task takes it away as it begins, so that what happens from
then on asks for the next one. Best effort: where Redis is away, or the mark's task is lost, the beat comes each minute.
Knows no rows but where a connector hangs.
"""

from collections.abc import Callable, Iterable, Set
from datetime import datetime

import structlog
from celery import current_app
from django.core.cache import cache
from django.utils import timezone

from smartcharging.causes import Cause
from smartcharging.services.roots import Place, forget_roots, roots_of
from tenants.context import current_scope, on_commit

log = structlog.get_logger(__name__)

TASK = "smartcharging.tasks.rebalance"
# What comes together is one round; and what set it off has been answered by then (a start, a boot).
GATHER_S = 0.2
# A power that changes is no hurry.
CALM_GATHER_S = 3.0
# A mark whose task was lost must not hold up for long.
MARK_S = 15
# A round that has not begun by then is the beat's.
EXPIRES_S = 50
# What says by itself that a while may pass.
CALM: frozenset[Cause] = frozenset({"power"})


def wake_circuit(*, tenant_id: int, root_id: int, cause: Cause) -> None:
    """Have a worker rebalance the tree once the open transaction, if any, has committed."""

    def wake() -> None:
        forget_roots(tenant_id)
        wake_now(tenant_id=tenant_id, root_id=root_id, cause=cause)

    _run_after_commit(wake)


def wake_connector(*, tenant_id: int, charge_point_id: int, evse_number: int, cause: Cause) -> None:
    """Wake the tree that the connector hangs on, if any. EVSE 0: those of the whole station."""
    wake_connectors(tenant_id=tenant_id, places={(charge_point_id, evse_number)}, cause=cause)


def wake_connectors(*, tenant_id: int, places: Set[Place], cause: Cause) -> None:
    """Wake each of the trees that these connectors hang on, once."""

    def wake() -> None:
        known = roots_of(tenant_id)
        _send_all(tenant_id, {root for place in places for root in known.of(*place)}, cause)

    _run_after_commit(wake)


def wake_station(*, tenant_id: int, identity: str, cause: Cause) -> None:
    """Wake the trees that a charge point hangs on, by its identity (events name no more)."""

    def wake() -> None:
        _send_all(tenant_id, roots_of(tenant_id).by_identity.get(identity, ()), cause)

    _run_after_commit(wake)


def wake_now(*, tenant_id: int, root_id: int, cause: str, delay_s: float | None = None) -> bool:
    """Ask for a round, outside of any transaction; False where nobody could be asked. `cause`: a `Cause`, or one that
    went through a task."""
    if delay_s is None:
        delay_s = CALM_GATHER_S if cause in CALM else GATHER_S
    try:
        if cache.add(_mark(tenant_id, root_id, cause), cause, timeout=MARK_S + int(delay_s)):
            current_app.send_task(
                TASK, args=[tenant_id, root_id, cause], countdown=delay_s, expires=EXPIRES_S + delay_s
            )
    except Exception as error:
        log.warning("circuit not woken", circuit_id=root_id, cause=cause, error=str(error)[:200])
        return False
    return True


def wake_at(*, tenant_id: int, root_id: int, at: datetime, cause: Cause) -> None:
    """Ask for a round at a time to come: a retry, the end of a signal. One waits at a time, the earliest."""
    now = timezone.now()
    delay_s = max((at - now).total_seconds(), GATHER_S)
    due = now.timestamp() + delay_s
    try:
        known = cache.get(_later(tenant_id, root_id))
        if known is not None and now.timestamp() < known <= due + 1:
            return
        cache.set(_later(tenant_id, root_id), due, timeout=int(delay_s) + 2)
        current_app.send_task(TASK, args=[tenant_id, root_id, cause], countdown=delay_s, expires=EXPIRES_S + delay_s)
    except Exception as error:
        log.warning("circuit not woken later", circuit_id=root_id, cause=cause, error=str(error)[:200])


def take_wake(*, tenant_id: int, root_id: int) -> None:
    """The round begins: what happens from now on asks for the next one."""
    try:
        cache.delete_many([_mark(tenant_id, root_id, ""), _mark(tenant_id, root_id, "power")])
    except Exception as error:
        log.warning("mark of a circuit stays", circuit_id=root_id, error=str(error)[:200])


def _run_after_commit(act: Callable[[], None]) -> None:
    def quietly() -> None:
        try:
            act()
        except Exception as error:
            log.warning("circuit not woken", error=str(error)[:200])

    if current_scope() is None:
        quietly()
    else:
        on_commit(quietly)


def _send_all(tenant_id: int, roots: Iterable[int], cause: str) -> None:
    for root_id in roots:
        wake_now(tenant_id=tenant_id, root_id=root_id, cause=cause)


def _mark(tenant_id: int, root_id: int, cause: str) -> str:
    # A hurry must not wait for a calm one's turn.
    return f"csms:circuit:{tenant_id}:{root_id}:{'calm' if cause in CALM else 'now'}"


def _later(tenant_id: int, root_id: int) -> str:
    return f"csms:circuit:{tenant_id}:{root_id}:later"
