"""What tenants make use of: counted by day, once, by tenant, cheaply; and shown."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import Transaction
from tenants.context import system_transaction, tenant_transaction
from tenants.models import FeedCursor, OutboxEvent, Role, Tenant, UsageDay, User, Webhook, WebhookDelivery
from tenants.services import usage
from tenants.storage import storage_of
from tenants.usage import usage_figures
from tests.admin.conftest import office, stocked
from tests.conftest import eventually, make_user
from tests.stations import Connect

__all__ = ["stocked"]


def counted(kind: str) -> dict[str, int]:
    """Slug of the tenant to what was counted in all."""
    with system_transaction():
        rows = UsageDay.objects.filter(kind=kind).values_list("tenant__slug", "number")
        return {slug: sum(number for of, number in rows if of == slug) for slug, _ in rows}


async def test_messages_of_stations_are_counted_for_their_tenant(
    tenant: Tenant, other_tenant: Tenant, connect: Connect, settings: Any
) -> None:
    settings.GATEWAY_BEAT_SECONDS = 0.05
    async with connect("/ocpp/acme/CP1") as station, connect("/ocpp/umbrella/CP1") as other:
        for _ in range(5):
            await station.call("Heartbeat")
        await other.call("Heartbeat")

        async def all_there() -> bool:
            await asyncio.to_thread(usage.keep_usage, timezone.now())
            return await asyncio.to_thread(counted, "messages") == {"acme": 5, "umbrella": 1}

        await eventually(all_there)


def test_events_and_deliveries_are_counted_once(tenant: Tenant, redis_clean: Any) -> None:
    now = timezone.now()
    usage.keep_usage(now)
    with tenant_transaction(tenant.pk):
        webhook = Webhook.objects.create(tenant=tenant, url="https://hooks.example.com/", secret="-")
        for number in range(3):
            event = OutboxEvent.objects.create(tenant=tenant, event_type="session.started", at=now)
            if number:
                WebhookDelivery.objects.create(tenant=tenant, webhook=webhook, event=event)
    # Not before they have settled; and no second time.
    for later in (timedelta(0), timedelta(minutes=3), timedelta(minutes=4)):
        usage.keep_usage(now + later)
    assert (counted("events"), counted("deliveries")) == ({"acme": 3}, {"acme": 2})


def test_what_could_not_be_written_down_is_kept_for_the_next_time(
    tenant: Tenant, redis_clean: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_clean.hincrby(usage.KEY, usage.field_of(tenant.pk, "messages", timezone.now()), 7)

    def away(*given: Any) -> list[Any]:
        raise OperationalError("away")

    monkeypatch.setattr(usage, "_count_rows", away)
    with pytest.raises(OperationalError):
        usage.keep_usage(timezone.now())
    monkeypatch.undo()
    usage.keep_usage(timezone.now())
    assert counted("messages") == {"acme": 7}


async def test_without_redis_a_gateway_keeps_what_it_counted(tenant: Tenant, redis_clean: Any, settings: Any) -> None:
    usage._counted.clear()
    usage.count(tenant.pk, usage.MESSAGES)
    address, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    await usage.hand_over(asyncio.to_thread)
    settings.REDIS_URL = address
    usage.count(tenant.pk, usage.MESSAGES)
    await usage.hand_over(asyncio.to_thread)
    await asyncio.to_thread(usage.keep_usage, timezone.now())
    assert await asyncio.to_thread(counted, "messages") == {"acme": 2}


def test_a_tenant_that_is_gone_is_not_counted(tenant: Tenant, redis_clean: Any) -> None:
    for tenant_id in (tenant.pk, tenant.pk + 1):
        redis_clean.hincrby(usage.KEY, usage.field_of(tenant_id, "messages", timezone.now()), 1)
    usage.keep_usage(timezone.now())
    assert counted("messages") == {"acme": 1}


def test_days_without_a_worker_are_caught_up_in_parts(tenant: Tenant, redis_clean: Any) -> None:
    with system_transaction():
        event = OutboxEvent.objects.create(tenant=tenant, event_type="session.started", at=timezone.now())
        now = event.created_at + timedelta(hours=8)
        FeedCursor.objects.create(sink=usage.SINK, cursor=int((now - timedelta(hours=20)).timestamp()))
    usage.keep_usage(now)
    assert counted("events") == {}
    for _ in range(4):
        usage.keep_usage(now)
    assert counted("events") == {"acme": 1}


def test_figures_are_of_today_a_week_and_thirty_days(tenant: Tenant) -> None:
    today = date(2026, 11, 20)
    with system_transaction():
        for back, number in ((0, 1), (6, 10), (7, 100), (29, 1000), (30, 10_000)):
            UsageDay.objects.create(tenant=tenant, day=today - timedelta(days=back), kind="messages", number=number)
    found = usage_figures(tenant.pk, today)
    figure = found.figures[0]
    assert (figure.kind, figure.today, figure.week, figure.month) == ("messages", 1, 11, 1111)
    assert next(day for day, _ in found.by_day) == today


def test_storage_is_the_tenants_share(tenant: Tenant, other_tenant: Tenant) -> None:
    with system_transaction():
        for owner, days in ((tenant, 300), (other_tenant, 100)):
            UsageDay.objects.bulk_create(
                UsageDay(tenant=owner, day=date(2026, 1, 1) + timedelta(days=day), kind="events", number=1)
                for day in range(days)
            )
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE tenants_usageday")
    ours, theirs = (
        next(stored for stored in storage_of(owner.pk) if stored.table == "tenants_usageday")
        for owner in (tenant, other_tenant)
    )
    assert (ours.rows, theirs.rows) == (300, 100)
    assert 0.7 < ours.bytes / (ours.bytes + theirs.bytes) < 0.8


def test_the_page_of_usage_is_for_administrators(stocked: Transaction, tenant: Tenant, alice: User) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(max_charge_points=12)
        UsageDay.objects.create(tenant=tenant, day=timezone.now().date(), kind="messages", number=12345)
    shown = office(alice).get(reverse("admin:usage")).content.decode()
    assert "1 / 12" in shown
    assert "12,345" in shown
    assert office(make_user("oscar", tenant, Role.OPERATOR)).get(reverse("admin:usage")).status_code == 403


def test_the_platforms_page_of_a_tenant_shows_its_usage(stocked: Transaction, tenant: Tenant) -> None:
    root = office(make_user("root", None, superuser=True))
    shown = root.get(reverse("admin:tenants_tenant_change", args=[tenant.pk])).content.decode()
    assert "charge points, no limit" in shown
    assert "API requests a minute" in shown


def test_usage_takes_as_many_queries_whatever_was_counted(stocked: Transaction, tenant: Tenant, alice: User) -> None:
    client = office(alice)

    def queries() -> int:
        with CaptureQueriesContext(connections["system"]) as captured:
            client.get(reverse("admin:usage"))
        return len(captured)

    few = queries()
    with system_transaction():
        UsageDay.objects.bulk_create(
            UsageDay(tenant=tenant, day=date(2026, 1, 1) + timedelta(days=day), kind="messages", number=1)
            for day in range(300)
        )
    assert queries() <= few + 1
