"""The load of many trees at once, for lists: a fixed number of queries however many there are. In the open scope.

Says what `circuit_load` says of one tree, as far as its circuits go.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from chargepoints.models import Transaction
from smartcharging import site_load
from smartcharging.allocation.shapes import PhaseAmps
from smartcharging.circuit_load import PHASES, NodeLoad, PhaseLoad
from smartcharging.circuit_selectors import circuits, running_limits, subtree_ids
from smartcharging.models import Allotment, Circuit, CircuitLimit, CircuitMember, CircuitMeter
from smartcharging.services.loads import on_phases, sums_of
from smartcharging.services.measured import Measured, Place, measured_amps
from smartcharging.services.reading import PHASES_OF
from smartcharging.site_meter import base_load_of, is_silent

Sums = dict[int, PhaseAmps]


def trees_with_load(root_ids: Sequence[int], now: datetime) -> list[list[NodeLoad]]:
    """Of each root its circuits, parents first; seven queries, and one look into Redis for each voltage."""
    ids = subtree_ids(root_ids)
    found = circuits().in_bulk(ids)
    rows = [found[one] for one in ids if one in found]
    members = [member for row in rows for member in row.members.all()]
    measured = _measured(rows, now)
    actual = _sums(rows, members, lambda member: _taken(member, measured, None))
    believed = _sums(rows, members, lambda member: _taken(member, measured, _worst(member)))
    running = _running(members)
    allotted = _sums(rows, members, lambda member: [_allotted(member, running)] * len(member.wiring))
    worst = _sums(rows, members, lambda member: [_worst(member)] * len(member.wiring))
    limits = running_limits(ids, now)
    levels, roots = _places(rows)
    trees: dict[int, list[NodeLoad]] = {pk: [] for pk in root_ids}
    for row in _in_depth(rows):
        base = base_load_of(row, now, believed[row.pk])
        amounts = (base, allotted[row.pk], worst[row.pk], actual[row.pk])
        node = _node(row, levels[row.pk], amounts, limits.get(row.pk, []), now)
        trees[roots[row.pk]].append(node)
    return [trees[pk] for pk in root_ids]


def _places(rows: Sequence[Circuit]) -> tuple[dict[int, int], dict[int, int]]:
    """(level, root) by circuit; parents come first."""
    levels: dict[int, int] = {}
    roots: dict[int, int] = {}
    for row in rows:
        above = row.parent_id if row.parent_id in roots else None
        levels[row.pk] = 0 if above is None else levels[above] + 1
        roots[row.pk] = row.pk if above is None else roots[above]
    return levels, roots


def _in_depth(rows: Sequence[Circuit]) -> list[Circuit]:
    """Each circuit right after the one above it, as a tree is read."""
    known = {row.pk: row for row in rows}
    ordered: list[Circuit] = []

    def go(row: Circuit) -> None:
        ordered.append(row)
        for child in row.children.all():
            if child.pk in known and known[child.pk] not in ordered:
                go(known[child.pk])

    for row in rows:
        if row.parent_id not in known:
            go(row)
    return ordered


def _measured(rows: Sequence[Circuit], now: datetime) -> dict[Place, Measured]:
    by_voltage: dict[int, dict[Place, int]] = {}
    for row in rows:
        for member in row.members.all():
            place = (member.charge_point_id, member.evse_number)
            by_voltage.setdefault(row.voltage, {})[place] = len(member.wiring)
    found: dict[Place, Measured] = {}
    for voltage, phases in by_voltage.items():
        found |= measured_amps(list(phases), phases=phases, voltage=float(voltage), now=now)
    return found


def _sums(
    rows: Sequence[Circuit], members: Sequence[CircuitMember], amps_of: Callable[[CircuitMember], Sequence[float]]
) -> Sums:
    each = [(member.circuit_id, on_phases(PHASES_OF[member.wiring], amps_of(member))) for member in members]
    return sums_of(rows, each)


def _taken(member: CircuitMember, measured: dict[Place, Measured], most: float | None) -> list[float]:
    reading = measured.get((member.charge_point_id, member.evse_number))
    if reading is None:
        return []
    return [amps if most is None else min(amps, most) for amps in reading.amps]


def _allotment(member: CircuitMember) -> Allotment | None:
    row: Allotment | None = getattr(member, "allotment", None)
    return row


def _worst(member: CircuitMember) -> float:
    row = _allotment(member)
    # Nothing is known of it: it may take all.
    return float(member.max_a if row is None else max(row.worst_a, row.distrusted_a or Decimal(0)))


def _running(members: Sequence[CircuitMember]) -> set[int]:
    """Of the sessions that limits were given to, those that run."""
    rows = [row for member in members if (row := _allotment(member)) is not None]
    known = {row.transaction_id for row in rows if row.transaction_id is not None}
    found = Transaction.objects.filter(pk__in=known, state=Transaction.State.ACTIVE)
    return set(found.values_list("pk", flat=True))


def _allotted(member: CircuitMember, running: set[int]) -> float:
    """What it was last told; where nothing holds it, what it may take."""
    row = _allotment(member)
    if row is None:
        return float(member.max_a)
    told = row.sent_a if row.transaction_id in running and row.sent_a is not None else row.default_sent_a
    told = row.default_a if told is None else told
    return float(row.worst_a if told is None else min(told, member.max_a))


def _node(
    row: Circuit,
    level: int,
    amounts: tuple[PhaseAmps, PhaseAmps, PhaseAmps, PhaseAmps],
    limits: list[CircuitLimit],
    now: datetime,
) -> NodeLoad:
    base, allotted, worst, actual = amounts
    in_amps = row.unit == Circuit.Unit.AMPERE
    usable_a, usable_w = site_load.usable(
        capacity=float(row.capacity),
        unit=row.unit,
        phases=row.phases,
        voltage=row.voltage,
        base=base,
        limits_a=[float(limit.limit_a) for limit in limits if limit.limit_a is not None],
        limits_w=[float(limit.limit_w) for limit in limits if limit.limit_w is not None],
    )
    meter: CircuitMeter | None = getattr(row, "meter", None) if row.has_meter else None
    return NodeLoad(
        circuit=row,
        level=level,
        phases=tuple(
            PhaseLoad(
                phase=PHASES[index],
                capacity_a=float(row.capacity) if in_amps else None,
                usable_a=usable_a[index] if row.enabled else None,
                base_a=base[index],
                allotted_a=allotted[index],
                worst_a=worst[index],
                actual_a=actual[index],
            )
            for index in range(3)
        ),
        capacity_w=None if in_amps else float(row.capacity),
        usable_w=usable_w if row.enabled else None,
        actual_w=sum(actual) * row.voltage,
        limits=limits,
        meter=meter,
        meter_silent=row.has_meter and (meter is None or is_silent(row, meter, now)),
    )
