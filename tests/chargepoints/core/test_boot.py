"""Boot (OCPP.md "Core"): kept, answered, configured after it."""

import asyncio

from chargepoints.models import (
    ChargePoint,
    ConfigurationKey,
)
from tenants.models import Tenant
from tests.chargepoints.test_connection import set_policy, stored
from tests.conftest import eventually
from tests.stations import Connect


async def test_001_cold_boot_keeps_every_field_and_answers_the_tenants_interval(
    tenant: Tenant, connect: Connect
) -> None:
    await asyncio.to_thread(set_policy, tenant, heartbeat_interval=123)
    async with connect() as station:
        answer = await station.call(
            "BootNotification",
            chargePointVendor="V",
            chargePointModel="M",
            firmwareVersion="1.2",
            iccid="8949",
            meterType="EM",
        )
    assert (answer["status"], answer["interval"]) == ("Accepted", 123)
    row = await stored(tenant, ChargePoint.objects.get)
    assert (row.vendor, row.firmware_version, row.boot_info["iccid"], row.boot_info["meterType"]) == (
        "V",
        "1.2",
        "8949",
        "EM",
    )


async def test_after_a_boot_the_configuration_is_read_and_what_differs_is_set(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        station.answers["GetConfiguration"] = {
            "configurationKey": [
                {"key": "MeterValueSampleInterval", "readonly": False, "value": "900"},
                {"key": "ClockAlignedDataInterval", "readonly": False, "value": "900"},
                {"key": "AuthorizationKey", "readonly": False, "value": "secret-secret-secret"},
            ]
        }
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        await station.boot()
        await eventually(lambda: len(station.asked) >= 2)
        assert station.asked[1] == ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "60"})
        kept = await eventually(
            lambda: stored(
                tenant, lambda: dict(ConfigurationKey.objects.filter(value="60").values_list("key", "value"))
            )
        )
        assert kept == {"MeterValueSampleInterval": "60"}
        assert not await stored(tenant, lambda: ConfigurationKey.objects.filter(value__contains="secret").exists())


async def test_nothing_is_sent_unasked_to_a_station_that_is_set_so(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await stored(tenant, lambda: ChargePoint.objects.update(send_unasked=False))
        await station.boot()
        await station.call("Heartbeat")
        assert station.asked == []
