"""Every field of a tenant acts: each has tests by name, here or where its effect lives."""

import ast
import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, LoggedMessage, StationConnection
from chargepoints.tasks import keep_message_log
from tenants.api import throttling
from tenants.context import system_transaction, tenant_transaction
from tenants.delivery.mqtt import messages_of
from tenants.events import publish, receives
from tenants.models import AuditEntry, OutboxEvent, PlatformEntry, Tenant, UsageDay
from tenants.services.tenants import NoWayBack, set_status
from tests.admin.conftest import office
from tests.api.conftest import client_of, make_station
from tests.chargepoints.test_connection import set_policy, stored
from tests.conftest import eventually, make_user
from tests.stations import Connect

ROOT = Path(__file__).resolve().parents[2]
HERE = "tests/tenants/test_fields_act.py"
CONNECTING = "tests/chargepoints/test_connection.py"
# Field -> where it is shown that it acts (file, then names of tests).
SHOWN: dict[str, list[tuple[str, list[str]]]] = {
    "slug": [(CONNECTING, ["test_a_station_finds_its_tenant_by_path_or_prefix"])],
    "name": [("tests/admin/test_pages.py", ["test_a_person_with_two_tenants_changes_between_them"])],
    "status": [
        (
            HERE,
            [
                "test_suspending_closes_the_sockets_that_are_open",
                "test_a_socket_whose_gateway_was_not_told_is_closed_at_the_next_beat",
                "test_a_tenant_that_is_being_deleted_never_comes_back",
            ],
        ),
        (CONNECTING, ["test_a_suspended_tenants_stations_are_refused"]),
        ("tests/api/test_conventions.py", ["test_a_suspended_tenant_is_refused"]),
        ("tests/admin/test_pages.py", ["test_a_suspended_tenant_is_read_only"]),
        ("tests/chargepoints/uploads/test_receiving.py", ["test_a_suspended_tenants_stations_send_nothing"]),
        ("tests/tenants/delivery/test_webhooks.py", ["test_a_suspended_tenants_events_wait"]),
    ],
    "timezone": [
        (HERE, ["test_values_that_would_not_work_are_refused_by_field"]),
        ("tests/api/test_charging_needs.py", ["test_a_time_of_day_is_the_next_in_the_zone_of_the_site"]),
        ("tests/metering/aggregation/test_scenarios.py", ["test_tenants_of_different_zones_are_summed_up_apart"]),
        ("tests/metering/alerts/test_mail.py", ["test_an_alert_is_mailed_once_in_the_tenants_time_zone"]),
    ],
    "currency": [
        (HERE, ["test_values_that_would_not_work_are_refused_by_field"]),
        ("tests/metering/sessions/test_limits.py", ["test_the_cost_is_compared_with_tax_in_the_tenants_currency"]),
    ],
    "heartbeat_interval": [
        (
            "tests/chargepoints/core/test_boot.py",
            ["test_001_cold_boot_keeps_every_field_and_answers_the_tenants_interval"],
        )
    ],
    "unknown_charge_points": [
        (
            CONNECTING,
            [
                "test_an_unknown_identity_is_refused_counted_and_bounded",
                "test_an_unknown_identity_may_wait_for_an_operator",
                "test_a_station_finds_its_tenant_by_path_or_prefix",
            ],
        )
    ],
    "unknown_id_tags": [
        ("tests/chargepoints/core/test_sessions.py", ["test_003_a_regular_session_has_the_registers_energy"])
    ],
    "allow_unauthenticated": [(HERE, ["test_stations_without_a_password_connect_only_where_that_is_allowed"])],
    "two_factor": [
        (
            "tests/admin/test_people_sign_in.py",
            ["test_a_tenant_that_asks_for_two_factors_lets_nobody_get_on_without"],
        )
    ],
    "max_charge_points": [
        (CONNECTING, ["test_the_limit_of_charge_points_holds_for_stations_that_come_by_themselves"]),
        ("tests/admin/test_roles.py", ["test_an_identity_that_cannot_be_is_a_form_error"]),
        ("tests/api/test_endpoints.py", ["test_the_tenants_limit_of_charge_points_is_enforced"]),
    ],
    "api_rate_limit": [
        (HERE, ["test_the_limit_of_requests_is_one_for_all_processes_and_told_in_headers"]),
        ("tests/api/test_conventions.py", ["test_the_tenants_limit_of_requests_is_shared_and_told"]),
    ],
    "queue_enabled": [(HERE, ["test_events_are_queued_only_where_the_queue_is_on"])],
    "mqtt_topic_prefix": [(HERE, ["test_topics_begin_with_the_tenants_prefix"])],
    "message_log_enabled": [
        ("tests/chargepoints/core/test_frames.py", ["test_a_tenant_may_switch_its_message_log_off"])
    ],
    "message_log_days": [(HERE, ["test_messages_are_kept_as_long_as_each_tenant_wants"])],
    "desired_configuration": [
        (
            "tests/chargepoints/test_configuration.py",
            ["test_the_tenants_change_reaches_its_stations_through_the_task", "test_retention_follows_the_wishes"],
        ),
    ],
    "database": [
        (
            "tests/tenants/databases/test_scopes.py",
            ["test_a_tenant_of_its_own_database_is_found_there_and_nowhere_else"],
        )
    ],
    "test_data": [("tests/tenants/test_delete_tenant.py", ["test_only_test_data_goes_without_an_export"])],
}
NOT_POLICIES = {"id", "created_at"}


