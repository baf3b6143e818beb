"""Connectors that leave load management: nothing of it stays behind at their stations."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Command
from smartcharging.models import ChargingProfile, Circuit, CircuitMember
from smartcharging.services import waking
from smartcharging.services.circuits import add_member, delete_circuit, remove_member, update_circuit, update_member
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import make_session, make_station

SCHEDULE = {"unit": "A", "periods": [{"start": 0, "limit": "0"}]}
BY: dict[str, Any] = {"actor": "alice", "origin": "api"}


@pytest.fixture(autouse=True)
def _nobody_is_woken(monkeypatch: pytest.MonkeyPatch, redis_clean: Any) -> None:
    monkeypatch.setattr(waking, "wake_circuit", lambda **told: None)


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    return make_station(tenant)


@pytest.fixture
def member(station: ChargePoint) -> CircuitMember:
    """A connector that load management holds by a default and by its session's profile."""
    session = make_session(station)
    with tenant_transaction(station.tenant_id):
        circuit = Circuit.objects.create(tenant_id=station.tenant_id, name="Site", capacity=Decimal(63))
        row = CircuitMember.objects.create(
            tenant_id=station.tenant_id, circuit=circuit, charge_point=station, evse_number=1
        )
        for profile_id, purpose, transaction in ((1000001, "tx_default", None), (1000002, "tx", session)):
            ChargingProfile.objects.create(
                **place(station), profile_id=profile_id, purpose=purpose, transaction=transaction, source="circuit"
            )
        ChargingProfile.objects.create(**{**place(station), "stack_level": 1}, profile_id=5, purpose="tx_default")
    return row


def place(station: ChargePoint) -> dict[str, Any]:
    return {
        "tenant_id": station.tenant_id,
        "charge_point": station,
        "evse_number": 1,
        "stack_level": 9,
        "kind": "relative",
        "schedule": SCHEDULE,
        "state": "installed",
    }


def cleared(tenant: Tenant, state: str = "queued") -> list[int]:
    with tenant_transaction(tenant.pk):
        rows = Command.objects.filter(action="ClearChargingProfile", state=state).order_by("created_at")
        return sorted(row.payload["id"] for row in rows)


def test_what_load_management_holds_is_cleared_and_nothing_of_others(tenant: Tenant, member: CircuitMember) -> None:
    remove_member(member=member, **BY)
    assert cleared(tenant) == [1000001, 1000002]


def test_a_station_that_is_away_is_told_when_it_is_back(tenant: Tenant, member: CircuitMember) -> None:
    remove_member(member=member, **BY)
    with tenant_transaction(tenant.pk):
        expiries = Command.objects.values_list("expires_at", flat=True)
        assert all(at is not None and at > timezone.now() + timedelta(days=7) for at in expiries)


@pytest.mark.parametrize("how", ["switched off", "switched off above", "deleted"])
def test_a_circuit_lets_all_below_it_go(tenant: Tenant, member: CircuitMember, how: str) -> None:
    circuit = member.circuit
    if how == "switched off above":
        with tenant_transaction(tenant.pk):
            root = Circuit.objects.create(tenant=tenant, name="Root", capacity=Decimal(63))
            Circuit.objects.filter(pk=circuit.pk).update(parent=root)
        circuit = root
    if how == "deleted":
        delete_circuit(circuit=circuit, **BY)
    else:
        update_circuit(circuit=circuit, values={"enabled": False}, **BY)
    assert cleared(tenant) == [1000001, 1000002]


def test_one_that_comes_back_before_it_was_told_keeps_what_it_has(tenant: Tenant, member: CircuitMember) -> None:
    circuit, station = member.circuit, member.charge_point
    remove_member(member=member, **BY)
    again = add_member(circuit=circuit, values={"charge_point": station, "evse_number": 1}, **BY)
    assert cleared(tenant) == []
    assert cleared(tenant, "cancelled") == [1000001, 1000002]
    update_circuit(circuit=circuit, values={"enabled": False}, **BY)
    update_circuit(circuit=circuit, values={"enabled": True}, **BY)
    assert cleared(tenant) == []
    assert again.pk is not None


def test_moving_to_another_circuit_clears_nothing(tenant: Tenant, member: CircuitMember) -> None:
    with tenant_transaction(tenant.pk):
        other = Circuit.objects.create(tenant=tenant, name="Other", capacity=Decimal(63))
    update_member(member=member, values={"circuit": other}, **BY)
    assert cleared(tenant) == []


def test_moving_to_a_circuit_that_is_off_lets_it_go_and_back_keeps_it(tenant: Tenant, member: CircuitMember) -> None:
    home = member.circuit
    with tenant_transaction(tenant.pk):
        off = Circuit.objects.create(tenant=tenant, name="Off", capacity=Decimal(63), enabled=False)
        below = Circuit.objects.create(tenant=tenant, name="Below", capacity=Decimal(63), parent=off)
    update_member(member=member, values={"circuit": below}, **BY)
    assert cleared(tenant) == [1000001, 1000002]
    update_member(member=member, values={"circuit": home}, **BY)
    assert cleared(tenant) == []
    update_circuit(circuit=home, values={"parent": off}, **BY)
    assert cleared(tenant) == [1000001, 1000002]


def test_what_is_still_queued_is_taken_back(tenant: Tenant, member: CircuitMember) -> None:
    with tenant_transaction(tenant.pk):
        row = ChargingProfile.objects.get(profile_id=1000002)
        command = Command.objects.create(
            tenant=tenant, charge_point=member.charge_point, action="SetChargingProfile", payload={}, priority=1
        )
        ChargingProfile.objects.filter(pk=row.pk).update(state="sending", command=command)
    remove_member(member=member, **BY)
    assert cleared(tenant) == [1000001]
    with tenant_transaction(tenant.pk):
        assert Command.objects.get(pk=command.pk).state == "cancelled"
