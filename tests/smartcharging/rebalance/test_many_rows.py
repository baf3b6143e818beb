"""Rows written many at once are what the ORM would have written."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import DataError

from chargepoints.models import ChargePoint, Command
from smartcharging.models import Allotment, ChargingProfile, Circuit, CircuitMember, LimitSent
from smartcharging.services.reading import COLUMNS, row_values
from tenants.context import tenant_transaction
from tenants.many_rows import insert_rows, sent_as, update_rows
from tenants.models import Tenant

WRITTEN = (Allotment, ChargingProfile, Command, LimitSent)
NASTY = 'a "quoted" word, \\ a backslash, {braces}, NULL and ünïcödé'


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    with tenant_transaction(tenant.pk):
        return ChargePoint.objects.create(tenant=tenant, identity="CP1", identity_key="cp1")


def command(station: ChargePoint, **fields: Any) -> Command:
    values = {"action": "ClearCache", "requested_by": "x", "origin": "system", **fields}
    return Command(tenant_id=station.tenant_id, charge_point=station, **values)


def test_every_column_of_what_is_written_so_has_a_type() -> None:
    for model in WRITTEN:
        assert all(sent_as(field) for field in model._meta.local_concrete_fields)


def test_rows_come_back_as_they_went(tenant: Tenant, station: ChargePoint) -> None:
    rows = [
        command(station, payload={"text": NASTY, "number": 7.5, "list": [1, None, True]}, requested_by=NASTY),
        command(station, reply=None, timeout_s=5, expires_at=datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC)),
        command(station, gateway_id=uuid4(), error_description="", priority=-3),
    ]
    with tenant_transaction(tenant.pk):
        insert_rows(rows)
        assert not any(row._state.adding for row in rows)
        stored = list(Command.objects.order_by("created_at"))
    names = [field.attname for field in Command._meta.local_concrete_fields]
    assert [[getattr(row, name) for name in names] for row in stored] == [
        [getattr(row, name) for name in names] for row in rows
    ]


def test_rows_are_given_their_ids_in_their_order(tenant: Tenant, station: ChargePoint) -> None:
    with tenant_transaction(tenant.pk):
        rows = [
            ChargingProfile(
                tenant=tenant,
                charge_point=station,
                evse_number=1,
                profile_id=number,
                purpose="tx",
                kind="relative",
                schedule={},
            )
            for number in range(30)
        ]
        insert_rows(rows)
        assert dict(ChargingProfile.objects.values_list("pk", "profile_id")) == {row.pk: row.profile_id for row in rows}


def test_what_is_too_long_is_refused_and_not_cut(tenant: Tenant, station: ChargePoint) -> None:
    with pytest.raises(DataError), tenant_transaction(tenant.pk):
        insert_rows([command(station, action="x" * 51)])


def test_only_the_rows_given_are_updated(tenant: Tenant, station: ChargePoint) -> None:
    with tenant_transaction(tenant.pk):
        circuit = Circuit.objects.create(tenant=tenant, name="C", capacity=32)
        members = [
            CircuitMember.objects.create(tenant=tenant, circuit=circuit, charge_point=station, evse_number=number)
            for number in (1, 2, 3)
        ]
        first, second, third = [
            Allotment.objects.create(tenant=tenant, member=member, worst_a=Decimal(32)) for member in members
        ]
        untouched = Allotment.objects.get(pk=third.pk)
        first.worst_a, first.reason, first.sent_at = Decimal("6.5"), NASTY[:40], datetime(2026, 1, 1, tzinfo=UTC)
        second.state, second.transaction_id = Allotment.State.SENDING, 2**40
        update_rows([first, second], COLUMNS)
        update_rows([], COLUMNS)
        for row in (first, second, untouched):
            again = Allotment.objects.get(pk=row.pk)
            assert row_values(again) == row_values(row)
            assert again.updated_at == row.updated_at