def names_in(path: str) -> set[str]:
    """Functions of a test file."""
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_field_is_shown_to_act() -> None:
    fields = {field.name for field in Tenant._meta.concrete_fields} - NOT_POLICIES
    assert fields == set(SHOWN), "name the tests that show that the field acts"
    for field, shown in SHOWN.items():
        for path, names in shown:
            assert set(names) <= names_in(path), (field, path, set(names) - names_in(path))


async def test_suspending_closes_the_sockets_that_are_open(
    tenant: Tenant, other_tenant: Tenant, connect: Connect
) -> None:
    async with connect("/ocpp/acme/CP1") as first, connect("/ocpp/umbrella/CP1") as other:
        await asyncio.to_thread(set_status, tenant=tenant, status=Tenant.Status.SUSPENDED, actor="root", origin="admin")
        assert await first.closed() == 1008
        await eventually(lambda: stored(tenant, lambda: not StationConnection.objects.exists()))
        # The other tenant's station charges on.
        await other.call("Heartbeat")


async def test_a_socket_whose_gateway_was_not_told_is_closed_at_the_next_beat(
    tenant: Tenant, connect: Connect, settings: Any
) -> None:
    settings.GATEWAY_BEAT_SECONDS = 0.05
    async with connect() as station:
        await asyncio.to_thread(set_policy, tenant, status="suspended")
        assert await station.closed() == 1008


def test_a_tenant_that_is_being_deleted_never_comes_back(tenant: Tenant) -> None:
    set_policy(tenant, status="erasing")
    with pytest.raises(NoWayBack):
        set_status(tenant=tenant, status=Tenant.Status.ACTIVE, actor="root", origin="admin")


def test_suspending_is_in_the_trail_of_the_platform(tenant: Tenant) -> None:
    assert set_status(tenant=tenant, status=Tenant.Status.SUSPENDED, actor="root", origin="admin")
    assert not set_status(tenant=tenant, status=Tenant.Status.SUSPENDED, actor="root", origin="admin")
    with system_transaction():
        entry = PlatformEntry.objects.get()
    assert (entry.actor, entry.tenant_slug, entry.changes) == ("root", "acme", {"status": ["active", "suspended"]})


def test_suspending_on_the_tenants_page_tells_the_gateways_and_both_trails(tenant: Tenant, monkeypatch: Any) -> None:
    told: list[int] = []
    monkeypatch.setattr("tenants.services.tenants._when_status_changed", [lambda: told.append(1)])
    root = office(make_user("root", None, superuser=True))
    address = reverse("admin:tenants_tenant_change", args=[tenant.pk])
    form = {
        name: "" if value is None else value
        for name, value in root.get(address).context["adminform"].form.initial.items()
    }
    assert root.post(address, form | {"status": "suspended"}).status_code == 302
    with system_transaction():
        tenant.refresh_from_db()
        entry = PlatformEntry.objects.get()
        assert AuditEntry.objects.get().changes == entry.changes == {"status": ["active", "suspended"]}
    assert (tenant.status, told) == ("suspended", [1])
    # Nobody gets there by a form: that is for delete_tenant, after an export.
    assert root.post(address, form | {"status": "erasing"}).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timezone", "Europe/Nowhere"),
        ("timezone", "../etc/passwd"),
        ("currency", "EURO"),
        ("currency", "eur"),
        ("mqtt_topic_prefix", "fleet/#"),
        ("mqtt_topic_prefix", "/fleet"),
        ("mqtt_topic_prefix", "$SYS"),
        ("heartbeat_interval", 0),
        ("max_charge_points", -1),
        ("slug", "Not A Slug"),
    ],
)
def test_values_that_would_not_work_are_refused_by_field(tenant: Tenant, field: str, value: Any) -> None:
    setattr(tenant, field, value)
    with pytest.raises(ValidationError) as refused, system_transaction():
        tenant.full_clean()
    assert set(refused.value.message_dict) == {field}


@pytest.mark.parametrize("prefix", ["ocpp", "fleet/north", ""])
def test_values_that_work_are_taken(tenant: Tenant, prefix: str) -> None:
    tenant.mqtt_topic_prefix, tenant.timezone, tenant.currency = prefix, "Asia/Kolkata", "JPY"
    with system_transaction():
        tenant.full_clean()


