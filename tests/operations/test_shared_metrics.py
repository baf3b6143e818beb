"""What `/metrics/system` says of queues and lags."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connections
from django.test import Client
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, CommandState
from chargepoints.tasks import keep_message_log
from csms.health import shared
from csms.health.shared import FAMILIES, read_database, read_redis
from csms.health.system import SystemCollector
from metering.ingest.spill import STREAM, VALUES
from metering.models import AggregationState, DirtyRange
from metering.tasks import keep_sample_partitions
from tenants.context import system_transaction, tenant_transaction
from tenants.models import FeedCursor, OutboxEvent, Tenant, Webhook, WebhookDelivery
from tenants.services.system_alerts import raise_system_alert
from tests.api.conftest import bring_online, make_station
from tests.conftest import superuser
from tests.stations import PATIENCE_S

NOW = timezone.now


@pytest.fixture(autouse=True)
def _however_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "SLOWEST_MS", PATIENCE_S * 1000)


def database_values() -> dict[tuple[str, ...], float]:
    return {(name, *labels): value for name, labels, value in read_database()}


def connect_station(station: ChargePoint, *, seen_ago_s: int = 0, connected_ago_s: int = 600) -> None:
    now = NOW()
    bring_online(
        station,
        seen_at=now - timedelta(seconds=seen_ago_s),
        connected_at=now - timedelta(seconds=connected_ago_s),
    )


def queue_command(station: ChargePoint, *, ago_s: int, state: CommandState = CommandState.QUEUED) -> None:
    with system_transaction():
        command = Command.objects.create(
            tenant_id=station.tenant_id, charge_point=station, action="Reset", payload={}, state=state, origin="api"
        )
        Command.objects.filter(pk=command.pk).update(created_at=NOW() - timedelta(seconds=ago_s))


def test_an_empty_system_has_no_queues_and_no_lag(tenant: Tenant) -> None:
    # The database was made before: perhaps on the day before.
    keep_sample_partitions()
    keep_message_log()
    values = database_values()
    assert {name: value for name, value in values.items() if value and name[0] != "csms_partition_days_ahead"} == {}
    assert values["csms_partition_days_ahead", "metering_sample"] >= 7
    assert values["csms_partition_days_ahead", "chargepoints_message"] >= 7


def test_commands_are_late_only_where_the_station_is_there_to_take_them(tenant: Tenant) -> None:
    here, away, gone = (make_station(tenant, identity) for identity in ("HERE", "AWAY", "GONE"))
    connect_station(here, connected_ago_s=50)
    # Its gateway has died.
    connect_station(gone, seen_ago_s=settings.GATEWAY_LEASE_SECONDS + 5)
    for station in (here, away, gone):
        queue_command(station, ago_s=3000)
    queue_command(here, ago_s=20)
    queue_command(here, ago_s=4000, state=CommandState.ACCEPTED)
    values = database_values()
    assert values["csms_gateways",] == 1
    assert values["csms_charge_points_connected",] == 1
    assert values["csms_commands_open", "queued", "connected"] == 2
    assert values["csms_commands_open", "queued", "offline"] == 2
    # From when it could be sent: the station came back 50 s ago.
    assert 50 <= values["csms_command_oldest_seconds", "queued"] < 3000
    assert values["csms_command_oldest_seconds", "sent"] == 0


def make_event(tenant: Tenant, *, ago_s: int) -> OutboxEvent:
    with tenant_transaction(tenant.pk):
        event = OutboxEvent.objects.create(tenant=tenant, event_type="chargepoint.online", at=NOW())
    # No login of ours may rewrite an event.
    superuser().execute(
        "UPDATE tenants_outboxevent SET created_at = now() - %s * interval '1 second' WHERE id = %s", [ago_s, event.pk]
    )
    return event


def test_events_lag_by_the_oldest_that_a_sink_has_not_looked_at(tenant: Tenant, settings: Any) -> None:
    settings.MQTT_URL = "mqtt://broker"
    seen, _, _ = (make_event(tenant, ago_s=ago_s) for ago_s in (900, 100, 30))
    with system_transaction():
        Webhook.objects.create(tenant=tenant, url="https://a.example", secret="x", cursor=seen.pk)
        FeedCursor.objects.create(sink="mqtt", cursor=seen.pk + 1)
        # What is left alone on purpose is no lag of ours.
        for fields in ({"enabled": False, "disabled_reason": "no answer"}, {"rests_until": NOW() + timedelta(hours=1)}):
            Webhook.objects.create(
                tenant=tenant, url="https://b.example", secret="x", cursor=0, failing_since=NOW(), **fields
            )
    values = database_values()
    assert 100 <= values["csms_events_lag_seconds", "webhook"] < 900
    assert 30 <= values["csms_events_lag_seconds", "mqtt"] < 100
    assert [values["csms_webhooks", state] for state in ("answering", "failing", "disabled")] == [1, 1, 1]


def test_deliveries_that_wait_are_told_apart_from_those_that_failed_before(tenant: Tenant) -> None:
    cases = ((0, "pending", 70), (3, "pending", 500), (1, "delivered", 900))
    events = [make_event(tenant, ago_s=900) for _ in cases]
    with system_transaction():
        webhook = Webhook.objects.create(tenant=tenant, url="https://a.example", secret="x")
        for event, (attempts, state, ago_s) in zip(events, cases, strict=True):
            delivery = WebhookDelivery.objects.create(
                tenant=tenant, webhook=webhook, event=event, attempts=attempts, state=state
            )
            created_at = NOW() - timedelta(seconds=ago_s)
            WebhookDelivery.objects.filter(pk=delivery.pk).update(created_at=created_at)
    values = database_values()
    assert (values["csms_webhook_deliveries_waiting", "no"], values["csms_webhook_deliveries_waiting", "yes"]) == (1, 1)
    assert 70 <= values["csms_webhook_oldest_delivery_seconds", "no"] < 500
    assert 500 <= values["csms_webhook_oldest_delivery_seconds", "yes"] < 900


def values_when_summed_up_until(behind: timedelta) -> dict[tuple[str, ...], float]:
    """So far behind the last full hour, which may end just then: asked within one."""

    def full_hour() -> datetime:
        return (NOW() - timedelta(minutes=2)).replace(minute=0, second=0, microsecond=0)

    while True:
        hour = full_hour()
        with system_transaction():
            AggregationState.objects.update_or_create(pk=1, defaults={"complete_until": hour - behind})
        values = database_values()
        if hour == full_hour():
            return values


def test_the_aggregation_lags_by_full_hours_only(tenant: Tenant) -> None:
    station, now = make_station(tenant), NOW()
    with system_transaction():
        DirtyRange.objects.create(tenant=tenant, charge_point=station, evse_number=1, first=now, last=now)
    raise_system_alert(kind="rebalancing_failed", subject="7")
    values = values_when_summed_up_until(timedelta())
    assert values["csms_aggregation_lag_seconds",] == 0
    assert values["csms_late_readings_waiting",] == 1
    assert values["csms_system_alerts_open", "rebalancing_failed"] == 1
    assert values_when_summed_up_until(timedelta(hours=3))["csms_aggregation_lag_seconds",] == 3 * 3600


def test_what_waits_in_redis_is_counted(redis_clean: "redis.Redis") -> None:
    redis_clean.xadd(STREAM, {"batch": b"x"}, id=f"{int((NOW().timestamp() - 90) * 1000)}-0")
    redis_clean.set(VALUES, 120)
    redis_clean.rpush("celery", "a task", "another")
    values = {(name, *labels): value for name, labels, value in read_redis()}
    assert values["csms_spill_values",] == 120
    assert 90 <= values["csms_spill_oldest_seconds",] < 90 + PATIENCE_S
    assert values["csms_task_queue_length", "celery"] == 2


def test_every_reading_is_one_that_is_announced(tenant: Tenant, redis_clean: "redis.Redis") -> None:
    announced = {(name, len(labels)) for name, (_, labels) in FAMILIES.items()}
    assert {(name, len(labels)) for name, labels, _ in [*read_database(), *read_redis()]} <= announced


def test_a_source_that_is_away_leaves_the_others_and_says_so() -> None:
    def away() -> Any:
        raise OSError("not there")

    collector = SystemCollector({"database": away, "redis": lambda: [("csms_spill_values", (), 7)]})
    samples = {(one.name, *one.labels.values()): one.value for family in collector.collect() for one in family.samples}
    assert samples == {
        ("csms_system_readable", "database"): 0,
        ("csms_system_readable", "redis"): 1,
        ("csms_spill_values",): 7,
    }


def test_many_scrapers_cost_as_much_as_one() -> None:
    asked: list[int] = []

    def count() -> Any:
        asked.append(1)
        return [("csms_gateways", (), len(asked))]

    collector = SystemCollector({"database": count})
    for _ in range(5):
        list(collector.collect())
    assert len(asked) == 1
    again = SystemCollector({"database": count}, kept_s=-1)
    for _ in range(2):
        list(again.collect())
    assert len(asked) == 3


@pytest.mark.parametrize("statement", ["COMMANDS", "DELIVERIES", "WEBHOOK_LAG", "MQTT_LAG"])
def test_no_reading_walks_a_table_that_grows(tenant: Tenant, statement: str) -> None:
    """By the plan that is chosen where walking the table is dear: only what waits is looked at."""
    with system_transaction(), connections["system"].cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        given: dict[str, str | int] = {"lease": "15 seconds", "most": shared.MOST}
        cursor.execute(f"EXPLAIN {getattr(shared, statement)}", given)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    for table in ("chargepoints_command", "tenants_outboxevent", "tenants_webhookdelivery"):
        assert f"Seq Scan on {table}" not in plan


def test_both_pages_of_metrics_keep_strangers_out(tenant: Tenant, redis_clean: Any, settings: Any) -> None:
    client = Client()
    for page, name in (("/metrics", b"csms_http_requests_total"), ("/metrics/system", b"csms_gateways")):
        assert name in client.get(page).content
        assert client.get(page, REMOTE_ADDR="10.0.0.9").status_code == 404
        assert client.get(page, HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 404
        settings.METRICS_TOKEN = "scraper"
        assert client.get(page).status_code == 404
        assert client.get(page, HTTP_AUTHORIZATION="Bearer guess").status_code == 404
        assert client.get(page, REMOTE_ADDR="10.0.0.9", HTTP_AUTHORIZATION="Bearer scraper").status_code == 200
        settings.METRICS_TOKEN = ""
