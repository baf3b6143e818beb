"""A tree as allocation sees it: nodes, loads and rules, from what was read. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from smartcharging import site_load
from smartcharging.allocation.shapes import NONE, Load, Node, PhaseAmps, Price, Rules
from smartcharging.models import Allotment, Circuit, Strategy
from smartcharging.services import ledger
from smartcharging.services.measured import Measured
from smartcharging.services.meter import base_load_of, surplus_of
from smartcharging.services.reading import Place, Seat, Tree

State = Allotment.State

# A car follows its limit within seconds (IEC 61851: five); what is measured sooner says nothing about what it wants.
SETTLES = timedelta(seconds=30)
# Of a circuit that is switched off: it is nobody's business here.
BOUNDLESS: PhaseAmps = (1e6, 1e6, 1e6)
EPSILON = 1e-6


@dataclass(slots=True)
class Picture:
    """What `allocate` and `plan` are given, and what was found on the way."""

    nodes: list[Node]
    loads: list[Load]
    rules: Rules
    # By load: the highest that it may be taking now. A load's own `counted_a` is less while it is about to be held.
    counted: dict[int, float] = field(default_factory=dict)
    # By circuit: A on each phase that others than chargers take, and that chargers were measured to take.
    base: dict[int, PhaseAmps] = field(default_factory=dict)
    actual: dict[int, PhaseAmps] = field(default_factory=dict)


def picture_of(tree: Tree, measured: Mapping[Place, Measured], now: datetime) -> Picture:
    """The ledger's rows must be settled."""
    actual = taken_of(tree, measured)
    believed = taken_of(tree, measured, believed=True)
    base: dict[int, PhaseAmps] = {}
    nodes = []
    for circuit in tree.circuits:
        base[circuit.pk] = base_load_of(circuit, now, believed[circuit.pk])
        nodes.append(_node(circuit, base[circuit.pk], tree))
    loads = [load_of(seat, measured.get(seat.place), now) for seat in tree.seats]
    counted = {seat.member.pk: counted_of(seat) for seat in tree.seats}
    return Picture(nodes, loads, _rules(tree, believed[tree.root.pk], now), counted, base, actual)


def taken_of(tree: Tree, measured: Mapping[Place, Measured], *, believed: bool = False) -> dict[int, PhaseAmps]:
    """A on each phase of each circuit that its chargers take. `believed`: no more than they may, for what is taken off
    a meter's reading: others must not be counted too low."""
    each = []
    for seat in tree.seats:
        reading = measured.get(seat.place)
        if reading is None:
            continue
        most = float(max(seat.row.worst_a, seat.row.distrusted_a or Decimal(0))) if believed else float("inf")
        each.append((seat.member.circuit_id, on_phases(seat.phases, [min(amps, most) for amps in reading.amps])))
    return sums_of(tree.circuits, each)


def on_phases(phases: tuple[int, ...], amps: Iterable[float]) -> PhaseAmps:
    """A on the connector's own phases, on the circuit's. What is measured on a phase that it isn't wired to goes to its
    last."""
    found = [0.0, 0.0, 0.0]
    for own, value in enumerate(amps):
        found[phases[min(own, len(phases) - 1)]] += value
    return (found[0], found[1], found[2])


def sums_of(circuits: Iterable[Circuit], each: Iterable[tuple[int, PhaseAmps]]) -> dict[int, PhaseAmps]:
    """Of each circuit with all below it, from what hangs directly on one. Parents come first."""
    circuits = list(circuits)
    found = {circuit.pk: [0.0, 0.0, 0.0] for circuit in circuits}
    for circuit_id, amps in each:
        for phase in range(3):
            found[circuit_id][phase] += amps[phase]
    for circuit in reversed(circuits):
        if circuit.parent_id in found:
            for phase in range(3):
                found[circuit.parent_id][phase] += found[circuit.pk][phase]
    return {pk: (amps[0], amps[1], amps[2]) for pk, amps in found.items()}


def _node(circuit: Circuit, base: PhaseAmps, tree: Tree) -> Node:
    if not circuit.enabled:
        return Node(id=circuit.pk, parent_id=circuit.parent_id, capacity_a=BOUNDLESS, voltage=float(circuit.voltage))
    limits = tree.limits.get(circuit.pk, [])
    amps, watts = site_load.usable(
        capacity=float(circuit.capacity),
        unit=circuit.unit,
        phases=circuit.phases,
        voltage=circuit.voltage,
        base=base,
        limits_a=[float(limit.limit_a) for limit in limits if limit.limit_a is not None],
        limits_w=[float(limit.limit_w) for limit in limits if limit.limit_w is not None],
    )
    return Node(
        id=circuit.pk, parent_id=circuit.parent_id, capacity_a=amps, capacity_w=watts, voltage=float(circuit.voltage)
    )


def _rules(tree: Tree, charging: PhaseAmps, now: datetime) -> Rules:
    root = tree.root
    return Rules(
        strategy=root.strategy,
        rotation_s=float(root.rotation_s),
        raise_step_a=None if root.raise_step_a is None else float(root.raise_step_a),
        hysteresis_a=float(root.hysteresis_a),
        hold_s=float(root.hold_s),
        lend=root.lend,
        prices=tuple(Price(price.start_at, price.end_at, float(price.price)) for price in tree.prices),
        surplus_a=surplus_of(root, now, charging) if root.strategy == Strategy.SOLAR else None,
    )


