"""Connectors on circuits. The same rules as for circuits: the whole tree is checked, audited, and its root woken."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from chargepoints.models import Evse
from smartcharging.circuit_selectors import root_of
from smartcharging.models import Circuit, CircuitMember
from smartcharging.services.circuit_checks import (
    CircuitRefused,
    apply,
    check_fields,
    check_tree,
    current,
    lock_circuits,
)
from smartcharging.services.release import follow_circuits, release_connectors
from smartcharging.services.waking import wake
from tenants.context import tenant_transaction
from tenants.services.audit import record


def add_member(*, circuit: Circuit, values: Mapping[str, Any], actor: str, origin: str) -> CircuitMember:
    """Put a connector (`charge_point`, `evse_number`) on the circuit. CircuitRefused."""
    with tenant_transaction(circuit.tenant_id):
        lock_circuits(circuit.tenant_id)
        circuit = current(Circuit.objects.all(), circuit.pk)
        member = CircuitMember(tenant_id=circuit.tenant_id, circuit=circuit)
        changes = apply(member, values)
        _check_connector(member)
        _save(member, values)
        changes["circuit"] = [None, circuit.name]
        follow_circuits(tenant_id=circuit.tenant_id, members=[member])
        record(actor=actor, origin=origin, action="create", target=member, changes=changes)
        wake(tenant_id=circuit.tenant_id, root_ids=[root_of(circuit).pk], cause="member_added")
    return member


def update_member(*, member: CircuitMember, values: Mapping[str, Any], actor: str, origin: str) -> CircuitMember:
    """Change what `values` names; with another `circuit` it moves there. CircuitRefused."""
    with tenant_transaction(member.tenant_id):
        lock_circuits(member.tenant_id)
        row = current(CircuitMember.objects.select_related("circuit", "charge_point"), member.pk)
        roots = {root_of(row.circuit).pk}
        place = (row.charge_point_id, row.evse_number)
        if "circuit" in values:
            current(Circuit.objects.all(), values["circuit"].pk)
        changes = apply(row, values)
        if not changes:
            return row
        if place != (row.charge_point_id, row.evse_number):
            # Its allotment is what another connector may take.
            raise CircuitRefused(
                "another_connector", "charge_point", gettext("Remove it, and add the other connector.")
            )
        _save(row, values)
        if "circuit" in changes:
            follow_circuits(tenant_id=row.tenant_id, members=[row])
        record(actor=actor, origin=origin, action="change", target=row, changes=changes)
        wake(tenant_id=row.tenant_id, root_ids=roots | {root_of(row.circuit).pk}, cause="member_changed")
    return row


def remove_member(*, member: CircuitMember, actor: str, origin: str) -> None:
    """Its connector is let go: what load management holds there is cleared, and the circuit counts it no more."""
    with tenant_transaction(member.tenant_id):
        lock_circuits(member.tenant_id)
        row = current(CircuitMember.objects.select_related("circuit", "charge_point"), member.pk)
        root_id = root_of(row.circuit).pk
        record(actor=actor, origin=origin, action="delete", target=row, changes={"circuit": [row.circuit.name, None]})
        place = (row.charge_point_id, row.evse_number)
        release_connectors(tenant_id=row.tenant_id, connectors=[place])
        row.delete()
        wake(tenant_id=row.tenant_id, root_ids=[root_id], cause="member_removed")


def _save(member: CircuitMember, values: Mapping[str, Any]) -> None:
    check_fields(member, values)
    member.save()
    check_tree(root_of(member.circuit), values)


def _check_connector(member: CircuitMember) -> None:
    """It must be one that the station has, and on no circuit yet."""
    known = set(Evse.objects.filter(charge_point=member.charge_point, number__gt=0).values_list("number", flat=True))
    # A station that was never here has told of none: it may be entered beforehand.
    if known and member.evse_number not in known:
        there = ", ".join(map(str, sorted(known)))
        sentence = gettext("%(identity)s has no connector %(evse_number)s (it has: %(there)s).") % {
            "identity": member.charge_point.identity,
            "evse_number": member.evse_number,
            "there": there,
        }
        raise CircuitRefused("no_such_connector", "evse_number", sentence)
    taken = CircuitMember.objects.select_related("circuit").filter(
        charge_point=member.charge_point, evse_number=member.evse_number
    )
    other = taken.first()
    if other is not None:
        sentence = gettext("The connector is on the circuit %(name)s already.") % {"name": f"{other.circuit.name!r}"}
        raise CircuitRefused("connector_taken", "evse_number", sentence)
