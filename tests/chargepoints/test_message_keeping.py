"""The message log of a tenant that keeps less than the system does: deleted in batches that end, and go on later."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from chargepoints.models import ChargePoint, LoggedMessage
from chargepoints.services import message_keeping
from chargepoints.services.message_keeping import trim_messages
from tenants.context import system_transaction
from tenants.models import Tenant
from tenants.partitions import ensure_partitions
from tests.api.conftest import make_station

INSERT = """
INSERT INTO chargepoints_message (at, tenant_id, charge_point_id, connection_id, direction, kind, message_id, action,
    payload, error_code, note)
SELECT %(at)s + n * interval '1 millisecond', %(tenant)s, %(station)s, gen_random_uuid(), 'in', 2, 'm', 'Heartbeat', '[]',
    '', '' FROM generate_series(0, %(number)s - 1) AS n
"""


def log_messages(station: ChargePoint, at: datetime, number: int) -> None:
    values: dict[str, Any] = {"at": at, "tenant": station.tenant_id, "station": station.pk, "number": number}
    with system_transaction(), connections["system"].cursor() as cursor:
        cursor.execute(INSERT, values)


def left(tenant: Tenant) -> int:
    with system_transaction():
        return LoggedMessage.objects.filter(tenant_id=tenant.pk).count()


@pytest.fixture
def noon() -> datetime:
    """Of today; there is a partition for each of the days before."""
    today = datetime.now(UTC).date()
    ensure_partitions("chargepoints_message", today - timedelta(days=4), today)
    return datetime.combine(today, datetime.min.time(), UTC) + timedelta(hours=12)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tenants of the batches, in their order; each of at most ten rows."""
    seen: list[int] = []
    delete = message_keeping._delete

    def noted(tenant_id: int, first: datetime, before: datetime) -> tuple[int, datetime]:
        seen.append(tenant_id)
        return delete(tenant_id, first, before)

    monkeypatch.setattr(message_keeping, "AT_ONCE", 10)
    monkeypatch.setattr(message_keeping, "_delete", noted)
    return seen


def test_all_days_are_trimmed_in_batches_and_nothing_else(
    tenant: Tenant, other_tenant: Tenant, noon: datetime, batches: list[int]
) -> None:
    mine, others = make_station(tenant), make_station(other_tenant)
    for days in (4, 2, 1):
        log_messages(mine, noon - timedelta(days=days), 25)
        log_messages(others, noon - timedelta(days=days), 5)
    # The border lies within the last of these days.
    keep_from = noon - timedelta(days=1) + timedelta(milliseconds=20)
    assert trim_messages(keep_from={tenant.pk: keep_from}, seconds=60) == 70
    assert (left(tenant), left(other_tenant)) == (5, 15)
    assert batches == [tenant.pk] * 7
    assert trim_messages(keep_from={tenant.pk: keep_from}, seconds=60) == 0


def test_a_run_that_is_out_of_time_is_gone_on_with_by_the_next(
    tenant: Tenant, noon: datetime, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    log_messages(make_station(tenant), noon - timedelta(days=1), 45)

    def ticks() -> Iterator[float]:
        # The start, and two looks at the clock that find time left.
        yield from (0.0, 1.0, 2.0)
        while True:
            yield 100.0

    monkeypatch.setattr(message_keeping, "time", SimpleNamespace(monotonic=ticks().__next__))
    assert trim_messages(keep_from={tenant.pk: noon}, seconds=60) == 20
    assert left(tenant) == 25
    monkeypatch.undo()
    assert trim_messages(keep_from={tenant.pk: noon}, seconds=60) == 25
    assert left(tenant) == 0


def test_what_was_deleted_before_a_run_died_stays_deleted(
    tenant: Tenant, noon: datetime, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    log_messages(make_station(tenant), noon - timedelta(days=1), 30)
    delete = message_keeping._delete

    def dies(tenant_id: int, first: datetime, before: datetime) -> tuple[int, datetime]:
        if len(batches) == 2:
            raise SystemExit
        return delete(tenant_id, first, before)

    monkeypatch.setattr(message_keeping, "_delete", dies)
    with pytest.raises(SystemExit):
        trim_messages(keep_from={tenant.pk: noon}, seconds=60)
    assert left(tenant) == 10


def test_tenants_take_turns(tenant: Tenant, other_tenant: Tenant, noon: datetime, batches: list[int]) -> None:
    log_messages(make_station(tenant), noon - timedelta(days=1), 60)
    log_messages(make_station(other_tenant), noon - timedelta(days=1), 15)
    trim_messages(keep_from={tenant.pk: noon, other_tenant.pk: noon}, seconds=60)
    assert batches[:4] == [tenant.pk, other_tenant.pk, tenant.pk, other_tenant.pk]
    assert Counter(batches)[other_tenant.pk] == 2
    assert (left(tenant), left(other_tenant)) == (0, 0)


def test_messages_of_one_instant_are_deleted_though_they_fill_batches(
    tenant: Tenant, noon: datetime, batches: list[int]
) -> None:
    station = make_station(tenant)
    for _ in range(35):
        log_messages(station, noon - timedelta(days=1), 1)
    assert trim_messages(keep_from={tenant.pk: timezone.now()}, seconds=60) == 35
