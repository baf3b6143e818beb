"""What tests of circuits share: short ways to make them over the API."""

from typing import Any

from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Connector, Evse
from tenants.context import tenant_transaction

BASE = "/api/v1"


def make_circuit(api: APIClient, name: str = "Site", capacity: str = "63", **fields: Any) -> Any:
    answer = api.post(f"{BASE}/circuits", {"name": name, "capacity": capacity, **fields}, format="json")
    assert answer.status_code == 201, answer.json()
    return answer.json()["data"]


def change(api: APIClient, circuit: Any, **fields: Any) -> Any:
    return api.patch(f"{BASE}/circuits/{circuit['id']}", fields, format="json")


def put_on(api: APIClient, circuit: Any, charge_point_id: str = "CP1", connector_id: int = 1, **fields: Any) -> Any:
    return api.post(
        f"{BASE}/circuits/{circuit['id']}/members",
        {"chargePointId": charge_point_id, "connectorId": connector_id, **fields},
        format="json",
    )


def member_of(api: APIClient, circuit: Any, charge_point_id: str = "CP1", connector_id: int = 1, **fields: Any) -> Any:
    answer = put_on(api, circuit, charge_point_id, connector_id, **fields)
    assert answer.status_code == 201, answer.json()
    return answer.json()["data"]


def add_connectors(station: ChargePoint, *numbers: int) -> None:
    with tenant_transaction(station.tenant_id):
        for number in numbers:
            evse = Evse.objects.create(tenant_id=station.tenant_id, charge_point=station, number=number)
            Connector.objects.create(tenant_id=station.tenant_id, charge_point=station, evse=evse, status="Available")


def refusals(answer: Any, status: int = 400) -> set[tuple[str | None, str]]:
    """(field, reason) of each error."""
    assert answer.status_code == status, answer.json()
    return {(error["field"], error["code"]) for error in answer.json()["errors"]}
