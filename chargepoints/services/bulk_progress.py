"""Bulk commands go on: at most `concurrency` of each are open, and the rows are the truth.

A round runs under the lock of its bulk command's row and commits commands and targets together, so that a crash
leaves either both or none, and two workers never send to one charge point twice. Gateways are told after the commit;
one that isn't finds the commands at its next beat.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from chargepoints.events import BulkCommandFinished
from chargepoints.models import BulkCommand, BulkTarget, Command, CommandState, StationConnection
from chargepoints.services.bulk import OFFLINE, TOO_LATE
from chargepoints.services.bulk_lists import send_lists
from chargepoints.services.bulk_wishes import ACTION, SET_ANEW, overtaken
from chargepoints.services.command_hooks import made_by_hand
from chargepoints.services.priorities import priority_of
from tenants.context import on_commit, system_transaction, tenant_transaction
from tenants.events import publish

log = structlog.get_logger(__name__)
State, TargetState = BulkCommand.State, BulkTarget.State


def advance_bulks() -> int:
    """One round for each bulk command that runs; the number of commands queued."""
    with system_transaction():
        running = list(
            BulkCommand.objects.filter(state=State.RUNNING).order_by("created_at").values_list("tenant_id", "pk")
        )
    sent = 0
    for tenant_id, bulk_id in running:
        try:
            sent += advance_bulk(tenant_id=tenant_id, bulk_id=bulk_id)
        except Exception:
            # One that can't go on must not hold up the others.
            log.exception("bulk command stuck", bulk_id=str(bulk_id))
    return sent


def advance_bulk(*, tenant_id: int, bulk_id: UUID) -> int:
    """Queue the next commands as far as there is room; end it after the last. The number queued."""
    with tenant_transaction(tenant_id):
        running = BulkCommand.objects.select_for_update(skip_locked=True).filter(pk=bulk_id, state=State.RUNNING)
        bulk = running.first()
        if bulk is None:
            return 0
        now = timezone.now()
        waiting = BulkTarget.objects.filter(bulk=bulk, state=TargetState.WAITING)
        if bulk.expires_at is not None and bulk.expires_at <= now:
            waiting.update(state=TargetState.SKIPPED, detail=TOO_LATE, skipped_at=now)
        sent = _send_next(bulk, waiting, now)
        if not sent and not waiting.exists() and not _open(bulk).exists():
            _finish(bulk, now)
    return sent


def _live() -> Exists:
    return Exists(StationConnection.objects.live().filter(charge_point=OuterRef("charge_point")))


def _open(bulk: BulkCommand) -> QuerySet[Command]:
    return Command.objects.filter(bulk_target__bulk=bulk, state__in=[CommandState.QUEUED, CommandState.SENT]).order_by()


def _send_next(bulk: BulkCommand, waiting: QuerySet[BulkTarget], now: datetime) -> int:
    # A command that waits for a charge point which has gone offline since takes nobody's room.
    busy = _open(bulk).filter(Q(state=CommandState.SENT) | Q(_live())).count()
    room = max(0, bulk.concurrency - busy)
    chosen = list(waiting.filter(_live()).order_by("pk")[:room])
    if bulk.expires_at is None and room:
        _skip_offline(waiting, chosen, room, now)
    if chosen and bulk.action == ACTION:
        chosen = _not_set_anew(bulk, chosen, now)
    if chosen and bulk.kind == BulkCommand.Kind.LOCAL_LIST:
        send_lists(bulk, chosen, now)
    elif chosen:
        _queue(bulk, chosen)
    return len(chosen)


def _not_set_anew(bulk: BulkCommand, chosen: list[BulkTarget], now: datetime) -> list[BulkTarget]:
    """Those whose key still waits for this order; the others are skipped."""
    late = overtaken(bulk, [target.charge_point_id for target in chosen])
    if late:
        skipped = BulkTarget.objects.filter(pk__in=[one.pk for one in chosen if one.charge_point_id in late])
        skipped.update(state=TargetState.SKIPPED, detail=SET_ANEW, skipped_at=now)
    return [target for target in chosen if target.charge_point_id not in late]


def _skip_offline(waiting: QuerySet[BulkTarget], chosen: list[BulkTarget], room: int, now: datetime) -> None:
    """Those whose turn has come and who aren't there: all up to the last that was chosen, or all where no more came."""
    # One that was chosen may have gone offline since: it gets its command, which waits for it.
    passed = waiting.filter(~_live()).exclude(pk__in=[target.pk for target in chosen])
    if len(chosen) == room:
        passed = passed.filter(pk__lt=chosen[-1].pk)
    passed.update(state=TargetState.SKIPPED, detail=OFFLINE, skipped_at=now)


def _queue(bulk: BulkCommand, chosen: list[BulkTarget]) -> None:
    """A command for each, and the targets' link to it: a few statements, whatever their number."""
    shared: dict[str, Any] = {
        "tenant_id": bulk.tenant_id,
        "action": bulk.action,
        "payload": bulk.payload,
        "priority": priority_of(bulk.action),
        "timeout_s": settings.COMMAND_TIMEOUT_SECONDS,
        "requested_by": bulk.requested_by,
        "origin": bulk.origin,
        "expires_at": bulk.expires_at,
    }
    commands = [Command(charge_point_id=target.charge_point_id, **shared) for target in chosen]
    Command.objects.bulk_create(commands)
    made_by_hand(commands)
    for target, command in zip(chosen, commands, strict=True):
        target.command, target.state = command, TargetState.SENT
    BulkTarget.objects.bulk_update(chosen, ["command", "state"])
    stations = [target.charge_point_id for target in chosen]
    channels = list(
        StationConnection.objects.live()
        .filter(charge_point__in=stations)
        .values_list("gateway__channel", "charge_point_id")
    )
    on_commit(lambda: _tell_gateways(channels))


def _tell_gateways(channels: list[tuple[str, int]]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return

    async def tell() -> None:
        for channel, charge_point_id in channels:
            await layer.send(channel, {"type": "command", "charge_point_id": charge_point_id})

    try:
        async_to_sync(tell)()
    except Exception as error:
        log.warning("gateways not told", error=str(error)[:200])


def _finish(bulk: BulkCommand, now: datetime) -> None:
    bulk.state, bulk.finished_at = State.FINISHED, now
    bulk.save(update_fields=["state", "finished_at"])
    accepted = Command.objects.filter(bulk_target__bulk=bulk, state=CommandState.ACCEPTED).count()
    publish(BulkCommandFinished(at=now, bulk_id=str(bulk.pk), action=bulk.action, total=bulk.total, accepted=accepted))
