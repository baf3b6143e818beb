"""A station on a real socket: what it reports becomes alerts, and ends them."""

import asyncio
from datetime import UTC, datetime, timedelta

from metering.models import Alert
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.conftest import eventually
from tests.stations import Connect, Station


def moment(seconds: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


async def states(tenant: Tenant) -> dict[str, str]:
    def read() -> dict[str, str]:
        with tenant_transaction(tenant.pk):
            return dict(Alert.objects.values_list("kind", "status"))

    return await asyncio.to_thread(read)


async def warm(station: Station, celsius: float) -> None:
    value = {"value": str(celsius), "measurand": "Temperature", "unit": "Celsius", "location": "Body"}
    await station.call("MeterValues", connectorId=1, meterValue=[{"timestamp": moment(), "sampledValue": [value]}])


async def status(station: Station, code: str, seconds: float = 0) -> None:
    state = "Available" if code == "NoError" else "Faulted"
    await station.call("StatusNotification", connectorId=1, status=state, errorCode=code, timestamp=moment(seconds))


async def test_heat_a_fault_and_a_wrong_clock_come_and_go(connect: Connect, tenant: Tenant) -> None:
    async with connect() as station:
        await station.boot()
        await warm(station, 95)
        await status(station, "HighTemperature")

        async def opened() -> bool:
            return await states(tenant) == {"threshold": "open", "fault": "open"}

        await eventually(opened)
        await status(station, "HighTemperature", seconds=240)

        async def all_open() -> bool:
            return await states(tenant) == {"threshold": "open", "fault": "open", "clock": "open"}

        await eventually(all_open)
        await warm(station, 30)
        await status(station, "NoError", seconds=241)
        await status(station, "NoError")

        async def all_over() -> bool:
            return set((await states(tenant)).values()) == {"resolved"}

        await eventually(all_over)
