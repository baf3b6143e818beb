"""Moving a tenant from one database to another, and back: `manage.py move_tenant`.

Every step can be repeated; `TenantMove.phase` says what is done, so whoever is killed at any point can go on. The tenant is
closed from the first step to the switch: its stations keep their queues, its people and programs are told to come again.

1. closing: its status says so (sockets are closed, API and pages answer 503). Once its stations are gone and nothing of it
   waits in Redis, the source's fence shuts (`fence`): whoever comes late is refused, whoever was inside has ended.
2. copying: all rows, as of one instant, in one transaction of the target, counted and compared (`rows`).
3. copied: the target's fence opens.
4. switched: one commit in the main database says where the tenant lives, and gives it its status back.
5. done: the old rows are erased in small transactions. The source's fence stays shut for as long as it lives elsewhere.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.utils import timezone

from tenants.context import directory_transaction, in_database, system_transaction
from tenants.databases import placement, rows
from tenants.databases.alone import UnderWay, alone, require_alone, set_phase
from tenants.databases.clearing import NotClosed, clear, close_and_clear, open_fence
from tenants.databases.closing import NotQuiet, newest_event, shut_fence, wait_until_empty, wait_until_quiet
from tenants.databases.copies import copy_tenant, drop_copy
from tenants.databases.names import MAIN, OWNER, alias_of, called, is_known
from tenants.databases.numbering import OUTBOX, advance, free_sequences, read_sequence
from tenants.databases.readiness import NotReady, check_ready
from tenants.delivery.mqtt import moved_sink
from tenants.erasure.erase import RowsLeft
from tenants.erasure.export import Progress
from tenants.models import FeedCursor, Tenant, TenantMove
from tenants.services.platform_trail import record_for_platform
from tenants.services.tenants import tell_status_changed

Phase = TenantMove.Phase
# What processes write off the path of answers (messages for the log) is written within this.
SETTLE_S = 3.0


class MoveRefused(Exception):
    """It makes no sense, or can't be done now; nothing was changed by this."""


@dataclass(slots=True)
class Work:
    """How a move is watched. `still_at_work(tenant)`: what has to end before rows are copied; empty: nothing.

    `reached(step)` is told what has just been done, for progress and for tests of what a crash leaves.
    """

    still_at_work: Callable[[Tenant], str]
    wait_s: float = 90.0
    settle_s: float = SETTLE_S
    copying: Progress = field(default=lambda table, share, rows: None)
    erasing: Progress = field(default=lambda table, share, rows: None)
    reached: Callable[[str], None] = field(default=lambda step: None)


def begin_move(*, slug: str, target: str, actor: str) -> TenantMove:
    """The move that is under way to there, or a new one: from now on the tenant is closed. MoveRefused says why not."""
    with directory_transaction():
        tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise MoveRefused(f"There is no tenant {slug!r}.")
    under_way = move_of(tenant.pk)
    if under_way is not None:
        if under_way.target != target:
            raise MoveRefused(
                f"{slug} is on its way to {called(under_way.target)}: finish that, or give it up with --undo."
            )
        return under_way
    _check_wish(tenant, target)
    with directory_transaction():
        row = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        _check_wish(row, target)
        move = TenantMove.objects.create(
            tenant_number=row.pk,
            tenant_slug=row.slug,
            source=row.database,
            target=target,
            status_before=row.status,
            actor=actor[:150],
        )
        row.status = Tenant.Status.MOVING
        row.save(update_fields=["status"])
        _note(row, actor, "move begun", move)
        tell_status_changed()
    return move


def _check_wish(tenant: Tenant, target: str) -> None:
    if not is_known(target):
        raise MoveRefused(f"CSMS_TENANT_DATABASES names no database {target!r}.")
    if tenant.database == target:
        raise MoveRefused(f"{tenant.slug} lives in {called(target)} already.")
    if not is_known(tenant.database):
        raise MoveRefused(f"{tenant.slug} lives in {tenant.database!r}, which CSMS_TENANT_DATABASES doesn't name.")
    if tenant.status not in (Tenant.Status.ACTIVE, Tenant.Status.SUSPENDED):
        raise MoveRefused(f"{tenant.slug} is {tenant.get_status_display().lower()}: it can't be moved.")
    try:
        check_ready(tenant.database, target)
    except NotReady as error:
        raise MoveRefused(str(error)) from None


def move_of(tenant_id: int) -> TenantMove | None:
    """The one that has not ended."""
    with directory_transaction():
        return TenantMove.objects.filter(tenant_number=tenant_id, ended_at=None).first()


def go_on(move: TenantMove, work: Work) -> dict[str, int]:
    """All that is left of it; table -> rows copied. Raises NotQuiet, rows.RowsDiffer, RowsLeft, NotClosed, database errors.

    Whatever it raises, the same call goes on later; until the switch, `undo_move` brings the tenant back. UnderWay while
    another run is at it.
    """
    with alone(move):
        return _go_on(move, work)


def _go_on(move: TenantMove, work: Work) -> dict[str, int]:
    work.reached("begun")
    if move.phase in (Phase.CLOSING, Phase.COPYING):
        _close(move, work)
        _copy(move, work)
    if move.phase == Phase.COPIED:
        _open_target(move)
        work.reached("target opened")
        _switch(move)
        work.reached("switched")
    if move.phase == Phase.SWITCHED:
        _erase_old(move, work)
        work.reached("erased")
        _end(move, Phase.DONE)
    found: dict[str, int] = move.rows
    return found


