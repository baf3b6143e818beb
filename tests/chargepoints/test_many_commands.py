"""Commands for many stations at once: one message, one read, each sent once."""

from typing import Any

from chargepoints.gateway import local
from chargepoints.gateway.runtime import get_gateway
from chargepoints.models import ChargePoint, Command, CommandState, StationConnection
from chargepoints.services.commands import tell_gateways
from tenants.models import Tenant
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import Connect


def queue(tenant: Tenant) -> list[tuple[str, int]]:
    """A reset for each station, told to nobody yet; whom to tell."""
    Command.objects.bulk_create(
        Command(tenant=tenant, charge_point=row, action="ClearCache", payload={}, requested_by="x", origin="system")
        for row in ChargePoint.objects.all()
    )
    return list(StationConnection.objects.values_list("gateway__channel", "charge_point_id"))


async def test_one_message_brings_the_commands_of_many(tenant: Tenant, connect: Connect, monkeypatch: Any) -> None:
    async with connect("/ocpp/acme/CP1") as one, connect("/ocpp/acme/CP2") as two:
        for station in (one, two):
            station.answers["ClearCache"] = {"status": "Accepted"}
            await station.boot()
        told = await stored(tenant, lambda: queue(tenant))
        assert len({channel for channel, _ in told}) == 1
        # As from another process.
        monkeypatch.setattr(local, "_deliver", None)
        runtime = await get_gateway()
        looks: list[int] = []
        monkeypatch.setattr(runtime, "_deliver", looks.append)
        await runtime.threads.run(tell_gateways, told)

        async def all_accepted() -> bool:
            states = await stored(
                tenant, lambda: list(Command.objects.filter(action="ClearCache").values_list("state"))
            )
            return bool(states == [(CommandState.ACCEPTED,)] * 2)

        await eventually(all_accepted)
        assert [action for action, _ in (*one.asked, *two.asked)].count("ClearCache") == 2
