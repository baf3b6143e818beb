"""What tests of a session's page share: sessions that ended, what stations said, records, and what the pages show."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.urls import reverse

from chargepoints.models import (
    ChargePoint,
    StatusChange,
    Transaction,
)
from metering.models import ChargeDetailRecord
from tenants.context import tenant_transaction
from tenants.models import User
from tests.admin.conftest import office
from tests.api.conftest import make_session

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def stopped(station: ChargePoint, protocol_id: str = "1", **fields: Any) -> Transaction:
    given = {"stopped_at": NOON + HOUR, "stop_received_at": NOON + HOUR, "meter_stop_wh": Decimal(8000)}
    return make_session(station, protocol_id, state="stopped", **{"stop_reason": "EVDisconnected", **given, **fields})


def say(station: ChargePoint, status: str, at: datetime, error: str = "NoError") -> StatusChange:
    with tenant_transaction(station.tenant_id):
        return StatusChange.objects.create(
            tenant_id=station.tenant_id,
            charge_point=station,
            evse_number=1,
            status=status,
            error_code=error,
            at=at,
            received_at=at,
        )


def page_of(session: Transaction, name: str = "chargepoints_transaction_change") -> str:
    return reverse(f"admin:{name}", args=[session.pk])


def shown(user: User, session: Transaction, name: str = "chargepoints_transaction_change") -> str:
    answer = office(user).get(page_of(session, name))
    assert answer.status_code == 200
    return str(answer.content.decode())


def make_record(session: Transaction, **fields: Any) -> ChargeDetailRecord:
    with tenant_transaction(session.tenant_id):
        line = {
            **{"type": "ENERGY", "element": 0, "quantity": "7", "rounded_up": "0", "unit": "kWh", "price": "0.4"},
            **{"vat": "19", "amount": "2.8", "tax": "0.532", "text": ""},
        }
        return ChargeDetailRecord.objects.create(
            tenant_id=session.tenant_id,
            transaction=session,
            number="2026-000007",
            charge_point="CP1",
            connector=1,
            id_tag="TAG",
            started_at=NOON,
            stopped_at=NOON + HOUR,
            currency="EUR",
            charging_seconds=3000,
            parking_seconds=600,
            meter_start_wh=1000,
            meter_stop_wh=8000,
            energy_wh=7000,
            lines=[line],
            total_excl_tax=Decimal("2.80"),
            total_tax=Decimal("0.53"),
            total_incl_tax=Decimal("3.33"),
            **fields,
        )
