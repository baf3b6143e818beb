"""Security events of stations."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import SecurityEvent
from chargepoints.services.security_events import forget_old_events
from tenants.models import OutboxEvent, Tenant
from tests.chargepoints.test_connection import stored
from tests.stations import TIME, Connect


@pytest.mark.parametrize(
    ("kind", "critical"),
    [
        ("TamperDetectionActivated", True),
        ("StartupOfTheDevice", True),
        ("FirmwareUpdated", True),
        ("InvalidTLSVersion", False),
        ("VendorsOwn", False),
    ],
)
async def test_077_a_security_event_is_kept_with_its_criticality_and_published(
    tenant: Tenant, connect: Connect, kind: str, critical: bool
) -> None:
    async with connect() as station:
        await station.boot()
        assert await station.call("SecurityEventNotification", type=kind, timestamp=TIME, techInfo="Door") == {}
    event = await stored(tenant, SecurityEvent.objects.get)
    assert (event.type, event.critical, event.tech_info, event.at.isoformat()) == (
        kind,
        critical,
        "Door",
        "2026-11-20T10:00:00+00:00",
    )
    sent = await stored(tenant, lambda: OutboxEvent.objects.get(event_type="security.event"))
    assert (sent.charge_point, sent.data) == ("CP1", {"type": kind, "critical": critical, "techInfo": "Door"})


async def test_078_a_security_event_sent_again_is_kept_and_published_once(tenant: Tenant, connect: Connect) -> None:
    for _ in range(2):
        async with connect() as station:
            await station.boot()
            for _ in range(2):
                await station.call("SecurityEventNotification", type="ResetOrReboot", timestamp=TIME)
    assert await stored(tenant, SecurityEvent.objects.count) == 1
    assert await stored(tenant, lambda: OutboxEvent.objects.filter(event_type="security.event").count()) == 1


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "x" * 400, "timestamp": TIME, "techInfo": "y" * 4000},
        {"type": "a\0b", "timestamp": TIME, "techInfo": "\0"},
        {"type": "", "timestamp": "yesterday"},
        {"type": "T", "timestamp": "9999-12-31T23:59:59Z"},
    ],
)
async def test_a_hostile_security_event_breaks_nothing(
    tenant: Tenant, connect: Connect, payload: dict[str, Any]
) -> None:
    async with connect() as station:
        await station.boot()
        answer = await station.frame("SecurityEventNotification", payload)
        assert answer[0] == 3 or answer[2] != "InternalError"
        await station.call("Heartbeat")


async def test_old_security_events_are_forgotten(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.boot()
        # Kept by when we heard of it, not by what the station's clock says.
        await station.call("SecurityEventNotification", type="ResetOrReboot", timestamp="2001-01-01T00:00:00Z")
    now = timezone.now()
    assert await asyncio.to_thread(forget_old_events, now) == 0
    assert await asyncio.to_thread(forget_old_events, now + timedelta(days=366)) == 1
