"""Pages of load management: their addresses, what stands on them, and the session that they are about."""

from typing import Any

from django.urls import reverse

from chargepoints.models import ChargePoint, Transaction
from tenants.context import tenant_transaction


def page(name: str, *arguments: Any) -> str:
    return reverse(f"admin:{name}", args=arguments)


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def session_of(station: ChargePoint) -> Transaction:
    with tenant_transaction(station.tenant_id):
        return Transaction.objects.get(charge_point=station)
