"""From StartTransaction to the charge detail record, through the gateway."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from chargepoints.models import IdTag, Transaction
from metering.models import ChargeDetailRecord, SessionTariff, Tariff, TariffAssignment
from metering.pricing.records import settle_record
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.metering.pricing.terms import component, element
from tests.stations import Connect

ELEMENTS = [element(component("ENERGY", 0.5), component("PARKING_TIME", 3, step=60))]


def provide(tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        IdTag.objects.create(tenant=tenant, token="TAG", token_key="tag")
        tariff = Tariff.objects.create(tenant=tenant, name="Public", currency="EUR", elements=ELEMENTS)
        TariffAssignment.objects.create(tenant=tenant, tariff=tariff)


def settled(tenant: Tenant) -> tuple[int, Any]:
    """How many tariffs are frozen, and the record made."""
    with tenant_transaction(tenant.pk):
        session = Transaction.objects.get()
        frozen = SessionTariff.objects.count()
    settle_record(tenant_id=tenant.pk, session_id=session.pk, now=timezone.now() + timedelta(minutes=2))
    with tenant_transaction(tenant.pk):
        return frozen, ChargeDetailRecord.objects.get()


def yesterday(time: str) -> str:
    """Readings that are older than some days are not taken any more."""
    return f"{timezone.now().date() - timedelta(days=1)}T{time}:00Z"


def values(*readings: tuple[str, str]) -> list[dict[str, Any]]:
    return [
        {"timestamp": yesterday(time), "sampledValue": [{"value": value, "context": "Sample.Periodic"}]}
        for time, value in readings
    ]


async def test_a_session_over_the_wire_is_charged_with_what_its_stop_brings(tenant: Tenant, connect: Connect) -> None:
    """10:00 to 11:00, full at 10:30: 7.5 kWh x 0.50 = 3.75, half an hour parked x 3.00 = 1.50; 5.25. The start is sent
    twice, and the readings come only with the stop."""
    await asyncio.to_thread(provide, tenant)
    async with connect() as station:
        await station.boot()
        begun = yesterday("10:00")
        started = await station.start(timestamp=begun)
        assert await station.start(timestamp=begun) == started
        await station.stop(
            started["transactionId"],
            timestamp=yesterday("11:00"),
            transactionData=values(("10:10", "3500"), ("10:30", "8500"), ("10:40", "8500"), ("10:50", "8500")),
        )
    frozen, record = await asyncio.to_thread(settled, tenant)
    assert frozen == 1
    assert (record.energy_wh, record.charging_seconds, record.parking_seconds) == (7500, 1800, 1800)
    assert record.total_incl_tax == Decimal("5.25")


async def test_a_stop_that_says_nothing_sensible_is_charged_nothing_of_it(tenant: Tenant, connect: Connect) -> None:
    """A register below the start and a clock in the year 2999: no energy, and no time beyond the receipt."""
    await asyncio.to_thread(provide, tenant)
    async with connect() as station:
        await station.boot()
        started = await station.start(timestamp=timezone.now().isoformat())
        await station.stop(started["transactionId"], meterStop=1, timestamp="2999-01-01T00:00:00Z")
    _, record = await asyncio.to_thread(settled, tenant)
    assert record.energy_wh == 0
    assert record.charging_seconds + record.parking_seconds < 60
    assert record.total_incl_tax == 0
