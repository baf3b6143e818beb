"""Circuits in the back office: made, changed, deleted, their connectors; and who may."""

from decimal import Decimal

import pytest
from django.test import Client

from chargepoints.models import ChargePoint
from smartcharging.models import Circuit, CircuitMember
from tenants.context import system_transaction, tenant_transaction
from tenants.models import AuditEntry, Tenant, User
from tests.admin.circuits.pages import page, session_of, text
from tests.admin.conftest import office
from tests.admin.smart_charging_data import (
    make_circuit,
    make_member,
)

CIRCUIT = {
    "name": "Depot",
    "kind": "connection",
    "site": "",
    "parent": "",
    "enabled": "on",
    "unit": "A",
    "capacity": "63",
    "phases": "3",
    "voltage": "230",
    "base_load_a": "0",
    "meter_counts_chargers": "on",
    "meter_silent_s": "120",
    "strategy": "equal",
    "price_zone": "",
    "solar_import_a": "0",
    "lend": "on",
    "rotation_s": "900",
    "minimum_a": "6",
    "fallback_a": "0",
    "raise_step_a": "",
    "hysteresis_a": "1",
    "hold_s": "30",
    "tolerance_percent": "10",
    "tolerance_s": "60",
}
MEMBER = {"wiring": "RST", "max_a": "32", "minimum_a": "", "fallback_a": "", "priority": "0"}


def charlie_tenant(charlie: User) -> Tenant:
    with system_transaction():
        return Tenant.objects.get(slug="umbrella")


def test_a_circuit_is_made_changed_and_deleted(tenant: Tenant, admin: Client) -> None:
    assert admin.post(page("smartcharging_circuit_add"), CIRCUIT).status_code == 302
    with tenant_transaction(tenant.pk):
        made = Circuit.objects.get()
    change = page("circuit_edit", made.pk)
    assert admin.post(change, {**CIRCUIT, "capacity": "40", "strategy": "priority"}).status_code == 302
    with tenant_transaction(tenant.pk):
        made.refresh_from_db()
        entry = AuditEntry.objects.get(action="change", object_type="circuit")
    assert (made.capacity, made.strategy) == (Decimal(40), "priority")
    assert entry.changes["strategy"] == ["equal", "priority"]
    gone = page("smartcharging_circuit_delete", made.pk)
    assert "No connector hangs on it" in text(admin.get(gone))
    admin.post(gone)
    with tenant_transaction(tenant.pk):
        assert not Circuit.objects.exists()


def test_a_circuit_below_has_no_settings_of_its_own(tenant: Tenant, admin: Client) -> None:
    root = make_circuit(tenant, strategy="first_come")
    form = text(admin.get(page("smartcharging_circuit_add") + f"?parent={root.pk}"))
    assert "Strategy" not in form
    given = {**CIRCUIT, "name": "Feeder", "parent": root.pk, "capacity": "32"}
    assert admin.post(page("smartcharging_circuit_add"), given).status_code == 302
    with tenant_transaction(tenant.pk):
        assert Circuit.objects.get(name="Feeder").parent_id == root.pk


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"capacity": "-1"}, "greater than or equal to 0"),
        ({"name": "Taken"}, "exists already"),
        ({"strategy": "solar"}, "meter_needed"),
        ({"capacity": ""}, "This field is required"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    tenant: Tenant, admin: Client, change: dict[str, str], said: str
) -> None:
    make_circuit(tenant, "Taken")
    assert said in text(admin.post(page("smartcharging_circuit_add"), {**CIRCUIT, **change}))
    with tenant_transaction(tenant.pk):
        assert Circuit.objects.count() == 1


def test_connectors_are_found_and_added_all_or_none(station: ChargePoint, tenant: Tenant, admin: Client) -> None:
    root = make_circuit(tenant)
    url = page("circuit_members_add", root.pk)
    assert "CP1 / 2" in text(admin.get(f"{url}?q=cp1"))
    assert "No connector found" in text(admin.get(f"{url}?q=nowhere"))
    assert "Tick at least one" in text(admin.post(url, MEMBER))
    taken = make_member(make_circuit(tenant, "Other"), station, 2)
    both = [f"{station.pk}-1", f"{station.pk}-2"]
    assert "connector_taken" in text(admin.post(url, {**MEMBER, "connector": both}))
    with tenant_transaction(tenant.pk):
        assert CircuitMember.objects.count() == 1
        taken.delete()
    assert admin.post(url, {**MEMBER, "connector": both}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert CircuitMember.objects.filter(circuit=root).count() == 2
    assert admin.post(url, {**MEMBER, "connector": "x-1"}).status_code == 404


def test_a_member_is_changed_refused_and_taken_off(station: ChargePoint, tenant: Tenant, admin: Client) -> None:
    root = make_circuit(tenant)
    member = make_member(root, station)
    url = page("circuit_member", root.pk, member.pk)
    refused = text(admin.post(url, {**MEMBER, "circuit": root.pk, "minimum_a": "40"}))
    assert "minimum_above_maximum" in refused
    assert admin.post(url, {**MEMBER, "circuit": root.pk, "wiring": "STR", "priority": "5"}).status_code == 302
    with tenant_transaction(tenant.pk):
        member.refresh_from_db()
    assert (member.wiring, member.priority) == ("STR", 5)
    gone = page("circuit_member_remove", root.pk, member.pk)
    assert "hangs on another fuse" in text(admin.get(gone))
    admin.post(gone)
    with tenant_transaction(tenant.pk):
        assert not CircuitMember.objects.exists()


def test_roles_as_in_the_api(station: ChargePoint, tenant: Tenant, operator: Client, bob: User) -> None:
    root = make_circuit(tenant)
    member = make_member(root, station)
    viewer = office(bob)
    for name, *arguments in (
        ("circuit_edit", root.pk),
        ("circuit_members_add", root.pk),
        ("circuit_member", root.pk, member.pk),
        ("circuit_member_remove", root.pk, member.pk),
    ):
        for client in (viewer, operator):
            assert client.post(page(name, *arguments), {}).status_code == 404, name
    assert viewer.post(page("circuit_limit", root.pk), {}).status_code == 404
    assert viewer.post(page("transaction_need", session_of(station).pk), {}).status_code == 404
    assert viewer.get(page("energy_prices_upload")).status_code == 403
    assert operator.get(page("circuit_limit", root.pk)).status_code == 200


def test_another_tenants_circuits_do_not_exist(station: ChargePoint, tenant: Tenant, charlie: User) -> None:
    root = make_circuit(tenant, "Transformer")
    member = make_member(root, station)
    client = office(charlie)
    for name, *arguments in (
        ("circuit_live", root.pk),
        ("circuit_chart", root.pk),
        ("circuit_edit", root.pk),
        ("circuit_limit", root.pk),
        ("circuit_member", root.pk, member.pk),
    ):
        assert client.get(page(name, *arguments)).status_code == 404, name
    own = make_circuit(charlie_tenant(charlie), "Own")
    assert client.get(page("circuit_member", own.pk, member.pk)).status_code == 404
    chosen = {**MEMBER, "connector": f"{station.pk}-1"}
    assert client.post(page("circuit_members_add", own.pk), chosen).status_code == 404
    assert "Transformer" not in text(client.get(page("smartcharging_circuit_changelist")))
