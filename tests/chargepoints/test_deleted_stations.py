"""A station that is deleted while it is connected."""

import asyncio
from typing import Any

from django.urls import reverse

from chargepoints.models import ChargePoint, StationConnection
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import client_of
from tests.stations import Connect, Station


def row_of(tenant: Tenant, identity: str) -> int:
    with tenant_transaction(tenant.pk):
        return ChargePoint.objects.get(identity=identity).pk


def connected(tenant: Tenant) -> list[str]:
    with tenant_transaction(tenant.pk):
        return list(StationConnection.objects.values_list("charge_point__identity", flat=True))


async def sent_away(station: Station) -> tuple[int, str]:
    return await station.closed(), str(station.socket.close_reason)


def delete_by_api(alice: User) -> None:
    assert client_of(alice).delete("/api/v1/chargepoints/CP1").status_code == 204


def delete_by_hand(alice: User, pk: int) -> None:
    answer = office(alice).post(reverse("admin:chargepoints_chargepoint_delete", args=[pk]), {"post": "yes"})
    assert answer.status_code == 302, answer.content.decode()


async def test_its_socket_is_closed_at_once_and_says_why(
    tenant: Tenant, alice: User, connect: Connect, redis_clean: Any
) -> None:
    async with connect("/ocpp/acme/CP1") as gone, connect("/ocpp/acme/CP2") as other:
        await gone.boot()
        await other.boot()
        await asyncio.to_thread(delete_by_api, alice)
        assert await sent_away(gone) == (1008, "charge point deleted")
        assert await asyncio.to_thread(connected, tenant) == ["CP2"]
        await other.call("Heartbeat")


async def test_one_deleted_in_the_back_office_is_closed_too(tenant: Tenant, alice: User, connect: Connect) -> None:
    async with connect("/ocpp/acme/CP1") as gone:
        await gone.boot()
        await asyncio.to_thread(delete_by_hand, alice, await asyncio.to_thread(row_of, tenant, "CP1"))
        assert await sent_away(gone) == (1008, "charge point deleted")
