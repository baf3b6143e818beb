"""A command to many charge points (DESIGN §4): its rows, made at once; `bulk_progress` sends a few at a time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from chargepoints.models import BulkCommand, BulkTarget, ChargePoint, Command, CommandState
from chargepoints.services.bulk_wake import wake_bulk
from chargepoints.services.command_ends import end_commands
from chargepoints.services.commands import check_command
from chargepoints.services.hand_checks import check_by_hand, check_for_stations
from chargepoints.services.shown_payloads import shown_payload
from tenants.context import current_tenant_id, on_commit, tenant_transaction
from tenants.services.audit import record
from tenants.stored_words import stored

State, TargetState, Kind = BulkCommand.State, BulkTarget.State, BulkCommand.Kind
DEFAULT_CONCURRENCY, MOST_CONCURRENCY = 50, 500
ROWS_AT_ONCE = 2000
# Why one was skipped that may well be tried again.
OFFLINE, TOO_LATE = stored("It was offline."), stored("It did not come online in time.")
CANCELLED_BY = "Cancelled by"
stored("Cancelled by %(actor)s.")
# What a target can be: its own state until it is sent, then its command's.
COUNTED = (TargetState.WAITING.value, TargetState.SKIPPED.value, *(state.value for state in CommandState))


class NoTargets(Exception):
    """No charge point matches."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent. `expires_at` None: charge points that are offline at their turn are skipped."""

    action: str
    payload: dict[str, Any]
    expires_at: datetime | None = None
    concurrency: int = DEFAULT_CONCURRENCY
    # What the charge points were chosen by, for people.
    chosen_by: dict[str, Any] = field(default_factory=dict)
    # From a service that looks at each charge point itself, and skips those that it is not for.
    vetted: bool = False
    kind: str = Kind.COMMAND
    retry_of: UUID | None = None


def check_order(order: Order, stations: QuerySet[ChargePoint]) -> None:
    """OcppError for what can't be sent to all of them: the payload is checked once for each OCPP version."""
    if not order.vetted:
        check_by_hand(order.action, order.payload)
    # What is written for each by itself stands in no payload yet.
    payload = order.payload if order.kind == Kind.COMMAND else {**order.payload, "listVersion": 1}
    for version in sorted(set(stations.order_by().values_list("ocpp_version", flat=True))):
        check_command(version, order.action, payload)
    if not order.vetted:
        check_for_stations(order.action, order.payload, stations)


def create_bulk(
    *, stations: QuerySet[ChargePoint], order: Order, requested_by: str, origin: str, order_id: UUID | None = None
) -> BulkCommand:
    """Store the order and its charge points; sending begins on commit. Raises OcppError and NoTargets, with nothing
    stored. Call in the tenant's transaction.

    `order_id`: of the page that it was confirmed on; the same one sent twice is one order.
    """
    if order_id is None:
        return _create(uuid4(), stations, order, requested_by, origin)
    if known := BulkCommand.objects.filter(pk=order_id).first():
        return known
    try:
        return _create(order_id, stations, order, requested_by, origin)
    except IntegrityError:
        # The same at the same moment; or, were it another tenant's, a number that can't be had.
        known = BulkCommand.objects.filter(pk=order_id).first()
        return known or _create(uuid4(), stations, order, requested_by, origin)


def _create(
    order_id: UUID, stations: QuerySet[ChargePoint], order: Order, requested_by: str, origin: str
) -> BulkCommand:
    tenant_id = current_tenant_id()
    with tenant_transaction(tenant_id):
        check_order(order, stations)
        ids = sorted(set(stations.order_by().values_list("pk", flat=True)))
        if not ids:
            raise NoTargets
        bulk = BulkCommand.objects.create(
            id=order_id,
            tenant_id=tenant_id,
            action=order.action,
            kind=order.kind,
            payload=order.payload,
            filter=order.chosen_by,
            concurrency=order.concurrency,
            total=len(ids),
            requested_by=requested_by,
            origin=origin,
            expires_at=order.expires_at,
            retry_of=order.retry_of,
        )
        targets = (BulkTarget(tenant_id=tenant_id, bulk=bulk, charge_point_id=pk) for pk in ids)
        BulkTarget.objects.bulk_create(targets, batch_size=ROWS_AT_ONCE)
        record(
            actor=requested_by,
            origin=origin,
            action=order.action,
            target=bulk,
            changes={"payload": shown_payload(order.payload), "chosen_by": order.chosen_by, "charge_points": len(ids)},
        )
        on_commit(lambda: wake_bulk(tenant_id, bulk.pk))
    return bulk


def cancel_bulk(bulk: BulkCommand, actor: str, origin: str = "api") -> bool:
    """running -> cancelled: what waits is skipped, what is queued is cancelled, what has been sent goes on.

    False where it has ended.
    """
    now = timezone.now()
    with tenant_transaction(bulk.tenant_id):
        # Waits for a round that is being sent: none is queued behind our back.
        if not BulkCommand.objects.filter(pk=bulk.pk, state=State.RUNNING).update(
            state=State.CANCELLED, finished_at=now
        ):
            return False
        BulkTarget.objects.filter(bulk=bulk, state=TargetState.WAITING).update(
            state=TargetState.SKIPPED, detail=f"{CANCELLED_BY} {actor}."[:255], skipped_at=now
        )
        queued = Command.objects.filter(bulk_target__bulk=bulk, state=CommandState.QUEUED)
        end_commands(queued, CommandState.CANCELLED, at=now, description=f"{CANCELLED_BY} {actor}.")
        record(actor=actor, origin=origin, action="cancel", target=bulk)
    return True


def counts_of(bulks: Sequence[BulkCommand]) -> dict[Any, dict[str, int]]:
    """For each: how many charge points are waiting, skipped, or in which state their command is. One query."""
    rows = (
        BulkTarget.objects.filter(bulk__in=bulks)
        .values("bulk_id", "state", stands=F("command__state"))
        .annotate(number=Count("pk"))
        .order_by()
    )
    counted: dict[Any, Counter[str]] = {bulk.pk: Counter() for bulk in bulks}
    for row in rows:
        counted[row["bulk_id"]][status_of(row["state"], row["stands"])] += row["number"]
    return {pk: {name: found[name] for name in COUNTED} for pk, found in counted.items()}


def status_of(target_state: str, command_state: str | None) -> str:
    """One of COUNTED. A command whose row is gone (a deletion) counts as skipped."""
    if target_state != TargetState.SENT:
        return target_state
    return command_state or TargetState.SKIPPED.value


def with_status(targets: QuerySet[BulkTarget], status: str) -> QuerySet[BulkTarget]:
    """Those that stand at `status`, one of COUNTED."""
    if status == TargetState.WAITING:
        return targets.filter(state=status)
    if status == TargetState.SKIPPED:
        return targets.filter(Q(state=status) | Q(state=TargetState.SENT, command=None))
    return targets.filter(state=TargetState.SENT, command__state=status)
