"""Statuses of connectors: late, early, many at once, implied."""

import asyncio
from datetime import timedelta

from django.utils import timezone

from chargepoints.models import (
    ChargePoint,
    Connector,
    StatusChange,
)
from tenants.models import OutboxEvent, Tenant
from tests.chargepoints.core.rows import add_tag
from tests.chargepoints.test_connection import stored
from tests.stations import Connect


async def test_a_late_older_status_does_not_overwrite_the_newer(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        for status, at in (("Charging", "2026-11-20T10:05:00Z"), ("Preparing", "2026-11-20T10:00:00Z")):
            await station.call("StatusNotification", connectorId=1, errorCode="NoError", status=status, timestamp=at)
    assert await stored(tenant, lambda: Connector.objects.get().status) == "Charging"
    assert await stored(tenant, StatusChange.objects.count) == 2


async def test_a_clock_in_the_future_does_not_freeze_the_status(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        for status, at in (
            ("Charging", "2036-01-01T00:00:00Z"),
            ("Available", (timezone.now() + timedelta(seconds=30)).isoformat()),
        ):
            await station.call("StatusNotification", connectorId=1, errorCode="NoError", status=status, timestamp=at)
    assert await stored(tenant, lambda: Connector.objects.get().status) == "Available"


async def test_first_notifications_of_many_connectors_at_once_are_safe(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await asyncio.gather(
            *(
                station.call("StatusNotification", connectorId=number % 5, errorCode="NoError", status="Available")
                for number in range(20)
            )
        )
    assert await stored(tenant, Connector.objects.count) == 4


async def test_a_connector_that_turns_available_under_a_session_warns_once(tenant: Tenant, connect: Connect) -> None:
    await add_tag(tenant, "TAG")
    async with connect() as station:
        await station.start()
        for _ in range(2):
            await station.call("StatusNotification", connectorId=1, errorCode="NoError", status="Available")
    assert await stored(tenant, lambda: OutboxEvent.objects.filter(event_type="session.warning").count()) == 1


async def test_a_station_without_status_gets_an_implied_one(tenant: Tenant, connect: Connect) -> None:
    await add_tag(tenant, "TAG")
    async with connect() as station:
        await stored(tenant, lambda: ChargePoint.objects.update(imply_status=True))
        started = await station.start()
        assert await stored(tenant, lambda: Connector.objects.get().status) == "Charging"
        await station.stop(started["transactionId"])
    assert await stored(tenant, lambda: Connector.objects.get().status) == "Available"
