"""Errors in the log of all stations: found however long ago, without reading the log."""

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.db import connections
from django.urls import reverse
from django.utils import timezone

from chargepoints.message_pairs import MessageQuery, find_messages
from chargepoints.models import ChargePoint
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tenants.partitions import ensure_partitions
from tests.admin.charge_point.cast import log
from tests.admin.conftest import office
from tests.api.conftest import make_station

pytestmark = pytest.mark.django_db(transaction=True)
INDEX = "chargepoints_message_failed"


@pytest.fixture
def failing(tenant: Tenant) -> list[ChargePoint]:
    """Two stations, each with an error: of now and of three days ago, under one and the same message id."""
    now = timezone.now().replace(microsecond=0)
    ensure_partitions("chargepoints_message", (now - timedelta(days=4)).date(), now.date())
    stations = [make_station(tenant, "CP1"), make_station(tenant, "CP2")]
    for station, at in zip(stations, (now - timedelta(minutes=1), now - timedelta(days=3)), strict=True):
        log(
            station,
            ("in", 2, "fine", "Heartbeat", '[2,"fine","Heartbeat",{}]'),
            ("out", 3, "fine", "Heartbeat", '[3,"fine",{}]'),
            ("out", 2, "same", f"Reset of {station}", '[2,"same","Reset",{}]'),
            ("in", 4, "same", "Reset", '[4,"same","InternalError","",{}]'),
            at=at,
        )
    return stations


def test_errors_of_all_stations_are_shown_with_their_calls(failing: list[ChargePoint], bob: User) -> None:
    page = office(bob).get(reverse("admin:message_log"), {"failed": "on"}).content.decode()
    assert page.find("Reset of CP1") in range(page.find("Reset of CP2"))
    assert "last hour" not in page
    assert "Heartbeat</span>" not in page


def plan_of(sql: str) -> str:
    with connections["owner"].cursor() as cursor:
        # Few rows are read quicker than an index.
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


def test_they_are_found_by_their_index(failing: list[ChargePoint]) -> None:
    with tenant_transaction(failing[0].tenant_id):
        for direction in ("", "in", "out"):
            assert len(find_messages(MessageQuery(failed=True, direction=direction))[0]) == (
                0 if direction == "in" else 2
            )
    part = f"chargepoints_message_{datetime.now(UTC):%Y%m%d}"
    tenant_id = failing[0].tenant_id
    for kinds in ("kind IN (0, 4)", "(kind = 0 AND direction = 'in' OR kind = 4 AND direction = 'out')"):
        plan = plan_of(f"SELECT * FROM {part} WHERE tenant_id = {tenant_id} AND {kinds} ORDER BY at DESC")
        assert "kind" not in plan.partition("Index Cond")[2].partition("Filter")[0]
        assert "Seq Scan" not in plan


def test_the_index_is_made_beside_partitions_that_are_there_and_after_a_break(failing: list[ChargePoint]) -> None:
    migration = import_module("chargepoints.migrations.0013_errors_of_the_log")
    part = f"chargepoints_message_{datetime.now(UTC):%Y%m%d}"
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"DROP INDEX {INDEX}")
        # Broken off: made for one partition, and not attached.
        cursor.execute(f"CREATE INDEX {INDEX} ON ONLY chargepoints_message {migration.ERRORS}")
        cursor.execute(f'CREATE INDEX "{part}_failed" ON "{part}" {migration.ERRORS}')
    with connections["owner"].schema_editor(atomic=False) as editor:
        migration.index_errors(None, editor)
        migration.index_errors(None, editor)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", [INDEX])
        assert cursor.fetchone() == (True,)
        cursor.execute(migration.WITHOUT, [migration.PARENT, INDEX])
        assert cursor.fetchall() == []
