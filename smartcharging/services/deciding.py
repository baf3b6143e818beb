"""What a round sends, and in which order: what allocation wants, held once more against all that counts. Pure.

Works on what was read and settled; writes targets to the ledger's rows and knows neither database nor clock.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import structlog

from smartcharging.allocation.allocate import allocate
from smartcharging.allocation.plan import plan
from smartcharging.allocation.shapes import Allocation, Change, Plan
from smartcharging.models import Allotment
from smartcharging.models.profile import Purpose
from smartcharging.sentences import OVER, TRY
from smartcharging.services.limits_out import Order, tenths_down
from smartcharging.services.loads import Headroom, Picture, is_troubled
from smartcharging.services.monitoring import Findings
from smartcharging.services.reading import Seat, Tree
from smartcharging.services.rounds import Report

log = structlog.get_logger(__name__)
State = Allotment.State


def decide(
    tree: Tree, picture: Picture, findings: Findings, report: Report, now: datetime
) -> tuple[list[Order], Headroom, str]:
    """What is sent now, in this order: defaults, lowers, raises. Also why allocation failed, if it did."""
    seats = {seat.member.pk: seat for seat in tree.seats}
    headroom = Headroom(picture.nodes, picture.loads, picture.counted)
    failure = ""
    try:
        allocation = allocate(picture.nodes, picture.loads, picture.rules, now)
        planned = plan(picture.nodes, picture.loads, allocation.targets, picture.rules, now)
    except Exception as error:
        log.exception("allocation failed", circuit_id=tree.root.pk)
        failure = f"{type(error).__name__}: {error}"[:200]
        allocation, planned = Allocation({}, tree.root.strategy), Plan()
        report.details.append(f"allocation failed, nobody is raised: {failure}")
    report.strategy = allocation.strategy
    if allocation.detail:
        report.details.append(allocation.detail)
    for load_id, target in allocation.targets.items():
        seats[load_id].row.target_a = tenths_down(target.limit_a)
    chosen: dict[int, Order] = {}
    for change in planned.lowers:
        _choose(chosen, seats[change.load_id], change, now)
    _retry(tree, chosen, headroom, findings, now)
    _hold_by_force(tree, picture, chosen, report, now)
    lowered = list(chosen.values())
    raised = []
    for change in planned.raises:
        order = _raise(seats[change.load_id], change, chosen, headroom, report, now)
        if order is not None:
            raised.append(order)
    defaults = [order for seat in tree.seats if (order := _default(seat, headroom, findings, now)) is not None]
    return [*defaults, *lowered, *raised], headroom, failure


def _choose(chosen: dict[int, Order], seat: Seat, change: Change, now: datetime) -> None:
    limit = tenths_down(change.limit_a)
    if seat.reachable and seat.session is not None and not _waits(seat.row, limit, now):
        chosen[seat.member.pk] = Order(seat, limit, change.reason)


def _waits(row: Allotment, limit: Decimal, now: datetime) -> bool:
    """This limit is under way already, or the station is given a pause after it has refused the last."""
    if row.state == State.SENDING and row.sent_a == limit:
        return True
    return row.retry_at is not None and row.retry_at > now


def _raise(
    seat: Seat, change: Change, chosen: Mapping[int, Order], headroom: Headroom, report: Report, now: datetime
) -> Order | None:
    """A raise, once more held against everything that counts: the last thing before the fuse."""
    limit = tenths_down(change.limit_a)
    if seat.member.pk in chosen or not seat.reachable or seat.session is None or _waits(seat.row, limit, now):
        return None
    if not headroom.raise_to(seat.member.pk, float(limit)):
        return None
    return Order(seat, limit, change.reason)


def _retry(tree: Tree, chosen: dict[int, Order], headroom: Headroom, findings: Findings, now: datetime) -> None:
    """Limits that got lost, were refused, or aren't kept to, are sent again. Never more than is counted already."""
    again = {id(seat) for seat in findings.tell_again}
    for seat in tree.seats:
        row = seat.row
        if not seat.reachable or seat.session is None or seat.haunted or seat.member.pk in chosen:
            continue
        due = row.state == State.FAILED and row.sent_a is not None and is_troubled(row, now)
        if due and not _waits(row, Decimal(-1), now):
            # A station that doesn't answer while there is too little for all is asked for a pause.
            limit = Decimal(0) if headroom.is_over_above(seat.member.pk) else min(row.sent_a or Decimal(0), row.worst_a)
            chosen[seat.member.pk] = Order(
                seat, limit, row.reason or "retry", detail=TRY % {"number": row.attempts + 1}
            )
        elif id(seat) in again and row.confirmed_a is not None and row.state != State.SENDING:
            chosen[seat.member.pk] = Order(seat, row.confirmed_a, row.reason or "over_limit", detail=OVER)


def _hold_by_force(tree: Tree, picture: Picture, chosen: dict[int, Order], report: Report, now: datetime) -> None:
    """The fuse holds once all is confirmed that is to be sent, whatever allocation said; else the latest are paused."""
    fixed = {load.id for load in picture.loads if load.fixed}
    expected = {
        load.id: picture.counted[load.id] if load.fixed or load.active else load.counted_a for load in picture.loads
    }
    for seat in tree.seats:
        row, load_id = seat.row, seat.member.pk
        if load_id in chosen:
            expected[load_id] = float(chosen[load_id].limit_a)
        elif load_id not in fixed and row.sent_a is not None and row.state in (State.SENDING, State.FAILED):
            # Under way, or to be tried again in a moment.
            expected[load_id] = float(row.sent_a)
    after = Headroom(picture.nodes, picture.loads, expected)
    movable = [seat for seat in tree.seats if seat.session is not None and seat.reachable and not seat.haunted]
    paused = 0
    for seat in sorted(movable, key=_started_at, reverse=True):
        load_id = seat.member.pk
        if seat.row.distrusted_a is not None or expected[load_id] <= 0 or not after.is_over_above(load_id):
            continue
        after.count(load_id, 0.0)
        if not _waits(seat.row, Decimal(0), now):
            chosen[load_id] = Order(seat, Decimal(0), "emergency")
            paused += 1
    if paused:
        report.details.append(f"{paused} paused to hold the circuit")


def _started_at(seat: Seat) -> float:
    return seat.session.started_at.timestamp() if seat.session is not None else 0.0


def _default(seat: Seat, headroom: Headroom, findings: Findings, now: datetime) -> Order | None:
    """The default of a connector, where the station isn't known to hold the right one."""
    row, wanted = seat.row, min(seat.fallback_a, seat.member.max_a)
    if not seat.reachable:
        return None
    told_again = seat.session is None and any(one is seat for one in findings.tell_again)
    if row.default_sent_a == wanted or (row.default_a == wanted and row.default_sent_a is None and not told_again):
        return None
    if row.default_retry_at is not None and row.default_retry_at > now:
        return None
    is_raise = row.default_a is not None and wanted > row.default_a and seat.session is None
    # A higher fallback must fit like any other raise.
    if is_raise and not headroom.raise_to(seat.member.pk, float(wanted)):
        return None
    return Order(seat, wanted, "fallback", purpose=Purpose.TX_DEFAULT.value)
