"""Circuits as people enter and change them. Each change is checked as a whole tree, audited, and wakes its root."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext

from smartcharging.circuit_selectors import root_of, subtree_ids
from smartcharging.models import Circuit, CircuitMember
from smartcharging.services.circuit_checks import (
    CircuitRefused,
    apply,
    check_circuit,
    check_fields,
    check_tree,
    current,
    lock_circuits,
)
from smartcharging.services.members import add_member, remove_member, update_member
from smartcharging.services.release import follow_circuits, release_connectors
from smartcharging.services.waking import wake
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tenants.services.audit import record

__all__ = [
    "CircuitRefused",
    "add_member",
    "create_circuit",
    "delete_circuit",
    "remove_member",
    "update_circuit",
    "update_member",
]


def create_circuit(*, tenant: Tenant, values: Mapping[str, Any], actor: str, origin: str) -> Circuit:
    """`values` by the model's names; `parent` None: the root of a tree of its own. CircuitRefused."""
    with tenant_transaction(tenant.pk):
        lock_circuits(tenant.pk)
        circuit = Circuit(tenant=tenant)
        changes = apply(circuit, values)
        _save(circuit, values)
        record(actor=actor, origin=origin, action="create", target=circuit, changes=changes)
        wake(tenant_id=tenant.pk, root_ids=[root_of(circuit).pk], cause="circuit_changed")
    return circuit


def update_circuit(*, circuit: Circuit, values: Mapping[str, Any], actor: str, origin: str) -> Circuit:
    """Change what `values` names. With another `parent` it moves, and all below it. CircuitRefused.

    Switched off, its connectors are let go: what load management holds at the stations is cleared.
    """
    with tenant_transaction(circuit.tenant_id):
        lock_circuits(circuit.tenant_id)
        row = current(Circuit.objects.all(), circuit.pk)
        roots = {root_of(row).pk}
        changes = apply(row, values)
        if not changes:
            return row
        _save(row, values)
        record(actor=actor, origin=origin, action="change", target=row, changes=changes)
        if "enabled" in changes or "parent" in changes:
            follow_circuits(tenant_id=row.tenant_id, members=_members_below(row))
        wake(tenant_id=row.tenant_id, root_ids=roots | {root_of(row).pk}, cause="circuit_changed")
    return row


def delete_circuit(*, circuit: Circuit, actor: str, origin: str) -> None:
    """Its connectors are let go. CircuitRefused while circuits hang below it."""
    with tenant_transaction(circuit.tenant_id):
        lock_circuits(circuit.tenant_id)
        row = current(Circuit.objects.all(), circuit.pk)
        if Circuit.objects.filter(parent=row).exists():
            raise CircuitRefused(
                "has_children", "parent", gettext("Circuits hang below it: move or delete those first.")
            )
        root_id = root_of(row).pk
        places = _members_below(row).values_list("charge_point_id", "evse_number")
        release_connectors(tenant_id=row.tenant_id, connectors=list(places))
        gone = {"name": row.name, "members": CircuitMember.objects.filter(circuit=row).count()}
        record(actor=actor, origin=origin, action="delete", target=row, changes=gone)
        row.delete()
        if root_id != circuit.pk:
            wake(tenant_id=circuit.tenant_id, root_ids=[root_id], cause="circuit_changed")


def _save(circuit: Circuit, values: Mapping[str, Any]) -> None:
    check_fields(circuit, values)
    check_circuit(circuit, values)
    circuit.save()
    check_tree(root_of(circuit), values)


def _members_below(circuit: Circuit) -> QuerySet[CircuitMember]:
    return CircuitMember.objects.filter(circuit__in=subtree_ids([circuit.pk]))
