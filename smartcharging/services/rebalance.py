"""One round of a tree: read, settle, allot, send. What keeps the fuse (DESIGN §7.4).

One round at a time for each root (an advisory lock of the transaction), and all that it changes is committed together:
the ledger says what the stations may be following from the moment at which a command exists that lets them. Lowers go
out at once; a raise only where everything that may be in force, the raise included, fits everywhere above it. What is
not confirmed counts at its highest possible value (`ledger`). Where allocation fails nobody is raised.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db import connections
from django.db.models import QuerySet
from django.utils import timezone

from smartcharging.allocation.allocate import allocate
from smartcharging.allocation.plan import plan
from smartcharging.allocation.rotation import turns
from smartcharging.allocation.shapes import Allocation, Change, Plan
from smartcharging.models import Allotment, Circuit, CircuitLimit, CircuitRound
from smartcharging.models.profile import Purpose
from smartcharging.services import ledger
from smartcharging.services.limits_out import Order, note_results, send_limits, tell_limits, tenths_down
from smartcharging.services.loads import (
    Headroom,
    Picture,
    is_troubled,
    on_phases,
    picture_of,
    sums_of,
)
from smartcharging.services.measured import measured_amps
from smartcharging.services.monitoring import Findings, look, look_at_circuits
from smartcharging.services.reading import Seat, Tree, read_tree
from smartcharging.services.rounds import Report, store_round
from smartcharging.services.sending import take_back
from smartcharging.services.wake import wake_at, wake_now
from smartcharging.services.watching import tell_findings
from tenants.context import APP_ALIAS, system_transaction, tenant_transaction
from tenants.services.system_alerts import raise_system_alert, resolve_system_alert

log = structlog.get_logger(__name__)
State = Allotment.State

LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('rebalancing circuit ' || %s || ' of ' || %s, 0))"
# Another round is at work: this one comes after it.
BUSY_S = 0.3
FAILED = "rebalancing_failed"
BY_THE_MINUTE = "minute"
# How long one task goes through the trees itself.
ALONE_S = 40.0
# All that a round may change of a ledger row.
COLUMNS = [
    column.name for column in Allotment._meta.local_concrete_fields if column.name not in ("id", "tenant", "member")
]


@dataclass(slots=True)
class Outcome:
    """What is done once the round is committed."""

    tree: Tree
    findings: Findings
    round: CircuitRound
    failure: str = ""
    look_again_at: datetime | None = None


def rebalance_circuit(*, tenant_id: int, root_id: int, cause: str, now: datetime | None = None) -> CircuitRound | None:
    """Run a round. None: the tree is gone or switched off, or another round is at work (then one more follows it)."""
    now = now or timezone.now()
    with tenant_transaction(tenant_id):
        with connections[APP_ALIAS].cursor() as cursor:
            cursor.execute(LOCK, [root_id, tenant_id])
            (locked,) = cursor.fetchone()
        outcome = _round(root_id, cause, now) if locked else None
    if not locked:
        wake_now(tenant_id=tenant_id, root_id=root_id, cause=cause, delay_s=BUSY_S)
        return None
    if outcome is None:
        return None
    _after_commit(outcome, tenant_id, root_id, now)
    return outcome.round


def rebalance_all() -> int:
    """Ask for a round of every tree that is switched on; where nobody can be asked, run it here. The number of trees."""
    with system_transaction():
        roots = list(Circuit.objects.filter(parent=None, enabled=True).order_by("pk").values_list("tenant_id", "pk"))
    started = time.monotonic()
    for done, (tenant_id, root_id) in enumerate(roots):
        if wake_now(tenant_id=tenant_id, root_id=root_id, cause=BY_THE_MINUTE):
            continue
        if time.monotonic() - started > ALONE_S:
            # The next minute goes on; by then somebody can be asked again, or begins elsewhere.
            log.warning("circuits left to the next minute", left=len(roots) - done)
            break
        try:
            rebalance_circuit(tenant_id=tenant_id, root_id=root_id, cause=BY_THE_MINUTE)
        except Exception:
            # One that fails must not stand before the others.
            log.exception("circuit not rebalanced", circuit_id=root_id)
    return len(roots)


def _round(root_id: int, cause: str, now: datetime) -> Outcome | None:
    tree = read_tree(root_id, now)
    if tree is None:
        return None
    started = time.perf_counter()
    told = _settle(tree, now)
    if not tree.root.enabled:
        _let_go(tree)
        return None
    settled = time.perf_counter() - started
    measured = measured_amps(
        {seat.place for seat in tree.seats},
        phases={seat.place: len(seat.phases) for seat in tree.seats},
        voltage=float(tree.root.voltage),
        now=now,
    )
    # Without what is read: that is the database's and Redis's time.
    started = time.perf_counter() - settled
    findings = look(tree, measured, now)
    picture = picture_of(tree, measured, now)
    look_at_circuits(tree, picture, measured, findings, now)
    report = Report(cause, tree.root.strategy, active=sum(load.active for load in picture.loads))
    orders, headroom, failure = _decide(tree, picture, findings, report, now)
    report.compute_ms = (time.perf_counter() - started) * 1000
    sent = send_limits(root=tree.root, orders=orders, cause=cause, now=now)
    report.sent = len(sent)
    _note_turns(tree, picture, now)
    _count_anew(tree.seats)
    _honour(tree, headroom, now)
    _save(tree, findings)
    note_results([circuit.pk for circuit in tree.circuits])
    tell_limits(told, now)
    _fill(report, tree, picture)
    stored = store_round(tree.root, report, now)
    return Outcome(tree, findings, stored, failure, _look_again_at(tree, picture, now))


# --- settling ---


def _settle(tree: Tree, now: datetime) -> list[tuple[Seat, Decimal | None]]:
    """Bring the ledger in line with what is known by now; the seats that have taken another limit, with the one before."""
    taken: list[tuple[Seat, Decimal | None]] = []
    withdrawn = []
    for seat in tree.seats:
        row, booted_at = seat.row, seat.station.last_boot_at
        if not seat.managed:
            # Its circuit is switched off; what it holds is cleared by whoever did that.
            ledger.forget(row, seat.member.max_a)
            continue
        before = row.confirmed_a
        if (
            ledger.settle(row, row.command, booted_at=booted_at, now=now) == "accepted"
            and row.confirmed_a is not None
            and row.confirmed_a != before
        ):
            taken.append((seat, before))
        ledger.settle_default(row, row.default_command, booted_at=booted_at, now=now)
        ledger.note_boot(row, booted_at)
        _note_dropped(seat, tree)
        if not seat.haunted:
            command_id = row.command_id
            if ledger.note_session(row, seat.session.pk if seat.session else None) and command_id is not None:
                withdrawn.append(command_id)
    take_back(withdrawn)
    _count_anew(tree.seats)
    return taken


def _note_dropped(seat: Seat, tree: Tree) -> None:
    """What was confirmed, and lies at the station no more: cleared by somebody, or dropped by the station."""
    row, (charge_point_id, evse_number) = seat.row, seat.place
    if row.default_a is not None and (charge_point_id, evse_number, Purpose.TX_DEFAULT.value, None) not in tree.held:
        row.default_a = None
    if (
        row.confirmed_a is not None
        and (charge_point_id, evse_number, Purpose.TX.value, row.transaction_id) not in tree.held
    ):
        row.confirmed_a = None


def _count_anew(seats: Iterable[Seat]) -> None:
    for seat in seats:
        row, most = seat.row, seat.member.max_a
        row.worst_a = ledger.worst_of(row, max_a=most, online=seat.online) if seat.managed else most
        if seat.haunted:
            row.worst_a = max(row.worst_a, ledger.rest_of(row, most))
        # What was lost or refused stays that, wherever the station is meanwhile.
        if row.state not in (State.SENDING, State.FAILED):
            known = State.CONFIRMED if row.confirmed_a is not None else State.UNKNOWN
            row.state = known if seat.online else State.OFFLINE


def _let_go(tree: Tree) -> None:
    """The tree is switched off: its connectors may take all from now on; what they hold is cleared (`release`)."""
    for seat in tree.seats:
        ledger.forget(seat.row, seat.member.max_a)
    _save(tree, Findings())


# --- deciding ---


def _decide(
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
            chosen[seat.member.pk] = Order(seat, limit, row.reason or "retry", detail=f"try {row.attempts + 1}")
        elif id(seat) in again and row.confirmed_a is not None and row.state != State.SENDING:
            chosen[seat.member.pk] = Order(seat, row.confirmed_a, row.reason or "over_limit", detail="over its limit")


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


# --- writing ---


def _note_turns(tree: Tree, picture: Picture, now: datetime) -> None:
    """Since when each has been let charge, or has waited (`allocation.rotation`)."""
    loads = {load.id: load for load in picture.loads}
    for seat in tree.seats:
        load = loads[seat.member.pk]
        if load.active and not load.fixed:
            limit = _given(seat)
            seat.row.served_since, seat.row.waiting_since = turns(load, float(limit), now)


def _given(seat: Seat) -> Decimal:
    """The limit that its session has, or is about to have."""
    row = seat.row
    if row.state == State.SENDING and row.sent_a is not None:
        return row.sent_a
    if row.confirmed_a is not None:
        return row.confirmed_a
    return row.default_a or Decimal(0)


def _honour(tree: Tree, headroom: Headroom, now: datetime) -> None:
    """When a grid signal was first kept to, and when all that may be in force had come below it."""
    running = [limit for limits in tree.limits.values() for limit in limits]
    fresh = [limit.pk for limit in running if limit.applied_at is None]
    held = [limit.pk for limit in running if limit.honoured_at is None and not headroom.is_over(limit.circuit_id)]
    if fresh:
        CircuitLimit.objects.filter(pk__in=fresh).update(applied_at=now)
    if held:
        CircuitLimit.objects.filter(pk__in=held).update(honoured_at=now)


def _save(tree: Tree, findings: Findings) -> None:
    """All rows of the ledger in one statement, whatever their number."""
    Allotment.objects.bulk_create(
        [seat.row for seat in tree.seats],
        update_conflicts=True,
        unique_fields=["member"],
        update_fields=COLUMNS,
        batch_size=1000,
    )
    for circuit in findings.changed_circuits:
        circuits: QuerySet[Circuit] = Circuit.objects.filter(pk=circuit.pk)
        circuits.update(over_since=circuit.over_since)


def _fill(report: Report, tree: Tree, picture: Picture) -> None:
    """What the chart shows, of the root."""
    root_id = tree.root.pk
    node = next(node for node in picture.nodes if node.id == root_id)
    given = [
        (seat.member.circuit_id, on_phases(seat.phases, [float(_counted_limit(seat))] * len(seat.phases)))
        for seat in tree.seats
    ]
    worst = [
        (seat.member.circuit_id, on_phases(seat.phases, [float(seat.row.worst_a)] * len(seat.phases)))
        for seat in tree.seats
    ]
    report.capacity, report.base, report.actual = node.capacity_a, picture.base[root_id], picture.actual[root_id]
    report.allotted = sums_of(tree.circuits, given)[root_id]
    report.worst = sums_of(tree.circuits, worst)[root_id]


def _counted_limit(seat: Seat) -> Decimal:
    return _given(seat) if seat.session is not None and seat.managed else seat.row.worst_a


# --- what follows ---


def _look_again_at(tree: Tree, picture: Picture, now: datetime) -> datetime | None:
    """When something is due before the next minute: a retry, a message that is slow, a signal's edge."""
    times = [tree.next_limit_at]
    for seat in tree.seats:
        row = seat.row
        if not seat.reachable:
            continue
        times += [row.retry_at, row.default_retry_at]
        if row.state == State.SENDING and row.sent_at is not None:
            times.append(row.sent_at + ledger.SLOW)
        if row.default_sent_a is not None and row.default_sent_at is not None:
            times.append(row.default_sent_at + ledger.SLOW)
        if row.raised_at is not None and row.raised_at > now - timedelta(seconds=tree.root.hold_s):
            times.append(row.raised_at + timedelta(seconds=tree.root.hold_s))
    soon = [at for at in times if at is not None and now < at <= now + timedelta(seconds=60)]
    return min(soon, default=None)


def _after_commit(outcome: Outcome, tenant_id: int, root_id: int, now: datetime) -> None:
    """Nothing of this may undo or hold up a round: it is committed."""
    subject = f"circuit {root_id} of tenant {tenant_id}"
    try:
        if outcome.failure:
            raise_system_alert(kind=FAILED, subject=subject, detail=outcome.failure)
        else:
            resolve_system_alert(kind=FAILED, subject=subject)
        tell_findings(tree=outcome.tree, findings=outcome.findings, now=now)
    except Exception:
        log.exception("alerts of a circuit not written", circuit_id=root_id)
    if outcome.look_again_at is not None:
        wake_at(tenant_id=tenant_id, root_id=root_id, at=outcome.look_again_at, cause="retry")
