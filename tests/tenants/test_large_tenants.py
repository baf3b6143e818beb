"""`create_test_data --sessions`: a tenant as large as one likes, made by the database."""

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F, Sum

from chargepoints.models import ChargePoint, Command, IdTag, LoggedMessage, StatusChange, Transaction
from csms.test_data.large.rows import Rows
from metering.models import Bucket, ChargeDetailRecord, Period, Sample
from metering.pricing.cost import price_of
from tenants.context import system_transaction, tenant_transaction
from tenants.models import AuditEntry, OutboxEvent, Tenant
from tests.tenants.test_made_up_tenants import NOW, run

SIZE = {"charge_points": 8, "sessions": 400, "days": 60}


def sessions_of(slug: str) -> list[Any]:
    with system_transaction():
        tenant = Tenant.objects.get(slug=slug)
    with tenant_transaction(tenant.pk):
        rows = Transaction.objects.order_by("pk")
        return list(rows.values_list("charge_point__identity", "id_tag", "started_at", "meter_start_wh", "stop_reason"))


def test_a_large_tenant_holds_together(db: None, redis_clean: Any) -> None:
    said = run("create_test_data", **SIZE)
    assert "8 charge points" in said
    with system_transaction():
        tenant = Tenant.objects.get()
        assert tenant.test_data
    with tenant_transaction(tenant.pk):
        assert ChargePoint.objects.count() == 8
        sessions = list(Transaction.objects.order_by("started_at"))
        # As many as were asked for, but for chance.
        assert 300 < len(sessions) < 500
        assert [one.pk for one in sessions] == sorted(one.pk for one in sessions)
        _registers_go_on(sessions)
        over = [one for one in sessions if one.state != "active" and one.verdict == "Accepted"]
        records = list(ChargeDetailRecord.objects.order_by("pk"))
        assert len(records) == len(over)
        for record in records:
            price = price_of(record)
            assert (record.total_excl_tax, record.total_tax) == (price.total_excl_tax, price.total_tax), record.number
            assert record.energy_wh == record.meter_stop_wh - record.meter_start_wh
        assert [one.number for one in records] == sorted(one.number for one in records)
        energy = Transaction.objects.aggregate(wh=Sum(F("last_register_wh") - F("meter_start_wh")))["wh"]
        months = Bucket.objects.filter(period=Period.MONTH).aggregate(wh=Sum("energy_wh"))["wh"]
        # Of sessions that run, what the last reading said is whole Wh.
        assert abs(energy - months) < Decimal(5)
        for model in (Command, IdTag, Sample, StatusChange, LoggedMessage, OutboxEvent, AuditEntry):
            assert model._default_manager.exists(), model
    run("create_test_data", **SIZE)
    run("create_test_data", **SIZE, seed=2)
    # The clock has moved on: what runs now may be over then.
    first, second, other = (sessions_of(f"test-{number}")[:250] for number in (1, 2, 3))
    assert first == second != other


def _registers_go_on(sessions: list[Transaction]) -> None:
    """On a connector no session begins before the last has ended, and its meter goes on where that stood."""
    before: dict[int, Transaction] = {}
    for session in sessions:
        earlier = before.get(session.connector_id)
        if earlier is not None:
            assert earlier.stopped_at is not None
            assert earlier.stopped_at <= session.started_at
            assert earlier.meter_stop_wh == session.meter_start_wh
        before[session.connector_id] = session


def test_more_sessions_than_fit_leave_no_tenant_behind(db: None, redis_clean: Any) -> None:
    with pytest.raises(CommandError, match="at most"):
        call_command("create_test_data", charge_points=1, sessions=5000, days=10, stdout=StringIO(), stderr=StringIO())
    with system_transaction():
        assert not Tenant.objects.exists()


def test_a_column_that_is_forgotten_is_named() -> None:
    rows = Rows(1, 1, NOW, "UTC")
    with pytest.raises(ValueError, match=r"Transaction\.charge_point has no default"):
        rows.insertion(Transaction, {}, "")
    with pytest.raises(ValueError, match="no column nonsense"):
        rows.insertion(IdTag, {"nonsense": "1"}, "")
