"""A circuit's load now: actual against allotted against capacity, on each phase, of it and all below. In the open scope.

What is shown is what the last round decided and what is measured now; nothing is settled or decided here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils import timezone

from smartcharging.allocation.shapes import Node, PhaseAmps
from smartcharging.circuit_selectors import root_of
from smartcharging.models import Allotment, Circuit, CircuitLimit, CircuitMember, CircuitMeter, CircuitRound
from smartcharging.reason_words import NEVER_CAME, NOT_HELD, reason_in_words
from smartcharging.services.loads import Picture, on_phases, picture_of, sums_of
from smartcharging.services.measured import Measured, measured_amps
from smartcharging.services.reading import Seat, Tree, read_tree
from smartcharging.site_meter import is_silent

PHASES = ("L1", "L2", "L3")


@dataclass(frozen=True, slots=True)
class PhaseLoad:
    """A. `capacity_a` None: rated in W. `usable_a`: for chargers now, less base load and signals; None: switched off."""

    phase: str
    capacity_a: float | None
    usable_a: float | None
    base_a: float
    allotted_a: float
    worst_a: float
    actual_a: float


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """A circuit with all below it. `level` 0: the one asked for. `limits`: the grid signals that hold now."""

    circuit: Circuit
    level: int
    phases: tuple[PhaseLoad, ...]
    capacity_w: float | None
    usable_w: float | None
    actual_w: float
    limits: list[CircuitLimit]
    meter: CircuitMeter | None
    meter_silent: bool


@dataclass(frozen=True, slots=True)
class MemberLoad:
    """A connector. `limit_a`: what it was last told (A on each of its phases); None: nothing is known to hold it.

    `current_a`: measured on its own L1, L2, L3; None: nothing is known.
    """

    member: CircuitMember
    managed: bool
    online: bool
    state: str
    session_id: int | None
    limit_a: Decimal | None
    confirmed: bool
    target_a: Decimal | None
    worst_a: Decimal
    reason: str
    current_a: tuple[float, ...] | None
    power_w: float | None
    measured_at: datetime | None

    @property
    def reason_text(self) -> str:
        return reason_in_words(self.reason)

    @property
    def not_held_text(self) -> str:
        """Why it counts with all that it can take; empty where a limit is known to hold it, or nobody looks after it."""
        if self.limit_a is not None or not self.managed:
            return ""
        return str(NEVER_CAME if self.member.charge_point.last_seen_at is None else NOT_HELD)


@dataclass(frozen=True, slots=True)
class TreeLoad:
    """Parents before children. `last_round` of the root; None: there was none yet."""

    at: datetime
    root: Circuit
    last_round: CircuitRound | None
    nodes: list[NodeLoad]
    members: list[MemberLoad]


def load_of(circuit: Circuit, now: datetime | None = None) -> TreeLoad:
    """Of the circuit and all below it. A fixed number of queries, and one look into Redis. Circuit.DoesNotExist."""
    now = now or timezone.now()
    root = root_of(circuit)
    tree = read_tree(root.pk, now)
    if tree is None:
        raise Circuit.DoesNotExist("removed meanwhile")
    measured = _measured(tree, now)
    picture = picture_of(tree, measured, now)
    allotted = _sums(tree, lambda seat: float(_allotted(seat)))
    worst = _sums(tree, lambda seat: float(max(seat.row.worst_a, seat.row.distrusted_a or Decimal(0))))
    nodes = {node.id: node for node in picture.nodes}
    levels: dict[int | None, int] = {circuit.pk: 0}
    found = []
    for one in tree.circuits:
        if one.parent_id in levels:
            levels[one.pk] = levels[one.parent_id] + 1
        if one.pk in levels:
            sums = (allotted[one.pk], worst[one.pk])
            found.append(_node(one, levels[one.pk], nodes[one.pk], picture, sums, tree, now))
    volts = {one.pk: one.voltage for one in tree.circuits}
    members = [
        _member(seat, measured.get(seat.place), volts[seat.member.circuit_id])
        for seat in tree.seats
        if seat.member.circuit_id in levels
    ]
    members.sort(key=lambda one: (one.member.charge_point.identity_key, one.member.evse_number))
    return TreeLoad(now, tree.root, CircuitRound.objects.filter(circuit=tree.root).first(), found, members)


def _measured(tree: Tree, now: datetime) -> dict[tuple[int, int], Measured]:
    phases = {seat.place: len(seat.phases) for seat in tree.seats}
    return measured_amps(list(phases), phases=phases, voltage=float(tree.root.voltage), now=now)


def _sums(tree: Tree, amps_of: Callable[[Seat], float]) -> dict[int, PhaseAmps]:
    each = [(seat.member.circuit_id, on_phases(seat.phases, [amps_of(seat)] * len(seat.phases))) for seat in tree.seats]
    return sums_of(tree.circuits, each)


def _node(
    circuit: Circuit,
    level: int,
    node: Node,
    picture: Picture,
    sums: tuple[PhaseAmps, PhaseAmps],
    tree: Tree,
    now: datetime,
) -> NodeLoad:
    in_amps = circuit.unit == Circuit.Unit.AMPERE
    base, actual = picture.base[circuit.pk], picture.actual[circuit.pk]
    allotted, worst = sums
    meter: CircuitMeter | None = getattr(circuit, "meter", None) if circuit.has_meter else None
    return NodeLoad(
        circuit=circuit,
        level=level,
        phases=tuple(
            PhaseLoad(
                phase=PHASES[index],
                capacity_a=float(circuit.capacity) if in_amps else None,
                usable_a=node.capacity_a[index] if circuit.enabled else None,
                base_a=base[index],
                allotted_a=allotted[index],
                worst_a=worst[index],
                actual_a=actual[index],
            )
            for index in range(3)
        ),
        capacity_w=None if in_amps else float(circuit.capacity),
        usable_w=node.capacity_w if circuit.enabled else None,
        actual_w=sum(actual) * circuit.voltage,
        limits=tree.limits.get(circuit.pk, []),
        meter=meter,
        meter_silent=circuit.has_meter and (meter is None or is_silent(circuit, meter, now)),
    )


def _member(seat: Seat, measured: Measured | None, voltage: int) -> MemberLoad:
    row = seat.row
    limit, confirmed = _limit(seat)
    return MemberLoad(
        member=seat.member,
        managed=seat.managed,
        online=seat.online,
        state=row.state if seat.online else Allotment.State.OFFLINE,
        session_id=seat.session.pk if seat.session is not None else None,
        limit_a=limit,
        confirmed=confirmed,
        target_a=row.target_a if seat.session is not None else None,
        worst_a=row.worst_a,
        reason=row.reason,
        current_a=None if measured is None else measured.amps[: len(seat.phases)],
        power_w=None if measured is None else sum(measured.amps) * voltage,
        measured_at=None if measured is None else measured.at,
    )


def _limit(seat: Seat) -> tuple[Decimal | None, bool]:
    """What the connector was last told, and whether it has said yes."""
    row = seat.row
    if seat.session is not None and row.transaction_id == seat.session.pk and row.sent_a is not None:
        return row.sent_a, row.state == Allotment.State.CONFIRMED
    if row.default_sent_a is not None:
        return row.default_sent_a, False
    return row.default_a, row.default_a is not None


def _allotted(seat: Seat) -> Decimal:
    """What it was given; where nothing holds it, what it may take."""
    limit, _ = _limit(seat)
    return seat.row.worst_a if limit is None else min(limit, seat.member.max_a)
