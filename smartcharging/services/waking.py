"""Who is to be told when circuits, signals, prices or needs change: the root, once the change is committed."""

from collections.abc import Iterable

from smartcharging.causes import Cause
from smartcharging.circuit_selectors import roots_by_circuit
from smartcharging.models import CircuitMember
from smartcharging.services.wake import wake_circuit


def wake(*, tenant_id: int, root_ids: Iterable[int], cause: Cause) -> None:
    """A round of each of these trees, soon. Inside the transaction of the change."""
    for root_id in sorted(set(root_ids)):
        wake_circuit(tenant_id=tenant_id, root_id=root_id, cause=cause)


def wake_of_circuits(*, tenant_id: int, circuit_ids: Iterable[int], cause: Cause) -> None:
    """The trees that these circuits are in."""
    roots = roots_by_circuit()
    wake(tenant_id=tenant_id, root_ids=[roots[one] for one in circuit_ids if one in roots], cause=cause)


def wake_of_connectors(*, tenant_id: int, connectors: Iterable[tuple[int, int]], cause: Cause) -> None:
    """The trees that these (charge point id, connector number) hang on."""
    wanted = set(connectors)
    members = CircuitMember.objects.filter(charge_point_id__in={station for station, _ in wanted})
    rows = members.values_list("circuit_id", "charge_point_id", "evse_number")
    ids = [circuit_id for circuit_id, *place in rows if tuple(place) in wanted]
    if ids:
        wake_of_circuits(tenant_id=tenant_id, circuit_ids=ids, cause=cause)
