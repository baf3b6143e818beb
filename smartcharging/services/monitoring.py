"""Whether connectors keep to their limits, by what they were last measured to take (issue: real-time monitoring).

Over the limit by more than the circuit's tolerance, for its time: first the limit is sent once more and an alert
opens; still over after the same time, it counts with what it takes, so that the others get less. It is believed again
once it has kept to its limit for a while. Works on the ledger's rows, and knows neither database nor clock; `watching`
writes the alerts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from smartcharging.allocation.shapes import PhaseAmps
from smartcharging.models import Circuit
from smartcharging.services.ledger import clear_watch
from smartcharging.services.limits_out import tenths_up
from smartcharging.services.loads import Picture
from smartcharging.services.measured import Measured
from smartcharging.services.reading import Place, Seat, Tree

# Below this a meter's noise is no disobedience, whatever the percentage.
SLACK_A = 1.0
# What a car is given to come down after its limit was changed.
COMES_DOWN = timedelta(seconds=10)
# How long, in times of the tolerance, and at least, it must keep to its limit to be believed again.
TRUSTED_AFTER, TRUSTED_AT_LEAST = 2, timedelta(seconds=120)
# One that doesn't obey is told again so often.
TOLD_AGAIN = timedelta(minutes=5)
TOLD, DISTRUSTED = 1, 2


@dataclass(frozen=True, slots=True)
class OverLimit:
    """A connector that takes `amps` where it may take `limit_a`."""

    seat: Seat
    amps: float
    limit_a: float
    since: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class OverCapacity:
    """A circuit that carries more on a phase (0: L1) than it may. `worst`: the connector that is most over, or takes most."""

    circuit: Circuit
    phase: int
    amps: float
    capacity_a: float
    since: datetime
    worst: Seat | None


@dataclass(slots=True)
class Findings:
    """What a look has found; `tell_again`: whose limit is to be sent once more."""

    tell_again: list[Seat] = field(default_factory=list)
    over: list[OverLimit] = field(default_factory=list)
    circuits: list[OverCapacity] = field(default_factory=list)
    # Whose `over_since` is another now.
    changed_circuits: list[Circuit] = field(default_factory=list)


def look(tree: Tree, measured: Mapping[Place, Measured], now: datetime) -> Findings:
    """Move each connector's watch on. Its ledger row must be settled and its worst case worked out."""
    findings = Findings()
    for seat in tree.seats:
        reading = measured.get(seat.place)
        if not seat.managed or reading is None or not _says_something(seat, reading):
            continue
        limit = float(seat.row.worst_a)
        if reading.highest > limit + max(limit * tree.root.tolerance_percent / 100, SLACK_A):
            _is_over(seat, reading, tree.root, findings, limit, now)
        else:
            _keeps_to_it(seat, tree.root, now)
    return findings


def _says_something(seat: Seat, reading: Measured) -> bool:
    """Not measured before, or just after, its limit was changed."""
    row = seat.row
    changes = [at for at in (row.sent_at, row.confirmed_at, row.default_at) if at is not None]
    return not changes or reading.at >= max(changes) + COMES_DOWN


def _is_over(seat: Seat, reading: Measured, root: Circuit, findings: Findings, limit: float, now: datetime) -> None:
    row, tolerance = seat.row, timedelta(seconds=root.tolerance_s)
    if row.over_since is None or row.kept_since is not None:
        row.over_since, row.kept_since = min(reading.at, now), None
    since, lasted = row.over_since, now - row.over_since
    if row.over_stage == 0 and lasted >= tolerance:
        row.over_stage, row.over_since = TOLD, now
        findings.tell_again.append(seat)
    elif row.over_stage == TOLD and lasted >= tolerance:
        row.over_stage, row.over_since = DISTRUSTED, now
    elif row.over_stage == DISTRUSTED and lasted >= TOLD_AGAIN:
        row.over_since = now
        findings.tell_again.append(seat)
    if row.over_stage == DISTRUSTED:
        _count_with(seat, reading)
    if row.over_stage:
        findings.over.append(OverLimit(seat, reading.highest, limit, since, min(reading.at, now)))


def _count_with(seat: Seat, reading: Measured) -> None:
    """Upwards at once, down only when it is worth it: others' limits follow."""
    taken, before = tenths_up(reading.highest), seat.row.distrusted_a
    if before is None or taken > before or taken < before - 1:
        seat.row.distrusted_a = min(taken, Decimal("99999.9"))


def _keeps_to_it(seat: Seat, root: Circuit, now: datetime) -> None:
    row = seat.row
    if row.over_stage == 0:
        row.over_since = None
        return
    row.kept_since = row.kept_since or now
    if now - row.kept_since >= max(timedelta(seconds=root.tolerance_s) * TRUSTED_AFTER, TRUSTED_AT_LEAST):
        clear_watch(row)


def look_at_circuits(
    tree: Tree, picture: Picture, measured: Mapping[Place, Measured], findings: Findings, now: datetime
) -> None:
    """Circuits that are measured to carry more than they may now, for longer than the tolerance."""
    capacity = {node.id: node.capacity_a for node in picture.nodes}
    for circuit in tree.circuits:
        phase, excess = _most_over(picture.actual[circuit.pk], capacity[circuit.pk], tree.root)
        if not circuit.enabled or excess <= 0:
            if circuit.over_since is not None:
                circuit.over_since = None
                findings.changed_circuits.append(circuit)
            continue
        if circuit.over_since is None:
            circuit.over_since = now
            findings.changed_circuits.append(circuit)
        if now - circuit.over_since >= timedelta(seconds=tree.root.tolerance_s):
            base = picture.base[circuit.pk][phase]
            findings.circuits.append(
                OverCapacity(
                    circuit=circuit,
                    phase=phase,
                    amps=picture.actual[circuit.pk][phase] + base,
                    capacity_a=capacity[circuit.pk][phase] + base,
                    since=circuit.over_since,
                    worst=_worst(tree, circuit, measured),
                )
            )


def _most_over(actual: PhaseAmps, capacity: PhaseAmps, root: Circuit) -> tuple[int, float]:
    excess = [
        taken - most - max(most * root.tolerance_percent / 100, SLACK_A)
        for taken, most in zip(actual, capacity, strict=True)
    ]
    phase = excess.index(max(excess))
    return phase, excess[phase]


def _worst(tree: Tree, circuit: Circuit, measured: Mapping[Place, Measured]) -> Seat | None:
    """Below the circuit: who is most over its limit, and among those that keep to it, who takes most."""
    below = {circuit.pk}
    for one in tree.circuits:
        if one.parent_id in below:
            below.add(one.pk)
    seats = [seat for seat in tree.seats if seat.member.circuit_id in below and seat.place in measured]

    def rank(seat: Seat) -> tuple[float, float]:
        taken = measured[seat.place].highest
        return max(0.0, taken - float(seat.row.worst_a)), taken

    return max(seats, key=rank, default=None)
