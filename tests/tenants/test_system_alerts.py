"""Alerts of the system itself: a missing partition is said, counted, and over when it is there."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

from metering.ingest.writer import SampleWriter
from metering.tasks import DAYS_AHEAD, SAMPLE_TABLE, keep_sample_partitions
from tenants.context import system_transaction
from tenants.models import SystemAlert, Tenant
from tenants.services.system_alerts import (
    MISSING_PARTITION,
    partition_subject,
    raise_system_alert,
    resolve_system_alert,
)
from tests.metering.conftest import drop_partition, make_charge_point, message, reading


def rows() -> list[tuple[str, int, bool]]:
    with system_transaction():
        found = SystemAlert.objects.order_by("pk").values_list("subject", "count", "resolved_at")
        return [(subject, count, at is not None) for subject, count, at in found]


def today() -> date:
    """When the test runs, not when its file was read: midnight may be between."""
    return datetime.now(UTC).date()


def test_what_is_said_again_is_counted_until_it_is_over(db: None) -> None:
    for _ in range(3):
        raise_system_alert(kind="x", subject="s")
    assert resolve_system_alert(kind="x", subject="s")
    assert not resolve_system_alert(kind="x", subject="s")
    raise_system_alert(kind="x", subject="s")
    assert rows() == [("s", 3, True), ("s", 1, False)]


async def test_ingest_tells_of_a_missing_partition_and_keeps_the_reading(tenant: Tenant, redis_clean: Any) -> None:
    now = datetime.now(UTC)
    station = await asyncio.to_thread(make_charge_point, tenant)
    await asyncio.to_thread(drop_partition, now.date())
    writer = SampleWriter()
    await writer.write(message(station, reading(at=now), received_at=now))
    await writer.close()
    subject = partition_subject(SAMPLE_TABLE, now.date())
    assert await asyncio.to_thread(rows) == [(subject, 1, False)]
    await asyncio.to_thread(keep_sample_partitions)
    assert await asyncio.to_thread(rows) == [(subject, 1, True)]


def test_a_sweep_that_comes_too_late_says_so_and_the_next_takes_it_back(db: None) -> None:
    keep_sample_partitions()
    assert rows() == []
    day = today() + timedelta(days=2)
    drop_partition(day)
    keep_sample_partitions()
    assert rows() == [(partition_subject(SAMPLE_TABLE, day), 1, False)]
    keep_sample_partitions()
    assert rows() == [(partition_subject(SAMPLE_TABLE, day), 1, True)]


def test_the_newest_day_is_not_late(db: None) -> None:
    drop_partition(today() + timedelta(days=DAYS_AHEAD))
    keep_sample_partitions()
    assert rows() == []
    with system_transaction():
        assert not SystemAlert.objects.filter(kind=MISSING_PARTITION).exists()
