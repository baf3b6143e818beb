"""A command to many charge points once more, to those that it failed at. What succeeded, and what waits, is left alone."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from chargepoints.models import BulkCommand, BulkTarget, ChargePoint, CommandState
from chargepoints.selectors import charge_points
from chargepoints.services.bulk import CANCELLED_BY, OFFLINE, TOO_LATE, Order, create_bulk

State, TargetState = BulkCommand.State, BulkTarget.State
FAILED = (CommandState.REJECTED, CommandState.FAILED, CommandState.TIMED_OUT, CommandState.CANCELLED)


class StillRunning(Exception):
    """It goes on by itself: what is to fail has not failed yet."""


def failed_targets(bulk: BulkCommand) -> QuerySet[BulkTarget]:
    """Those that may be tried again: not answered well, or skipped for a reason that passes."""
    passing = Q(detail__in=[OFFLINE, TOO_LATE]) | Q(detail__startswith=CANCELLED_BY)
    skipped = Q(state=TargetState.SKIPPED) & passing
    return BulkTarget.objects.filter(Q(state=TargetState.SENT, command__state__in=FAILED) | skipped, bulk=bulk)


def stations_to_retry(bulk: BulkCommand) -> QuerySet[ChargePoint]:
    """Each with `online`."""
    return charge_points().filter(pk__in=failed_targets(bulk).order_by().values("charge_point_id"))


def retry_bulk(
    bulk: BulkCommand, *, order_id: UUID | None, requested_by: str, origin: str, expires_at: datetime | None = None
) -> BulkCommand:
    """The same to those that failed, as an order of its own. Raises StillRunning, NoTargets, OcppError."""
    if bulk.state == State.RUNNING:
        raise StillRunning
    order = Order(
        action=bulk.action,
        payload=bulk.payload,
        expires_at=expires_at,
        concurrency=bulk.concurrency,
        chosen_by=bulk.filter,
        kind=bulk.kind,
        retry_of=bulk.pk,
        # The list of each station is looked at when its turn comes.
        vetted=bulk.kind != BulkCommand.Kind.COMMAND,
    )
    return create_bulk(
        stations=stations_to_retry(bulk), order=order, requested_by=requested_by, origin=origin, order_id=order_id
    )
