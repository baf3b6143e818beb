"""Live sockets whose rows were swept: they are entered again, whatever became of the others beside them."""

import asyncio
from dataclasses import dataclass
from uuid import uuid4

import pytest
from django.utils import timezone

from chargepoints.gateway.runtime import GatewayRuntime
from chargepoints.models import ChargePoint
from chargepoints.services import leases
from chargepoints.services.connections import Claim
from tenants.context import in_database, system_transaction, tenant_transaction
from tenants.databases.move import Work, begin_move, go_on
from tenants.models import OutboxEvent, Tenant


@dataclass
class Socket:
    """Of a station that is there, with no row."""

    claim: Claim
    dismissed: str = ""

    async def dismiss(self, reason: str) -> None:
        self.dismissed = reason


class Paused(Exception):
    pass


@pytest.fixture
def runtime(db: None) -> GatewayRuntime:
    runtime = GatewayRuntime()
    leases.renew_lease(gateway_id=runtime.id, host="here", pid=1, channel="", started_at=runtime.started_at)
    return runtime


def swept(runtime: GatewayRuntime, tenant: Tenant, identity: str = "CP1") -> Socket:
    with tenant_transaction(tenant.pk):
        row = ChargePoint.objects.create(tenant=tenant, identity=identity, identity_key=identity.lower())
    return Socket(Claim(tenant.pk, row.pk, identity, uuid4(), runtime.id, "10.0.0.1", "1.6", timezone.now()))


async def entered_again(runtime: GatewayRuntime, *sockets: Socket) -> list[tuple[int, str]]:
    """Of which stations, by tenant, it is said that they are online."""
    runtime._sockets = {one.claim.connection_id: one for one in sockets}  # type: ignore[misc]
    try:
        await runtime._reclaim(sockets)  # type: ignore[arg-type]
    finally:
        await runtime.stop()

    def told() -> list[tuple[int, str]]:
        with in_database(""), system_transaction():
            online = OutboxEvent.objects.filter(event_type="chargepoint.online")
            return list(online.values_list("tenant_id", "charge_point"))

    return await asyncio.to_thread(told)


async def test_one_of_a_tenant_that_is_being_moved_keeps_no_other_from_it(
    runtime: GatewayRuntime, tenant: Tenant, other_tenant: Tenant, spare: str
) -> None:
    """Or a beat of the gateway would end before it closes the sockets that the move waits for."""

    def pause(step: str) -> None:
        if step == "fence shut":
            raise Paused

    def prepare() -> list[Socket]:
        sockets = [swept(runtime, tenant), swept(runtime, other_tenant)]
        move = begin_move(slug=tenant.slug, target=spare, actor="test")
        with pytest.raises(Paused):
            go_on(move, Work(still_at_work=lambda tenant: "", settle_s=0.0, reached=pause))
        return sockets

    moving, other = await asyncio.to_thread(prepare)
    assert await entered_again(runtime, moving, other) == [(other_tenant.pk, "CP1")]
    assert not moving.dismissed


async def test_one_whose_station_was_deleted_is_closed_and_keeps_no_other_from_it(
    runtime: GatewayRuntime, tenant: Tenant
) -> None:
    def prepare() -> list[Socket]:
        sockets = [swept(runtime, tenant, "GONE"), swept(runtime, tenant, "THERE")]
        with tenant_transaction(tenant.pk):
            ChargePoint.objects.get(identity="GONE").delete()
        return sockets

    gone, there = await asyncio.to_thread(prepare)
    assert await entered_again(runtime, gone, there) == [(tenant.pk, "THERE")]
    assert (gone.dismissed, there.dismissed) == ("charge point deleted", "")
