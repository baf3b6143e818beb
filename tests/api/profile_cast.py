"""Charging profiles by REST: what the tests of them send and read."""

from copy import deepcopy
from typing import Any

from rest_framework.test import APIClient

PROFILE: dict[str, Any] = {
    "chargingProfileId": 7,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]},
}
STATION = "/api/v1/chargepoints/CP1"
PROFILES = f"{STATION}/charging-profiles"
BULK, CLEAR = "/api/v1/charging-profiles/bulk", "/api/v1/charging-profiles/clear"
TEMPLATES = "/api/v1/charging-profile-templates"


def changed(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(PROFILE), **changes}


def with_schedule(**changes: Any) -> dict[str, Any]:
    return changed(chargingSchedule={**PROFILE["chargingSchedule"], **changes})


def post(api: APIClient, profile: Any = PROFILE, connector: int = 1, path: str = PROFILES) -> Any:
    return api.post(path, {"connectorId": connector, "csChargingProfiles": profile}, format="json")


def fields_of(reply: Any) -> dict[str, str]:
    return {error["field"]: error["code"] for error in reply.json()["errors"]}
