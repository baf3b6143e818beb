"""A site that shares its connection: circuits, members, limits, profiles as the services leave them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chargepoints.models import ChargePoint, Connector, Evse, Site
from smartcharging.models import Allotment, ChargingProfile, Circuit, CircuitMember, CircuitRound, LimitSent
from tenants.context import tenant_transaction
from tenants.models import Tenant

DAILY = {
    "unit": "A",
    "periods": [
        {"start": 0, "limit": "8", "phases": None},
        {"start": 57600, "limit": "16", "phases": None},
    ],
    "duration": None,
    "startAt": "2026-11-01T05:00:00+00:00",
    "minRate": None,
}


def make_connectors(station: ChargePoint, count: int) -> None:
    """Connectors 2 to `count`, beside the first."""
    with tenant_transaction(station.tenant_id):
        for number in range(2, count + 1):
            evse = Evse.objects.create(tenant_id=station.tenant_id, charge_point=station, number=number)
            Connector.objects.create(tenant_id=station.tenant_id, charge_point=station, evse=evse, status="Available")


def make_profile(station: ChargePoint, **fields: Any) -> ChargingProfile:
    """A daily default of connector 1, installed: 8 A from 05:00 UTC, 16 A from 21:00 UTC."""
    values = {
        "evse_number": 1,
        "profile_id": 7,
        "purpose": "tx_default",
        "stack_level": 1,
        "kind": "recurring",
        "recurrency": "daily",
        "schedule": DAILY,
        "state": "installed",
        "requested_by": "alice",
        "installed_at": datetime(2026, 11, 1, 12, tzinfo=UTC),
        **fields,
    }
    with tenant_transaction(station.tenant_id):
        return ChargingProfile.objects.create(tenant_id=station.tenant_id, charge_point=station, **values)


def make_circuit(tenant: Tenant, name: str = "Depot", **fields: Any) -> Circuit:
    """A connection of 63 A."""
    with tenant_transaction(tenant.pk):
        site = Site.objects.get_or_create(tenant=tenant, name="Depot")[0]
        values = {"site": site, "capacity": Decimal(63), **fields}
        return Circuit.objects.create(tenant=tenant, name=name, **values)


def make_member(
    circuit: Circuit,
    station: ChargePoint,
    evse_number: int = 1,
    *,
    allotment: dict[str, Any] | None = None,
    **fields: Any,
) -> CircuitMember:
    """A connector on a circuit; `allotment`: what the ledger says of it."""
    with tenant_transaction(circuit.tenant_id):
        member = CircuitMember.objects.create(
            tenant_id=circuit.tenant_id, circuit=circuit, charge_point=station, evse_number=evse_number, **fields
        )
        if allotment is not None:
            Allotment.objects.create(tenant_id=circuit.tenant_id, member=member, **{"worst_a": 32, **allotment})
    return member


def make_rounds(circuit: Circuit, end: datetime, count: int, step: timedelta = timedelta(minutes=1)) -> None:
    """One each `step` up to `end`: more and more is allotted, up to what there is."""
    with tenant_transaction(circuit.tenant_id):
        for number in range(count):
            amps = min(53.0, 10 + number * 0.7)
            CircuitRound.objects.create(
                tenant_id=circuit.tenant_id,
                circuit=circuit,
                at=end - step * (count - number),
                cause="minute",
                strategy=circuit.strategy,
                active=2,
                sent=number % 3,
                compute_ms=1.5,
                capacity=[53.0, 53.0, 53.0],
                base=[10.0, 10.0, 10.0],
                allotted=[amps, amps, amps * 0.6],
                worst=[min(53.0, amps + 4)] * 3,
                actual=[amps * 0.8, amps * 0.7, amps * 0.5],
            )


def make_limit_sent(member: CircuitMember, at: datetime, **fields: Any) -> LimitSent:
    """A limit of 16 A that the station has accepted."""
    values = {
        "circuit_id": member.circuit_id,
        "charge_point_id": member.charge_point_id,
        "evse_number": member.evse_number,
        "at": at,
        "limit_a": Decimal(16),
        "previous_a": Decimal(32),
        "reason": "equal_share",
        "cause": "session_started",
        "result": "accepted",
        "result_at": at + timedelta(seconds=1),
        **fields,
    }
    with tenant_transaction(member.tenant_id):
        return LimitSent.objects.create(tenant_id=member.tenant_id, member=member, **values)
