"""What keeps a circuit's fuse is not taken away by a command written by hand."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, ConfigurationKey
from smartcharging.models import ChargingProfile, Circuit, CircuitMember
from tenants.context import tenant_transaction
from tests.api.conftest import api, make_station, station

__all__ = ["api", "station"]
PERIODS = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 32.0}]}


def profile(purpose: str, level: int) -> dict[str, Any]:
    return {
        "chargingProfileId": 5,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": PERIODS,
    }


@pytest.fixture
def managed(station: ChargePoint) -> ChargePoint:
    """CP1, whose connector 1 is on a circuit; its highest stack level is 3."""
    with tenant_transaction(station.tenant_id):
        circuit = Circuit.objects.create(tenant_id=station.tenant_id, name="Yard", capacity=32)
        CircuitMember.objects.create(tenant_id=station.tenant_id, circuit=circuit, charge_point=station, evse_number=1)
        ConfigurationKey.objects.create(
            tenant_id=station.tenant_id,
            charge_point=station,
            key="ChargeProfileMaxStackLevel",
            value="3",
            reported_at=timezone.now(),
        )
    return station


def call(api: APIClient, action: str, payload: dict[str, Any], identity: str = "CP1") -> Any:
    body = {"action": action, "payload": payload}
    return api.post(f"/api/v1/chargepoints/{identity}/call", body, format="json")


@pytest.mark.parametrize("connector", [0, 1])
def test_a_default_at_the_highest_level_is_refused_also_for_the_whole_station(
    api: APIClient, managed: ChargePoint, connector: int
) -> None:
    payload = {"connectorId": connector, "csChargingProfiles": profile("TxDefaultProfile", 3)}
    answer = call(api, "SetChargingProfile", payload)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"].endswith("csChargingProfiles.stackLevel")
    lower = payload | {"csChargingProfiles": profile("TxDefaultProfile", 2)}
    # It is only offline.
    assert call(api, "SetChargingProfile", lower).status_code == 409


def test_a_profile_of_a_remote_start_at_the_highest_level_is_refused(api: APIClient, managed: ChargePoint) -> None:
    payload = {"idTag": "TAG", "chargingProfile": profile("TxProfile", 3)}
    answer = call(api, "RemoteStartTransaction", payload)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].endswith("chargingProfile.stackLevel")


def test_clearing_what_load_management_holds_is_refused(api: APIClient, managed: ChargePoint) -> None:
    with tenant_transaction(managed.tenant_id):
        ChargingProfile.objects.create(
            tenant_id=managed.tenant_id,
            charge_point=managed,
            evse_number=1,
            profile_id=1_000_000,
            purpose="tx_default",
            stack_level=3,
            kind="relative",
            schedule={},
            state="installed",
            source="circuit",
        )
    for payload in ({}, {"id": 1_000_000}, {"connectorId": 1}):
        assert call(api, "ClearChargingProfile", payload).status_code == 400
    assert call(api, "ClearChargingProfile", {"id": 7}).status_code == 409


def test_bulk_by_hand_is_refused_where_one_of_the_stations_is_managed(api: APIClient, managed: ChargePoint) -> None:
    with tenant_transaction(managed.tenant_id):
        tenant = managed.tenant
    make_station(tenant, "CP2")
    payload = {"connectorId": 1, "csChargingProfiles": profile("TxDefaultProfile", 8)}
    body = {"action": "SetChargingProfile", "payload": payload, "chargePointIds": ["CP1", "CP2"]}
    assert api.post("/api/v1/commands/bulk", body, format="json").status_code == 400
    body["chargePointIds"] = ["CP2"]
    assert api.post("/api/v1/commands/bulk", body, format="json").status_code == 202
