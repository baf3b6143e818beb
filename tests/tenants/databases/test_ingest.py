"""Readings go where their tenant lives, also from processes that remember an old place, and from Redis."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chargepoints.models import ChargePoint
from metering.ingest.drain import drain_spill
from metering.ingest.process import Ingest
from metering.ingest.spill import SpillStream
from metering.ingest.writer import IngestUnavailable
from tenants.context import system_transaction
from tenants.databases import placement
from tenants.databases.fence import TenantMoving
from tenants.models import ClosedTenant, Tenant
from tests.metering.conftest import make_charge_point, message, reading
from tests.second_database import move_to, rows_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(tenant: Tenant, spare: str, redis_clean: Any) -> ChargePoint:
    return make_charge_point(tenant)


@pytest.fixture
async def ingest(station: ChargePoint) -> AsyncIterator[Ingest]:
    ingest = Ingest()
    yield ingest
    await ingest.close()


def counts(tenant: Tenant, spare: str) -> tuple[int, int]:
    return rows_in("", "metering_sample", tenant.pk), rows_in(spare, "metering_sample", tenant.pk)


async def test_a_writer_that_remembers_the_old_place_is_led_to_the_new_one(
    tenant: Tenant, spare: str, station: ChargePoint, ingest: Ingest
) -> None:
    placement.remember(tenant.pk, "")
    await ingest.write(message(station, reading("1")))
    await asyncio.to_thread(move_to, tenant, spare)
    placement.remember(tenant.pk, "")
    # In one batch with another's, which is stored where it is.
    other = await asyncio.to_thread(make_other)
    await asyncio.gather(
        ingest.write(message(station, reading("2", kind=reading().kind._replace(phase="L1")))),
        ingest.write(message(other, reading("3"))),
    )
    assert await asyncio.to_thread(counts, tenant, spare) == (0, 2)
    assert await asyncio.to_thread(rows_in, "", "metering_sample", other.tenant_id) == 1


def make_other() -> ChargePoint:
    from tenants.services.tenants import create_tenant

    return make_charge_point(create_tenant(slug="umbrella", name="Umbrella"))


def close(tenant: Tenant) -> None:
    with system_transaction():
        ClosedTenant.objects.create(tenant_number=tenant.pk)


def open_again() -> None:
    with system_transaction():
        ClosedTenant.objects.all().delete()


async def test_readings_of_a_tenant_on_the_move_are_not_acknowledged(
    tenant: Tenant, spare: str, station: ChargePoint, ingest: Ingest
) -> None:
    await asyncio.to_thread(close, tenant)
    with pytest.raises(IngestUnavailable, match="being moved"):
        await ingest.write(message(station, reading("1")))
    await asyncio.to_thread(open_again)
    await ingest.write(message(station, reading("1")))
    assert await asyncio.to_thread(counts, tenant, spare) == (1, 0)


async def test_spilled_readings_follow_their_tenant(tenant: Tenant, spare: str, station: ChargePoint) -> None:
    stream = SpillStream()
    await stream.add([message(station, reading("1"))])
    await stream.close()
    await asyncio.to_thread(close, tenant)
    with pytest.raises(TenantMoving):
        await drain_spill(abandoned_ms=0)
    await asyncio.to_thread(open_again)
    await asyncio.to_thread(move_to, tenant, spare)
    assert await drain_spill(abandoned_ms=0) == 1
    assert await asyncio.to_thread(counts, tenant, spare) == (0, 1)
