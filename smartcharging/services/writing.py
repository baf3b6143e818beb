"""What a round leaves behind beside its commands: the ledger's rows, turns, kept signals, the figures of its chart."""

from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet

from smartcharging.allocation.rotation import turns
from smartcharging.models import Allotment, Circuit, CircuitLimit
from smartcharging.services.loads import Headroom, Picture, on_phases, sums_of
from smartcharging.services.monitoring import Findings
from smartcharging.services.reading import COLUMNS, Seat, Tree, row_values
from smartcharging.services.rounds import Report
from tenants.many_rows import update_rows

State = Allotment.State


def note_turns(tree: Tree, picture: Picture, now: datetime) -> None:
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


def honour(tree: Tree, headroom: Headroom, now: datetime) -> None:
    """When a grid signal was first kept to, and when all that may be in force had come below it."""
    running = [limit for limits in tree.limits.values() for limit in limits]
    fresh = [limit.pk for limit in running if limit.applied_at is None]
    held = [limit.pk for limit in running if limit.honoured_at is None and not headroom.is_over(limit.circuit_id)]
    if fresh:
        CircuitLimit.objects.filter(pk__in=fresh).update(applied_at=now)
    if held:
        CircuitLimit.objects.filter(pk__in=held).update(honoured_at=now)


def save_ledger(tree: Tree, findings: Findings) -> None:
    """The rows of the ledger that have changed, in a statement or two whatever their number."""
    new = [seat.row for seat in tree.seats if seat.stored is None]
    if new:
        # The member may have come from another tree, whose last round has written its row since.
        Allotment.objects.bulk_create(
            new, update_conflicts=True, unique_fields=["member"], update_fields=[*COLUMNS, "updated_at"]
        )
    # Whole rows: each is what one round has made of it.
    update_rows(
        [seat.row for seat in tree.seats if seat.stored is not None and row_values(seat.row) != seat.stored], COLUMNS
    )
    for circuit in findings.changed_circuits:
        circuits: QuerySet[Circuit] = Circuit.objects.filter(pk=circuit.pk)
        circuits.update(over_since=circuit.over_since)


def fill_report(report: Report, tree: Tree, picture: Picture) -> None:
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
