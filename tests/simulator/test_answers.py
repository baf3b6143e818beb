"""The simulated station told what to do, over a real gateway, and what comes of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargepoints.models import ChargePoint, Command, Connector, StatusChange
from chargepoints.services.commands import send_command
from chargepoints.services.outcome_sweep import sweep_outcomes
from csms.simulator.station import Station
from tenants.models import Tenant
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.simulator.test_fleet import end, force_session, make_fleet, open_tenant, play

__all__ = ["open_tenant"]


async def tell(tenant: Tenant, action: str, **payload: Any) -> Command:
    """Send a command and wait for the answer."""

    def send() -> Command:
        station = ChargePoint.objects.get()
        return send_command(charge_point=station, action=action, payload=payload, requested_by="alice", origin="api")

    sent = await stored(tenant, send)
    found: Command = await eventually(
        lambda: stored(tenant, lambda: Command.objects.filter(pk=sent.pk, finished_at__isnull=False).first())
    )
    return found


async def fulfilled(tenant: Tenant, command: Command) -> Command:
    async def there() -> Command | None:
        await asyncio.to_thread(sweep_outcomes, datetime.now(UTC))
        row: Command | None = await stored(
            tenant, lambda: Command.objects.filter(pk=command.pk, outcome="fulfilled").first()
        )
        return row

    found: Command = await eventually(there)
    return found


def profile(purpose: str = "TxDefaultProfile", **changes: Any) -> dict[str, Any]:
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "startSchedule": (datetime.now(UTC) - timedelta(minutes=1)).isoformat().replace("+00:00", "Z"),
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1000}, {"startPeriod": 660, "limit": 500}],
        },
        **changes,
    }


@pytest.fixture
async def simulated(open_tenant: Tenant, gateway: str) -> Any:
    fleet = make_fleet(gateway, 1)
    tasks = await play(fleet)
    station = fleet.stations[0]
    await eventually(lambda: station.accepted)
    yield station
    await end(tasks)


async def test_it_boots_after_a_reset(open_tenant: Tenant, simulated: Station) -> None:
    await fulfilled(open_tenant, await tell(open_tenant, "Reset", type="Soft"))


async def test_it_sends_what_is_triggered(open_tenant: Tenant, simulated: Station) -> None:
    for requested in ("Heartbeat", "StatusNotification", "MeterValues", "BootNotification"):
        command = await tell(open_tenant, "TriggerMessage", requestedMessage=requested)
        assert command.reply == {"status": "Accepted"}, requested
        await fulfilled(open_tenant, command)
    assert (await tell(open_tenant, "TriggerMessage", requestedMessage="Heartbeat", connectorId=99)).reply == {
        "status": "Rejected"
    }


async def test_a_change_of_availability_waits_for_the_session(open_tenant: Tenant, simulated: Station) -> None:
    force_session(simulated)
    await eventually(lambda: simulated.connectors[0].session)
    command = await tell(open_tenant, "ChangeAvailability", connectorId=1, type="Inoperative")
    assert command.reply == {"status": "Scheduled"}
    simulated.stop(simulated.connectors[0], "Local")
    await fulfilled(open_tenant, command)
    assert await stored(open_tenant, lambda: Connector.objects.get(evse__number=1).status) == "Unavailable"


async def test_the_whole_station_says_that_it_is_unavailable(open_tenant: Tenant, simulated: Station) -> None:
    for connector in simulated.connectors:
        simulated.stop(connector, "Local")
    await eventually(lambda: not any(connector.session for connector in simulated.connectors))
    command = await tell(open_tenant, "ChangeAvailability", connectorId=0, type="Inoperative")
    assert command.outcome == "fulfilled"
    await eventually(
        lambda: stored(open_tenant, lambda: StatusChange.objects.filter(evse_number=0, status="Unavailable").exists())
    )


async def test_it_unlocks_ends_the_session_and_knows_its_connectors(open_tenant: Tenant, simulated: Station) -> None:
    force_session(simulated)
    await eventually(lambda: simulated.connectors[0].session)
    assert (await tell(open_tenant, "UnlockConnector", connectorId=1)).outcome == "fulfilled"
    assert simulated.connectors[0].session is None
    assert (await tell(open_tenant, "UnlockConnector", connectorId=9)).reply == {"status": "NotSupported"}


async def test_it_keeps_profiles_obeys_them_and_says_what_they_add_up_to(
    open_tenant: Tenant, simulated: Station
) -> None:
    set_one = {"connectorId": 1, "csChargingProfiles": profile()}
    assert (await tell(open_tenant, "SetChargingProfile", **set_one)).reply == {"status": "Accepted"}
    force_session(simulated)
    await eventually(lambda: simulated.connectors[0].session and 0 < simulated.connectors[0].power_w <= 1000)
    asked = await tell(open_tenant, "GetCompositeSchedule", connectorId=1, duration=3600, chargingRateUnit="W")
    assert asked.reply is not None
    periods = asked.reply["chargingSchedule"]["chargingSchedulePeriod"]
    assert [period["limit"] for period in periods] == [1000, 500]
    assert 595 <= periods[1]["startPeriod"] <= 600
    for criteria, status in ({"id": 9}, "Unknown"), ({"connectorId": 1}, "Accepted"), ({}, "Unknown"):
        assert (await tell(open_tenant, "ClearChargingProfile", **criteria)).reply == {"status": status}


@pytest.mark.parametrize(
    ("number", "purpose"), [(1, "ChargePointMaxProfile"), (0, "TxProfile"), (1, "TxProfile"), (99, "TxDefaultProfile")]
)
async def test_it_refuses_profiles_that_can_not_be(
    open_tenant: Tenant, simulated: Station, number: int, purpose: str
) -> None:
    for connector in simulated.connectors:
        simulated.stop(connector, "Local")
        connector.available = False
    given = {"connectorId": number, "csChargingProfiles": profile(purpose)}
    assert (await tell(open_tenant, "SetChargingProfile", **given)).reply == {"status": "Rejected"}


async def test_it_echoes_its_vendors_data_and_clears_its_cache(open_tenant: Tenant, simulated: Station) -> None:
    echo = await tell(open_tenant, "DataTransfer", vendorId="Simulated", messageId="Echo", data="hello")
    assert echo.reply == {"status": "Accepted", "data": "hello"}
    other = await tell(open_tenant, "DataTransfer", vendorId="Other")
    assert (other.state, other.reply) == ("rejected", {"status": "UnknownVendorId"})
    assert (await tell(open_tenant, "ClearCache")).state == "accepted"
