"""Reads of circuits: trees, and who is where in them. Callers hold the scope."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import connections
from django.db.models import Prefetch, QuerySet

from smartcharging.circuit_rules import Fuse, Plug
from smartcharging.models import Circuit, CircuitLimit, CircuitMember, CircuitRound, LimitSent
from smartcharging.services.roots import root_of as top_of
from tenants.context import current_scope

if TYPE_CHECKING:
    from smartcharging.circuit_load import TreeLoad

# Of the root, for its whole tree; at a circuit below they say nothing.
ROOT_FIELDS = (
    *("strategy", "minimum_a", "fallback_a", "rotation_s", "raise_step_a", "hysteresis_a", "hold_s", "lend"),
    *("tolerance_percent", "tolerance_s", "price_zone", "solar_import_a"),
)
_BELOW = """
WITH RECURSIVE below (id, level) AS (
    SELECT id, 0 FROM smartcharging_circuit WHERE id = ANY(%s)
    UNION SELECT child.id, below.level + 1 FROM smartcharging_circuit AS child JOIN below ON child.parent_id = below.id
    WHERE below.level < 20
)
SELECT id FROM below GROUP BY id ORDER BY min(level), id
"""


def subtree_ids(circuit_ids: Iterable[int]) -> list[int]:
    """These circuits and all below them, parents before children."""
    scope = current_scope()
    with connections[scope.alias if scope else "default"].cursor() as cursor:
        cursor.execute(_BELOW, [list(circuit_ids)])
        return [row[0] for row in cursor.fetchall()]


def roots_by_circuit() -> dict[int, int]:
    """The root's id of every circuit of the tenant."""
    parents = dict(Circuit.objects.order_by().values_list("id", "parent_id"))
    return {circuit_id: top_of(circuit_id, parents) for circuit_id in parents}


def managed_circuits() -> set[int]:
    """Those of the tenant that are switched on, with all above them."""
    rows = {pk: (parent, enabled) for pk, parent, enabled in Circuit.objects.values_list("id", "parent_id", "enabled")}
    parents = {pk: parent for pk, (parent, _) in rows.items()}

    def is_managed(pk: int) -> bool:
        return all(rows[one][1] for one in path_above(pk, parents))

    return {pk for pk in rows if is_managed(pk)}


def path_above(circuit_id: int, parents: Mapping[int, int | None]) -> list[int]:
    """The circuit and all above it, by each one's parent."""
    path: list[int] = []
    here: int | None = circuit_id
    while here is not None and here in parents and here not in path:
        path.append(here)
        here = parents[here]
    return path


def root_of(circuit: Circuit) -> Circuit:
    """The circuit at the top of the tree."""
    root: Circuit = circuit if circuit.parent_id is None else Circuit.objects.get(pk=roots_by_circuit()[circuit.pk])
    return root


def tree_of(root: Circuit) -> list[Circuit]:
    """The circuit and all below it, parents before children: with `members` (charge point, allotment) and `meter`.

    Four queries, however large.
    """
    ids = subtree_ids([root.pk])
    found = circuits().in_bulk(ids)
    return [found[one] for one in ids if one in found]


def circuits() -> QuerySet[Circuit]:
    """With site, meter, children and members, each with its charge point and allotment."""
    members = CircuitMember.objects.select_related("charge_point", "allotment").order_by(
        "charge_point__identity_key", "evse_number"
    )
    children = Circuit.objects.order_by("name", "id")
    return Circuit.objects.select_related("site", "meter", "parent").prefetch_related(
        Prefetch("members", members), Prefetch("children", children)
    )


def fuses_of(tree: Iterable[Circuit]) -> list[Fuse]:
    """As the rules see them."""
    return [
        Fuse(
            id=circuit.pk,
            parent_id=circuit.parent_id,
            name=circuit.name,
            unit=circuit.unit,
            capacity=circuit.capacity,
            phases=circuit.phases,
            voltage=circuit.voltage,
            base_a=circuit.base_load_a,
            minimum_a=circuit.minimum_a,
            fallback_a=circuit.fallback_a,
        )
        for circuit in tree
    ]


def plugs_of(members: Iterable[CircuitMember], root: Circuit) -> list[Plug]:
    """As the rules see them: what a member leaves empty is the root's."""
    return [
        Plug(
            id=member.pk,
            fuse_id=member.circuit_id,
            name=f"{member.charge_point.identity} / {member.evse_number}",
            wiring=member.wiring,
            max_a=member.max_a,
            minimum_a=own_or(member.minimum_a, root.minimum_a),
            fallback_a=own_or(member.fallback_a, root.fallback_a),
        )
        for member in members
    ]


def own_or(own: Decimal | None, of_root: Decimal) -> Decimal:
    """A member's setting, or the root's where it has none."""
    return of_root if own is None else own


def running_limits(circuit_ids: Iterable[int], at: datetime) -> dict[int, list[CircuitLimit]]:
    """The grid signals that hold at that time, by circuit."""
    found: dict[int, list[CircuitLimit]] = {}
    rows = CircuitLimit.objects.filter(
        circuit_id__in=list(circuit_ids), start_at__lte=at, end_at__gt=at, cancelled_at__isnull=True
    )
    for row in rows.order_by("id"):
        found.setdefault(row.circuit_id, []).append(row)
    return found


def load_of(circuit: Circuit, now: datetime | None = None) -> "TreeLoad":
    """Actual against allotted against capacity, of the circuit and all below it (`circuit_load`)."""
    # It is built on these selectors.
    from smartcharging import circuit_load

    return circuit_load.load_of(circuit, now)


def rounds_between(circuit: Circuit, start: datetime | None, end: datetime | None) -> QuerySet[CircuitRound]:
    """Rounds of the circuit's tree, newest first; `start` inclusive, `end` exclusive."""
    rows = CircuitRound.objects.filter(circuit_id=root_of(circuit).pk)
    if start is not None:
        rows = rows.filter(at__gte=start)
    if end is not None:
        rows = rows.filter(at__lt=end)
    return rows.order_by("-at", "-id")


def limits_sent_to(circuit: Circuit) -> QuerySet[LimitSent]:
    """What was sent to the connectors at this circuit and below, newest first. Each under the circuit it hung on then."""
    rows = LimitSent.objects.filter(circuit_id__in=subtree_ids([circuit.pk]))
    return rows.select_related("charge_point").order_by("-at", "-id")