def load_of(seat: Seat, measured: Measured | None, now: datetime) -> Load:
    """The member as it counts now."""
    row, member, session = seat.row, seat.member, seat.session
    fixed = is_fixed(seat, now)
    counted, rest = counted_of(seat), float(min(seat.fallback_a, member.max_a))
    if session is None and not fixed:
        # The message that holds it leaves with this round, or has just left: the others needn't make room for that
        # moment, and nothing is raised before it is confirmed (`Headroom`).
        counted = rest
    most = min(member.max_a, seat.need.max_a) if seat.need.max_a is not None else member.max_a
    changed_at = max(filter(None, (row.confirmed_at, session.start_received_at if session else None)), default=None)
    return Load(
        id=member.pk,
        node_id=member.circuit_id,
        phases=seat.phases,
        min_a=float(seat.minimum_a),
        max_a=float(most),
        counted_a=counted,
        rest_a=rest,
        active=session is not None and seat.managed,
        fixed=fixed,
        current_a=_current(row),
        measured_a=None if measured is None else measured.highest,
        steady=measured is not None and changed_at is not None and measured.at >= changed_at + SETTLES,
        priority=seat.need.priority if seat.need.priority is not None else member.priority,
        arrived_at=session.started_at if session else None,
        departure_at=seat.need.departure_at,
        energy_left_wh=_energy_left(seat),
        charged_wh=_charged(seat),
        raised_at=row.raised_at,
        served_since=row.served_since,
        waiting_since=row.waiting_since,
    )


def counted_of(seat: Seat) -> float:
    """The highest that it may be taking now: what it may follow, or what it was found to take in spite of that."""
    return float(max(seat.row.worst_a, seat.row.distrusted_a or Decimal(0)))


def is_fixed(seat: Seat, now: datetime) -> bool:
    """Nobody can change now what it may take: away, doesn't answer, doesn't obey."""
    row = seat.row
    if not seat.reachable or seat.haunted or row.distrusted_a is not None:
        return True
    if seat.session is not None and row.confirmed_a is not None:
        return is_troubled(row, now)
    if seat.session is not None and (row.sent_a is not None or row.default_a is not None):
        return is_troubled(row, now)
    # Only its default holds it.
    waits = row.default_sent_a is not None and row.default_sent_at is not None
    slow = waits and row.default_sent_at is not None and now - row.default_sent_at > ledger.SLOW
    return row.default_a is None and (slow or row.default_attempts > 0)


def is_troubled(row: Allotment, now: datetime) -> bool:
    """Its session's limit doesn't get through: refused again and again, lost, or slow."""
    if row.state == State.SENDING:
        return row.sent_at is not None and now - row.sent_at > ledger.SLOW
    if row.state != State.FAILED:
        return False
    lost = row.before_a is not None and row.sent_a is not None and row.before_a != row.confirmed_a
    return lost or row.attempts > 1


def _current(row: Allotment) -> float | None:
    if row.transaction_id is None or row.confirmed_a is None:
        surely = row.default_a if row.default_sent_a is None and row.before_a is None else None
        return None if surely is None else float(surely)
    return float(row.confirmed_a)


def _energy_left(seat: Seat) -> float | None:
    if seat.session is None or seat.need.energy_wh is None:
        return None
    return max(0.0, float(seat.need.energy_wh) - float(seat.session.energy_wh or 0))


def _charged(seat: Seat) -> float | None:
    energy = seat.session.energy_wh if seat.session is not None else None
    return None if energy is None else max(0.0, float(energy))


class Headroom:
    """What is counted on every circuit, kept while limits are given out: the last check before anything is sent.

    Shares nothing with allocation on purpose: a fault there must not reach the fuse.
    """

    def __init__(self, nodes: Iterable[Node], loads: Iterable[Load], counted: Mapping[int, float]) -> None:
        self._nodes = {node.id: node for node in nodes}
        self._loads = {load.id: load for load in loads}
        self._used = {node_id: [0.0, 0.0, 0.0] for node_id in self._nodes}
        self._counted: dict[int, float] = {}
        for load in self._loads.values():
            self.count(load.id, counted[load.id])

    def count(self, load_id: int, amps: float) -> None:
        """From now on the load counts with this."""
        load = self._loads[load_id]
        more = amps - self._counted.get(load_id, 0.0)
        self._counted[load_id] = amps
        for node in self._path(load):
            for phase in load.phases:
                self._used[node.id][phase] += more

    def raise_to(self, load_id: int, amps: float) -> bool:
        """Count it with this if that is no more than before, or fits everywhere above it."""
        before = self._counted[load_id]
        if amps <= before + EPSILON:
            return True
        self.count(load_id, amps)
        if any(self.is_over(node.id) for node in self._path(self._loads[load_id])):
            self.count(load_id, before)
            return False
        return True

    def is_over(self, node_id: int) -> bool:
        """More counts there than it carries."""
        node, used = self._nodes[node_id], self._used[node_id]
        if any(amps > most + EPSILON for amps, most in zip(used, node.capacity_a, strict=True)):
            return True
        return node.capacity_w is not None and sum(used) * node.voltage > node.capacity_w + EPSILON * node.voltage

    def is_over_above(self, load_id: int) -> bool:
        """Somewhere on the way from the load to the root."""
        return any(self.is_over(node.id) for node in self._path(self._loads[load_id]))

    def used(self, node_id: int) -> PhaseAmps:
        first, second, third = self._used.get(node_id, NONE)
        return (first, second, third)

    def _path(self, load: Load) -> Iterable[Node]:
        node = self._nodes.get(load.node_id)
        while node is not None:
            yield node
            node = self._nodes.get(node.parent_id) if node.parent_id is not None else None
