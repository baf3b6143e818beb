"""Daily partitions of the samples are made ahead and dropped when their day is past keeping."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections
from django.utils import timezone

from chargepoints.models import ChargePoint
from metering.models import QuarantinedReading
from metering.tasks import keep_sample_partitions
from tenants.context import system_transaction
from tenants.partitions import partition_days
from tests.metering.conftest import drop_partition


def test_the_sweep_makes_a_week_ahead_and_the_past_that_may_be_replayed(db: None, settings: Any) -> None:
    today = datetime.now(UTC).date()
    drop_partition(today + timedelta(days=7))
    drop_partition(today - timedelta(days=settings.METERING_SAMPLE_DAYS))
    assert keep_sample_partitions() == 2
    expected = {today + timedelta(days=offset) for offset in range(-settings.METERING_SAMPLE_DAYS, 8)}
    assert expected <= set(partition_days("metering_sample"))
    assert keep_sample_partitions() == 0


def test_quarantine_is_kept_for_ninety_days(station: ChargePoint) -> None:
    with system_transaction():
        for days in (1, 89, 91):
            QuarantinedReading.objects.create(
                tenant_id=station.tenant_id,
                charge_point=station,
                evse_number=1,
                reason="clock",
                reading={"value": str(days)},
                received_at=timezone.now() - timedelta(days=days),
            )
    keep_sample_partitions()
    with system_transaction():
        assert {row.reading["value"] for row in QuarantinedReading.objects.all()} == {"1", "89"}


def test_the_runtime_roles_cannot_change_samples(station: ChargePoint) -> None:
    with connections["system"].cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege('csms_app', 'metering_sample', 'INSERT'), "
            "has_table_privilege('csms_system', 'metering_sample', 'UPDATE'), "
            "relforcerowsecurity FROM pg_class WHERE relname = 'metering_sample'"
        )
        assert cursor.fetchone() == (False, False, True)