async def test_stations_without_a_password_connect_only_where_that_is_allowed(tenant: Tenant, connect: Connect) -> None:
    from tests.chargepoints.test_connection import refused

    async with connect("/ocpp/acme/CP1"):
        pass
    await asyncio.to_thread(set_policy, tenant, allow_unauthenticated=False)
    assert await refused(connect("/ocpp/acme/CP1")) == 401
    assert await refused(connect("/ocpp/acme/CP2")) == 401


def test_the_limit_of_requests_is_one_for_all_processes_and_told_in_headers(
    api: APIClient, alice: Any, tenant: Tenant
) -> None:
    set_policy(tenant, api_rate_limit=3)
    first = api.get("/api/v1/events")
    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("3", "2")
    assert 0 < int(first["RateLimit-Reset"]) <= 61
    assert first["X-RateLimit-Limit"] == "3"
    # Another process has connections of its own and nothing else in common with this one.
    throttling._client.cache_clear()
    second = client_of(alice).get("/api/v1/events")
    assert second["RateLimit-Remaining"] == "1"
    api.get("/api/v1/events")
    refused = api.get("/api/v1/events")
    assert (refused.status_code, refused["RateLimit-Remaining"]) == (429, "0")
    assert int(refused["Retry-After"]) <= 61


def test_requests_are_counted_for_the_tenants_usage(api: APIClient, tenant: Tenant) -> None:
    from tenants.services.usage import keep_usage

    for _ in range(3):
        api.get("/api/v1/events")
    keep_usage(timezone.now())
    with system_transaction():
        row = UsageDay.objects.get(kind="api_calls")
    assert (row.tenant_id, row.number) == (tenant.pk, 3)


def test_events_are_queued_only_where_the_queue_is_on(tenant: Tenant) -> None:
    from chargepoints.events import ChargePointConnected

    heard: list[str] = []
    receives(ChargePointConnected)(lambda event: heard.append(event.charge_point))
    try:
        for on, name in ((True, "CP1"), (False, "CP2")):
            set_policy(tenant, queue_enabled=on)
            with tenant_transaction(tenant.pk):
                publish(ChargePointConnected(charge_point=name, at=timezone.now(), gateway_id="g"))
    finally:
        from tenants.events import _receivers

        _receivers[ChargePointConnected].pop()
    with tenant_transaction(tenant.pk):
        assert list(OutboxEvent.objects.values_list("charge_point", flat=True)) == ["CP1"]
    # What the system itself does about an event doesn't depend on it.
    assert heard == ["CP1", "CP2"]


@pytest.mark.parametrize(
    ("prefix", "topic"),
    [
        ("fleet/north", "fleet/north/events/acme/CP1/session"),
        ("", "ocpp/events/acme/CP1/session"),
        # From before it was refused: one tenant's wildcard must not hold up the feed of all.
        ("a#+", "a%23%2B/events/acme/CP1/session"),
    ],
)
def test_topics_begin_with_the_tenants_prefix(prefix: str, topic: str) -> None:
    tenant = Tenant(pk=1, slug="acme", mqtt_topic_prefix=prefix)
    event = OutboxEvent(tenant=tenant, event_type="session.started", charge_point="CP1", at=timezone.now())
    assert messages_of(event, tenant)[0].topic == topic


def test_messages_are_kept_as_long_as_each_tenant_wants(tenant: Tenant, other_tenant: Tenant) -> None:
    stations = {owner.pk: make_station(owner) for owner in (tenant, other_tenant)}
    keep_message_log()
    now = timezone.now()
    for owner in (tenant, other_tenant):
        set_policy(owner, message_log_days=settings.MESSAGE_LOG_DAYS)
        log_message(stations[owner.pk], now - timedelta(hours=20))
        log_message(stations[owner.pk], now)
    set_policy(tenant, message_log_days=0)
    set_policy(other_tenant, message_log_days=None)
    keep_message_log()
    with system_transaction():
        kept = list(LoggedMessage.objects.order_by("tenant_id").values_list("tenant_id", flat=True))
    assert kept == [other_tenant.pk] * 2


def log_message(station: ChargePoint, at: Any) -> None:
    from uuid import uuid4

    from django.db import connections

    with connections["system"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO chargepoints_message (at, tenant_id, charge_point_id, connection_id, direction, kind, "
            "message_id, action, payload, error_code, note) VALUES (%s, %s, %s, %s, 'in', 2, 'm', 'Heartbeat', '[]', '', '')",
            [at, station.tenant_id, station.pk, str(uuid4())],
        )


@pytest.fixture
def api(alice: Any, redis_clean: "redis.Redis") -> APIClient:
    return client_of(alice)
