"""Profiles in commands as a person writes them (`call`, bulk, forms): what would take a circuit's fuse away is refused.

Whatever else is wrong with such a profile the station says.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from chargepoints.models import ChargePoint
from chargepoints.protocol.errors import Code, violation
from smartcharging.models import ChargingProfile
from smartcharging.profiles.problems import InvalidProfile, problem
from smartcharging.profiles.translation import profile_from_ocpp16
from smartcharging.services.bulk_profiles import held_at
from smartcharging.services.clearing import HELD
from smartcharging.services.settling import matching

REASON = "held_by_load_management"
State = ChargingProfile.State


def check_set(payload: dict[str, Any], stations: QuerySet[ChargePoint]) -> None:
    """SetChargingProfile by hand. Raises OcppError at the stack level."""
    _check(payload.get("csChargingProfiles"), payload["connectorId"], stations, "csChargingProfiles")


def check_start(payload: dict[str, Any], stations: QuerySet[ChargePoint]) -> None:
    """The profile that a remote start by hand brings along."""
    if "chargingProfile" in payload:
        _check(payload["chargingProfile"], payload.get("connectorId", 0), stations, "chargingProfile")


def check_clear(payload: dict[str, Any], stations: QuerySet[ChargePoint]) -> None:
    """ClearChargingProfile by hand: not what load management has installed there."""
    held = ChargingProfile.objects.filter(
        matching(payload), state__in=[State.SENDING, State.INSTALLED], source=ChargingProfile.Source.CIRCUIT
    )
    if held.filter(charge_point__in=stations.order_by()).exists():
        raise violation(Code.PROPERTY, next(iter(payload), "payload"), HELD)


def _check(written: Any, evse_number: int, stations: QuerySet[ChargePoint], path: str) -> None:
    try:
        profile = profile_from_ocpp16(written, path=path)
    except InvalidProfile:
        return
    for part in _parts(list(stations.order_by().values_list("pk", flat=True))):
        if held_at(part, evse_number, profile):
            raise violation(Code.PROPERTY, f"{path}.stackLevel", problem(REASON, path).sentence)


def _parts(ids: list[int], size: int = 1000) -> Iterator[list[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
