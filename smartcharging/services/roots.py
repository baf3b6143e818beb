"""Which connectors hang on which tree: kept in memory for a few seconds, for those that hear of every event.

A circuit that is changed wakes its root itself; what is asked here may be as old as FRESH_S.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from smartcharging.models import Circuit, CircuitMember
from tenants.context import tenant_transaction

FRESH_S = 10.0
# A chain of parents that is longer than this goes in a circle.
DEEPEST = 50

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Roots:
    """Of one tenant: the root's id by (charge point, EVSE number), and the roots of a station by its identity."""

    by_connector: Mapping[Place, int]
    by_identity: Mapping[str, frozenset[int]]
    read_at: float

    def of(self, charge_point_id: int, evse_number: int) -> set[int]:
        """The root of a connector; EVSE 0 means the whole station, and so each of its connectors."""
        if evse_number:
            root = self.by_connector.get((charge_point_id, evse_number))
            return set() if root is None else {root}
        return {root for (pk, _), root in self.by_connector.items() if pk == charge_point_id}


_known: dict[int, Roots] = {}
_lock = Lock()


def roots_of(tenant_id: int) -> Roots:
    """Read from the database where what is known is too old. The database's errors pass."""
    known = _known.get(tenant_id)
    if known is not None and time.monotonic() - known.read_at < FRESH_S:
        return known
    # Many threads that find it old at once ask once.
    with _lock:
        known = _known.get(tenant_id)
        if known is None or time.monotonic() - known.read_at >= FRESH_S:
            known = _known[tenant_id] = _read(tenant_id)
    return known


def known_roots(tenant_id: int) -> Roots | None:
    """What is known already, however old; never waits."""
    return _known.get(tenant_id)


def forget_roots(tenant_id: int | None = None) -> None:
    """In this process: a tree has been changed."""
    with _lock:
        if tenant_id is None:
            _known.clear()
        else:
            _known.pop(tenant_id, None)


def root_of(circuit_id: int, parents: Mapping[int, int | None]) -> int:
    """Up the tree, by each circuit's parent."""
    for _ in range(DEEPEST):
        parent = parents.get(circuit_id)
        if parent is None:
            return circuit_id
        circuit_id = parent
    return circuit_id


def _read(tenant_id: int) -> Roots:
    read_at = time.monotonic()
    with tenant_transaction(tenant_id):
        circuits = list(Circuit.objects.order_by().values_list("pk", "parent_id", "enabled"))
        parents = {pk: parent for pk, parent, _ in circuits}
        enabled = {pk for pk, _, enabled in circuits if enabled}
        members = (
            CircuitMember.objects.order_by().values_list(
                "charge_point_id", "evse_number", "circuit_id", "charge_point__identity"
            )
            if enabled
            else ()
        )
        by_connector: dict[Place, int] = {}
        by_identity: dict[str, set[int]] = {}
        for charge_point_id, evse_number, circuit_id, identity in members:
            root = root_of(circuit_id, parents)
            if root in enabled:
                by_connector[charge_point_id, evse_number] = root
                by_identity.setdefault(identity, set()).add(root)
    return Roots(by_connector, {identity: frozenset(roots) for identity, roots in by_identity.items()}, read_at)
