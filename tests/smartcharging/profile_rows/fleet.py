"""Stations that are online on paper, and profiles to send to them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

from chargepoints.models import ChargePoint, Command, CommandState, Connector, Evse
from chargepoints.services.commands import claim_for_sending, finish_command
from smartcharging.models import ChargingProfile
from smartcharging.profiles.shapes import Period, Profile, Schedule
from smartcharging.services.sending import NEW_ID, ProfileToSend, send_profiles
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import bring_online as hold_sockets


def make_fleet(tenant: Tenant, number: int, *, online: bool = True, prefix: str = "CP") -> list[ChargePoint]:
    """Stations with one connector each."""
    with tenant_transaction(tenant.pk):
        stations = ChargePoint.objects.bulk_create(
            ChargePoint(tenant=tenant, identity=f"{prefix}{n}", identity_key=f"{prefix}{n}".lower())
            for n in range(number)
        )
        evses = Evse.objects.bulk_create(Evse(tenant=tenant, charge_point=one, number=1) for one in stations)
        Connector.objects.bulk_create(
            Connector(tenant=tenant, charge_point=evse.charge_point, evse=evse, status="Available") for evse in evses
        )
    if online:
        bring_online(tenant, stations)
    return stations


def bring_online(tenant: Tenant, stations: list[ChargePoint], channel: str = "gateway.x!y") -> None:
    hold_sockets(*stations, channel=channel)


def a_profile(purpose: str = "tx_default", limit: float = 16, **changes: Any) -> Profile:
    """Relative, without end: the shape that load management sends."""
    schedule = Schedule("A", (Period(0, Decimal(str(limit))),))
    profile = Profile(
        profile_id=NEW_ID,
        stack_level=1,
        purpose=purpose,  # type: ignore[arg-type]
        kind="relative",
        schedule=schedule,
    )
    return replace(profile, **changes)


def send(tenant: Tenant, station: ChargePoint, profile: Profile, evse_number: int = 1, **more: Any) -> ChargingProfile:
    item = ProfileToSend(station.pk, evse_number, profile, **more)
    return send_profiles(tenant_id=tenant.pk, items=[item], requested_by="alice", origin="api")[0]


def answer(tenant: Tenant, command_id: Any, status: str = "Accepted") -> None:
    """The station's word, as the gateway writes it down."""
    leave(tenant, command_id)
    state = CommandState.ACCEPTED if status == "Accepted" else CommandState.REJECTED
    assert finish_command(tenant_id=tenant.pk, command_id=command_id, state=state, reply={"status": status})


def leave(tenant: Tenant, command_id: Any) -> None:
    assert claim_for_sending(tenant_id=tenant.pk, command_id=command_id, gateway_id=uuid4(), connection_id=uuid4())


def install(
    tenant: Tenant, station: ChargePoint, profile: Profile, evse_number: int = 1, **more: Any
) -> ChargingProfile:
    row = send(tenant, station, profile, evse_number, **more)
    answer(tenant, row.command_id)
    return again(row)


def again(row: ChargingProfile) -> ChargingProfile:
    with tenant_transaction(row.tenant_id):
        return ChargingProfile.objects.get(pk=row.pk)


def last_command(tenant: Tenant) -> Command:
    with tenant_transaction(tenant.pk):
        return Command.objects.order_by("-created_at").first() or Command()
