"""Fixtures of the metering tests: stations, messages, writers, and lines to PostgreSQL and Redis that can be cut."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import connections

from chargepoints.models import ChargePoint
from metering.ingest.message import MeterMessage
from metering.ingest.writer import SampleWriter
from metering.readings import ENERGY, Kind, Reading
from metering.tasks import keep_sample_partitions
from tenants.context import system_transaction
from tenants.models import Tenant
from tenants.partitions import ensure_partitions
from tests.conftest import superuser
from tests.metering.line import Line

Fetch = Callable[..., Awaitable[list[tuple[Any, ...]]]]
NOW = datetime.now(UTC).replace(microsecond=0)
REGISTER = Kind(ENERGY, "", "Outlet", "Wh")


def make_charge_point(tenant: Tenant, identity: str = "CP-1") -> ChargePoint:
    """A station of `tenant`."""
    with system_transaction():
        return ChargePoint.objects.create(tenant=tenant, identity=identity, identity_key=identity.lower())


def reading(value: str = "1000", at: datetime = NOW, kind: Kind = REGISTER, context: int = 0) -> Reading:
    """One value; a register reading unless said otherwise."""
    return Reading(kind, at, context, value, None, None)


def message(station: ChargePoint, *readings: Reading, transaction_id: int | None = None, **fields: Any) -> MeterMessage:
    """A message of EVSE 1."""
    return MeterMessage(
        tenant_id=station.tenant_id,
        charge_point_id=station.pk,
        evse_number=fields.pop("evse_number", 1),
        transaction_id=transaction_id,
        received_at=fields.pop("received_at", NOW),
        readings=list(readings),
        **fields,
    )


@pytest.fixture
def station(tenant: Tenant, redis_clean: Any) -> ChargePoint:
    """Alice's first station, with an empty Redis."""
    return make_charge_point(tenant)


@pytest.fixture
async def writer(station: ChargePoint) -> AsyncIterator[SampleWriter]:
    """A writer on the real PostgreSQL and Redis."""
    writer = SampleWriter()
    yield writer
    await writer.close()


@pytest.fixture
def fetch(db: None) -> Fetch:
    """Rows of a query over all tenants, by a connection of its own: it sees what is committed, nothing else.

    Row-level security is forced on the owner too: tests look as the superuser.
    """

    async def fetch(query: str, *values: Any) -> list[tuple[Any, ...]]:
        return superuser().execute(query, values).fetchall()

    return fetch


@pytest.fixture
async def postgres_line(station: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    """The way of ingest to PostgreSQL. The test's own queries go straight."""
    target = connections.settings["system"]
    async with Line(target["HOST"] or "127.0.0.1", int(target["PORT"] or 5432)) as line:
        monkeypatch.setitem(target, "HOST", "127.0.0.1")
        monkeypatch.setitem(target, "PORT", line.port)
        yield line


@pytest.fixture
async def redis_line(station: ChargePoint, settings: Any) -> AsyncIterator[Line]:
    """The way of ingest to Redis."""
    url = urlsplit(django_settings.REDIS_URL)
    async with Line(url.hostname or "127.0.0.1", url.port or 6379) as line:
        who, at, _ = url.netloc.rpartition("@")
        settings.REDIS_URL = url._replace(netloc=f"{who}{at}127.0.0.1:{line.port}").geturl()
        settings.REDIS_SPILL_URL = settings.REDIS_URL
        yield line


@pytest.fixture
def no_sample_partition_today(db: None) -> Iterator[None]:
    """The sweep that makes partitions has not run. What a test drops is made again."""
    day = NOW.date()
    drop_partition(day)
    yield
    ensure_partitions("metering_sample", day, day)


@pytest.fixture
def usual_sample_partitions(db: None) -> Iterator[None]:
    """Afterwards the partitions are those of a fresh installation."""
    yield
    keep_sample_partitions()


def drop_partition(day: date) -> None:
    """Drop the samples of a day."""
    with connections["system"].cursor() as cursor:
        cursor.execute("SELECT csms_drop_partition('metering_sample', %s)", [day])