def _close(move: TenantMove, work: Work) -> None:
    """Until nothing is written for it any more."""
    tenant, deadline = _tenant(move), time.monotonic() + work.wait_s
    with directory_transaction():
        tell_status_changed()
    wait_until_quiet(lambda: work.still_at_work(tenant), deadline, work.settle_s)
    work.reached("quiet")
    require_alone(move)
    shut_fence(move)
    work.reached("fence shut")
    wait_until_empty(move, deadline)
    set_phase(move, Phase.COPYING)
    work.reached("closed")


def _copy(move: TenantMove, work: Work) -> None:
    """What an earlier attempt has left in the target goes first."""
    # Once more, right before rows are erased there.
    set_phase(move, Phase.COPYING)
    if move.target:
        copy_tenant(move.tenant_number, move.target)
    close_and_clear(move.tenant_number, move.target)
    _advance_sequences(move)
    work.reached("target ready")
    copied = rows.copy_rows(move.tenant_number, move.source, move.target, work.copying)
    work.reached("rows copied")
    with directory_transaction():
        TenantMove.objects.filter(pk=move.pk).update(rows=copied)
    move.rows = copied
    set_phase(move, Phase.COPIED)
    work.reached("copied")


def _advance_sequences(move: TenantMove) -> None:
    """Ids of events grow wherever the tenant lives; ids of the protocol are given to a station once only."""
    with connections[alias_of(OWNER, move.source)].cursor() as cursor:
        last = {name: read_sequence(cursor, name).last for name in (OUTBOX, *free_sequences(cursor))}
    with in_database(move.source), system_transaction():
        last[OUTBOX] = max(last[OUTBOX], newest_event(move))
    for name, number in last.items():
        advance(move.target, name, number)


def _open_target(move: TenantMove) -> None:
    """Nobody is led there yet, but for processes that remember it from earlier: they find all that they need."""
    require_alone(move)
    with in_database(move.target), system_transaction():
        open_fence(move.tenant_number)
        # Published where it lived until now.
        mark, newest = moved_sink(move.tenant_number), newest_event(move)
        FeedCursor.objects.update_or_create(sink=mark, defaults={"cursor": newest})
        _catch_up_aggregates(move)


def _catch_up_aggregates(move: TenantMove) -> None:
    """Higher apps mark what the target's own notes would pass over (`on_arrival`)."""
    for act in _on_arrival:
        act(move.tenant_number, move.source, move.target)


_on_arrival: list[Callable[[int, str, str], None]] = []


def on_arrival(act: Callable[[int, str, str], None]) -> None:
    """Higher apps register `act(tenant_id, source, target)`: in a system transaction of the target that has all rows."""
    if act not in _on_arrival:
        _on_arrival.append(act)


def _switch(move: TenantMove) -> None:
    """The one commit that counts."""
    with directory_transaction():
        row = Tenant.objects.select_for_update(no_key=True).get(pk=move.tenant_number)
        row.database, row.status = move.target, move.status_before
        row.save(update_fields=["database", "status"])
        _note(row, move.actor, "moved", move)
        set_phase(move, Phase.SWITCHED)
        TenantMove.objects.filter(pk=move.pk).update(switched_at=timezone.now())
        tell_status_changed()
    placement.forget()


def _erase_old(move: TenantMove, work: Work) -> None:
    """In batches. The copy of the tenant's row goes last; in the main database the row stays."""
    if move.target:
        copy_tenant(move.tenant_number, move.target)
    clear(move.tenant_number, move.source, work.erasing)
    if move.source:
        require_alone(move)
        drop_copy(move.tenant_number, move.source)


def undo_move(move: TenantMove) -> None:
    """Before the switch: the tenant goes on where it was. MoveRefused afterwards, UnderWay while another run is at it."""
    with alone(move):
        _undo(move)


def _undo(move: TenantMove) -> None:
    if move.phase == Phase.SWITCHED:
        raise MoveRefused(
            f"{move.tenant_slug} lives in {called(move.target)} by now: finish the move, then move it back."
        )
    # First: whoever goes on after this was killed must copy anew, not switch to what is being erased.
    set_phase(move, Phase.CLOSING)
    close_and_clear(move.tenant_number, move.target)
    require_alone(move)
    if move.target:
        drop_copy(move.tenant_number, move.target)
    with in_database(move.source), system_transaction():
        open_fence(move.tenant_number)
    with directory_transaction():
        row = Tenant.objects.select_for_update(no_key=True).get(pk=move.tenant_number)
        row.status = move.status_before
        row.save(update_fields=["status"])
        _note(row, move.actor, "move given up", move)
        _end(move, Phase.UNDONE)
        tell_status_changed()


def _end(move: TenantMove, phase: str) -> None:
    with directory_transaction():
        require_alone(move)
        TenantMove.objects.filter(pk=move.pk).update(phase=phase, ended_at=timezone.now())
    move.phase = phase


def _tenant(move: TenantMove) -> Tenant:
    with directory_transaction():
        return Tenant.objects.get(pk=move.tenant_number)


def _note(tenant: Tenant, actor: str, action: str, move: TenantMove) -> None:
    changes: dict[str, Any] = {"database": [called(move.source), called(move.target)]}
    if move.rows:
        changes["rows"] = sum(move.rows.values())
    record_for_platform(actor=actor, origin="command", action=action, tenant=tenant, changes=changes)


__all__ = [
    "MAIN",
    "MoveRefused",
    "NotClosed",
    "NotQuiet",
    "RowsLeft",
    "UnderWay",
    "Work",
    "begin_move",
    "go_on",
    "move_of",
    "on_arrival",
    "undo_move",
]
